import { describe, expect, it } from "vitest";

import {
  fieldObject,
  writeHttp2ResponseHead,
} from "../../../runtime/downstream/http2-response-head.ts";

function write(status: number, fields: readonly string[], method = "GET") {
  const head = { list: [] as string[], hasContent: false, length: -1 };
  writeHttp2ResponseHead(status, fields, method, head);
  return head;
}

describe("writeHttp2ResponseHead", () => {
  it("begins with the status and keeps order, number and bytes", () => {
    const head = write(200, ["X-B", "1", "x-a", "\xe4", "X-B", "2", "Content-Length", "5"]);
    expect(head).toEqual({
      list: [":status", "200", "X-B", "1", "x-a", "\xe4", "X-B", "2", "Content-Length", "5"],
      hasContent: true,
      length: 5,
    });
  });

  it("leaves out what concerns one connection (RFC 9113 §8.2.2)", () => {
    const names = [
      "Connection",
      "Keep-Alive",
      "Proxy-Connection",
      "Transfer-Encoding",
      "Upgrade",
      "HTTP2-Settings",
      "TE",
    ];
    expect(
      write(
        200,
        names.flatMap((name) => [name, "x"]),
      ).list,
    ).toEqual([":status", "200"]);
  });

  it.each([
    ["HEAD", 200, false, 5, true],
    ["GET", 204, false, 5, false],
    ["GET", 205, false, 5, false],
    ["GET", 304, false, 5, true],
    ["GET", 404, true, 5, true],
  ])("%s %i: content %s, length %i, field kept: %s", (method, status, hasContent, length, kept) => {
    const head = write(status, ["Content-Length", "5"], method);
    expect([head.hasContent, head.length, head.list.length === 4]).toEqual([
      hasContent,
      length,
      kept,
    ]);
  });

  it("cuts space around a value, which would make the response malformed (RFC 9113 §8.2.1)", () => {
    expect(write(200, ["x-a", " \ta b\t "]).list).toEqual([":status", "200", "x-a", "a b"]);
  });

  it.each([
    ["a line break in a value", ["x-a", "a\r\nb"]],
    ["NUL in a value", ["x-a", "a\0b"]],
    ["a character that is no byte", ["x-a", "€"]],
    ["a pseudo-field", [":path", "/"]],
    ["an empty name", ["", "a"]],
    ["a name with a space", ["x a", "a"]],
    ["a length that is none", ["content-length", "5, 5"]],
    ["two lengths that differ", ["content-length", "5", "content-length", "6"]],
  ])("throws on %s, before anything is sent", (_name, fields) => {
    expect(() => write(200, fields)).toThrow(expect.objectContaining({ code: "PROXY_INTERNAL" }));
  });

  it.each([100, 199, 600, 999])(
    "throws on status %i, which node would throw on later",
    (status) => {
      expect(() => write(status, [])).toThrow(
        expect.objectContaining({ code: "PROXY_UPSTREAM_PROTOCOL" }),
      );
    },
  );
});

describe("fieldObject", () => {
  it("groups repeated fields, in lower case", () => {
    expect({
      ...fieldObject(["Link", "</a>", "X-A", "1", "link", "</b>", "LINK", "</c>"]),
    }).toEqual({
      link: ["</a>", "</b>", "</c>"],
      "x-a": "1",
    });
  });

  it("takes a field named __proto__ for a field", () => {
    expect(Object.keys(fieldObject(["__proto__", "1"]))).toEqual(["__proto__"]);
  });
});
