import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  createHttp2HeadFacts,
  readHttp2Head,
} from "../../../runtime/downstream/http2-request-head.ts";

const LIMITS = { headBytes: 16_384, targetBytes: 8192 };
const PSEUDO = [":method", "GET", ":scheme", "https", ":authority", "a.test", ":path", "/p?q"];

function read(raw: readonly string[], limits = LIMITS) {
  const facts = createHttp2HeadFacts();
  return { refusal: readHttp2Head(raw, limits, facts), facts };
}

describe("readHttp2Head", () => {
  it("takes pseudo-fields out and leaves the rest as it is", () => {
    const raw = [...PSEUDO, "x-b", "1", "x-a", "\xe4", "x-b", "2", "te", "trailers"];
    const before = [...raw];
    const { refusal, facts } = read(raw);
    expect(refusal).toBeUndefined();
    expect(facts).toEqual({
      method: "GET",
      target: "/p?q",
      authority: "a.test",
      fields: ["x-b", "1", "x-a", "\xe4", "x-b", "2", "te", "trailers"],
      length: undefined,
      expectsContinue: false,
      acceptsTrailers: true,
      upgrade: undefined,
    });
    expect(raw).toEqual(before);
  });

  it("forgets what the head before said", () => {
    const facts = createHttp2HeadFacts();
    const upgrade = [":method", "CONNECT", ":protocol", "WebSocket", ...PSEUDO.slice(2)];
    readHttp2Head(
      [...upgrade, "expect", "100-continue", "te", "trailers", "content-length", "5"],
      LIMITS,
      facts,
    );
    expect(facts).toMatchObject({
      upgrade: "websocket",
      method: "GET",
      length: 5,
      expectsContinue: true,
      acceptsTrailers: true,
    });
    readHttp2Head(PSEUDO, LIMITS, facts);
    expect(facts).toMatchObject({
      upgrade: undefined,
      length: undefined,
      expectsContinue: false,
      acceptsTrailers: false,
    });
  });

  it("joins Cookie crumbs at the place of the first, whatever is between them (RFC 9113 §8.2.3)", () => {
    const name = fc.constantFrom("cookie", "x-a", "accept");
    const value = fc.string({ unit: fc.constantFrom("a", "=", "1"), maxLength: 5 });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 12 }), (fields) => {
        const { facts } = read([...PSEUDO, ...fields.flat()]);
        const crumbs = fields.filter(([one]) => one === "cookie").map(([, text]) => text);
        const expected: string[] = [];
        for (const [one, text] of fields) {
          if (one !== "cookie") expected.push(one, text);
          else if (!expected.includes("cookie")) expected.push("cookie", crumbs.join("; "));
        }
        expect(facts.fields).toEqual(expected);
      }),
    );
  });

  it.each([
    ["Host alone", [...PSEUDO.slice(0, 4), ":path", "/", "host", "b.test"], "b.test"],
    ["Host in another case", [...PSEUDO, "host", "A.Test"], "a.test"],
  ])("takes the authority from %s", (_name, raw, authority) => {
    const { refusal, facts } = read(raw);
    expect(refusal).toBeUndefined();
    expect(facts.authority).toBe(authority);
  });

  it.each<readonly [name: string, raw: readonly string[], error: string]>([
    ["a differing Host", [...PSEUDO, "host", "b.test"], "PROXY_REQUEST_HOST"],
    ["a Host with a port of its own", [...PSEUDO, "host", "a.test:443"], "PROXY_REQUEST_HOST"],
    ["two Hosts", [...PSEUDO, "host", "a.test", "host", "a.test"], "PROXY_REQUEST_HOST"],
    ["no authority", [...PSEUDO.slice(0, 4), ":path", "/"], "PROXY_REQUEST_HOST"],
    [
      "user information",
      [":method", "GET", ":scheme", "http", ":authority", "a@b.test", ":path", "/"],
      "PROXY_REQUEST_HOST",
    ],
    [
      "an empty authority",
      [":method", "GET", ":scheme", "http", ":authority", "", ":path", "/"],
      "PROXY_REQUEST_HOST",
    ],
    ["no path", PSEUDO.slice(0, 6), "PROXY_REQUEST_MALFORMED"],
    [
      "an absolute URI",
      [...PSEUDO.slice(0, 6), ":path", "http://b.test/"],
      "PROXY_REQUEST_MALFORMED",
    ],
    ["* for GET", [...PSEUDO.slice(0, 6), ":path", "*"], "PROXY_REQUEST_TARGET"],
    [
      "a foreign scheme",
      [":method", "GET", ":scheme", "ws", ":authority", "a.test", ":path", "/"],
      "PROXY_REQUEST_MALFORMED",
    ],
    ["a length that is none", [...PSEUDO, "content-length", "1_0"], "PROXY_REQUEST_MALFORMED"],
    ["space around a value", [...PSEUDO, "x-a", "a "], "PROXY_REQUEST_MALFORMED"],
    [
      "two expectations",
      [...PSEUDO, "expect", "100-continue", "expect", "100-continue"],
      "PROXY_REQUEST_EXPECTATION",
    ],
    ["CONNECT", [":method", "CONNECT", ":authority", "a.test:443"], "PROXY_REQUEST_METHOD"],
    [
      "a long target",
      [...PSEUDO.slice(0, 6), ":path", `/${"a".repeat(8192)}`],
      "PROXY_REQUEST_TARGET_TOO_LONG",
    ],
    ["a long head", [...PSEUDO, "x-a", "a".repeat(16_384)], "PROXY_REQUEST_HEAD_TOO_LARGE"],
  ])("refuses %s", (_name, raw, error) => {
    expect(read(raw).refusal?.error).toBe(error);
  });

  it("counts every field as HTTP/1.1 would, so that both protocols have one limit", () => {
    const many = Array.from({ length: 200 }, () => ["x-a", "1"]).flat();
    const bytes = 200 * "x-a: 1\r\n".length;
    const own = PSEUDO.filter((_text, at) => at % 2 === 1).reduce(
      (sum, text) => sum + text.length + 4,
      0,
    );
    expect(
      read([...PSEUDO, ...many], { ...LIMITS, headBytes: bytes + own }).refusal,
    ).toBeUndefined();
    expect(
      read([...PSEUDO, ...many], { ...LIMITS, headBytes: bytes + own - 1 }).refusal?.error,
    ).toBe("PROXY_REQUEST_HEAD_TOO_LARGE");
  });

  it("gives an extended CONNECT for websocket a key of its own, and no other (RFC 8441 §5)", () => {
    const connect = (protocol: string): string[] =>
      read([":method", "CONNECT", ":protocol", protocol, ...PSEUDO.slice(2)]).facts.fields;
    const [name, key = ""] = connect("websocket");
    expect(name).toBe("Sec-WebSocket-Key");
    expect(Buffer.from(key, "base64")).toHaveLength(16);
    expect(connect("websocket")[1]).not.toBe(key);
    expect(connect("other")).toEqual([]);
  });

  it("never throws, whatever nghttp2 lets through", () => {
    const text = fc.string({ unit: "binary-ascii", maxLength: 20 });
    const name = fc.oneof(
      fc.constantFrom(
        ":method",
        ":path",
        ":scheme",
        ":authority",
        ":protocol",
        "host",
        "cookie",
        "content-length",
        "expect",
        "te",
      ),
      text,
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, text), { maxLength: 20 }), (fields) => {
        const { refusal, facts } = read(fields.flat());
        if (refusal !== undefined) return;
        expect(facts.target).toMatch(/^(\/|\*$)/);
        expect(facts.authority).not.toBe("");
        expect(
          facts.fields.filter((_text, at) => at % 2 === 0 && _text === "cookie").length,
        ).toBeLessThan(2);
      }),
    );
  });
});
