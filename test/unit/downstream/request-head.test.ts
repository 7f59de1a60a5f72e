import { Socket } from "node:net";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Http1Request } from "../../../runtime/downstream/http1-request.ts";
import { createHeadFacts, readHead } from "../../../runtime/downstream/request-head.ts";

function request(
  line: string,
  fields: readonly string[] = ["Host", "a.test"],
  version: readonly [number, number] = [1, 1],
): Http1Request {
  const [method = "", url = ""] = line.split(" ");
  const made = new Http1Request(new Socket());
  made.method = method;
  made.url = url;
  [made.httpVersionMajor, made.httpVersionMinor] = version;
  made.rawHeaders = [...fields];
  return made;
}

const LIMITS = { targetBytes: 100, headBytes: 1000 };

function read(made: Http1Request, limits = LIMITS) {
  const facts = createHeadFacts();
  const reason = readHead(made, limits, facts);
  return reason === undefined ? facts : reason.error;
}

describe("readHead", () => {
  it.each([
    ["the version, RFC 9112 §2.3", request("GET /", [], [2, 0]), "PROXY_REQUEST_VERSION"],
    ["a minor version to come", request("GET /", [], [1, 2]), "PROXY_REQUEST_VERSION"],
    ["no version", request("GET /", [], [0, 9]), "PROXY_REQUEST_MALFORMED"],
    ["a long target", request(`GET /${"a".repeat(100)}`), "PROXY_REQUEST_TARGET_TOO_LONG"],
    ["no Host, RFC 9112 §3.2", request("GET /", []), "PROXY_REQUEST_HOST"],
    ["two Hosts", request("GET /", ["Host", "a", "hOST", "a"]), "PROXY_REQUEST_HOST"],
    [
      "two Hosts in HTTP/1.0",
      request("GET /", ["Host", "a", "host", "a"], [1, 0]),
      "PROXY_REQUEST_HOST",
    ],
    [
      "both framings, RFC 9112 §6.1",
      request("GET /", ["Host", "a", "Content-Length", "1", "Transfer-Encoding", "chunked"]),
      "PROXY_REQUEST_MALFORMED",
    ],
    [
      "another coding",
      request("GET /", ["Host", "a", "Transfer-Encoding", "gzip"]),
      "PROXY_REQUEST_TRANSFER_ENCODING",
    ],
    [
      "chunked in HTTP/1.0",
      request("GET /", ["Transfer-Encoding", "chunked"], [1, 0]),
      "PROXY_REQUEST_MALFORMED",
    ],
    ["CONNECT", request("CONNECT a:1"), "PROXY_REQUEST_METHOD"],
    [
      "an unknown expectation, RFC 9110 §10.1.1",
      request("PUT /", ["Host", "a", "Expect", "x"]),
      "PROXY_REQUEST_EXPECTATION",
    ],
    [
      "two expectations",
      request("PUT /", ["Host", "a", "Expect", "100-continue", "expect", "x"]),
      "PROXY_REQUEST_EXPECTATION",
    ],
    ["a target that is none", request("GET x"), "PROXY_REQUEST_TARGET"],
  ])("refuses %s", (_rule, made, code) => {
    expect(read(made)).toBe(code);
  });

  it("counts every byte of a head, whatever the fields are cut into", () => {
    const fields = ["Host", "a.test", ...Array.from({ length: 200 }, () => "a")];
    const head = "GET / HTTP/1.1\r\nHost: a.test\r\n" + "a: a\r\n".repeat(100) + "\r\n";
    const made = request("GET /", fields);
    expect(read(made, { ...LIMITS, headBytes: head.length })).toMatchObject({ target: "/" });
    expect(read(made, { ...LIMITS, headBytes: head.length - 1 })).toBe(
      "PROXY_REQUEST_HEAD_TOO_LARGE",
    );
  });

  it("ignores Expect of HTTP/1.0, which does not wait for 100", () => {
    const made = request("PUT /", ["Expect", "x", "Content-Length", "1"], [1, 0]);
    expect(read(made)).toMatchObject({
      authority: "",
      expectsContinue: false,
      hasContent: true,
      length: 1,
    });
  });

  it("leaves nothing of one request in the facts of the next", () => {
    const facts = createHeadFacts();
    const first = request("PUT http://b.test/x", [
      "Host",
      "a",
      "Expect",
      "100-continue",
      "Transfer-Encoding",
      "chunked",
    ]);
    expect(readHead(first, LIMITS, facts)).toBeUndefined();
    expect(facts).toEqual({
      target: "/x",
      authority: "b.test",
      hasContent: true,
      length: undefined,
      expectsContinue: true,
    });
    expect(readHead(request("GET /y"), LIMITS, facts)).toBeUndefined();
    expect(facts).toEqual({
      target: "/y",
      authority: "a.test",
      hasContent: false,
      length: undefined,
      expectsContinue: false,
    });
  });

  it("never takes more than one Host, whatever stands around it", () => {
    const name = fc.constantFrom("Host", "host", "HOST", "X", "Accept", "Expect-CT");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, fc.constantFrom("a.test", "b", "1.2.3.4:80"))),
        (lines) => {
          const hosts = lines.filter(([name]) => name.toLowerCase() === "host").length;
          const result = read(request("GET /", lines.flat()));
          expect(typeof result === "string").toBe(hosts !== 1);
        },
      ),
    );
  });
});
