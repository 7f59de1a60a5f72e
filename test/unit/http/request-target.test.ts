import { describe, expect, it } from "vitest";

import { parseRequestTarget } from "../../../runtime/http/request-target.ts";

describe("parseRequestTarget", () => {
  it.each([
    ["GET", "/", { kind: "origin", target: "/" }],
    ["GET", "/a?b=//c", { kind: "origin", target: "/a?b=//c" }],
    ["GET", "//cms/x", { kind: "origin", target: "//cms/x" }],
    ["OPTIONS", "*", { kind: "asterisk", target: "*" }],
    [
      "GET",
      "http://A.test:80/x?y",
      { kind: "absolute", target: "/x?y", scheme: "http", authority: "A.test:80" },
    ],
    [
      "GET",
      "HTTPS://a.test",
      { kind: "absolute", target: "/", scheme: "https", authority: "a.test" },
    ],
    ["GET", "http://a?q", { kind: "absolute", target: "/?q", scheme: "http", authority: "a" }],
    ["OPTIONS", "http://a", { kind: "absolute", target: "*", scheme: "http", authority: "a" }],
    ["OPTIONS", "http://a/", { kind: "absolute", target: "/", scheme: "http", authority: "a" }],
    ["GET", "http://[::1]/", { kind: "absolute", target: "/", scheme: "http", authority: "[::1]" }],
    ["CONNECT", "a.test:443", { kind: "authority", target: "a.test:443", authority: "a.test:443" }],
  ])("takes %s %s apart (RFC 9112 §3.2)", (method, raw, expected) => {
    expect(parseRequestTarget(method, raw)).toEqual(expected);
  });

  it.each([
    ["GET", ""],
    ["GET", "*"],
    ["GET", "*a"],
    ["OPTIONS", "*/"],
    ["GET", "/a#b"],
    ["GET", "http://a/#b"],
    ["GET", "ftp://a/"],
    ["GET", "javascript://a/"],
    ["GET", "http:/a"],
    ["GET", "http:///a"],
    ["GET", "http://u@a/"],
    ["GET", "http://u:p@a/"],
    ["GET", "http://a,b/"],
    ["GET", "http://a:99999/"],
    ["GET", "http://a\\b/"],
    ["GET", "a.test:443"],
    ["GET", "a/b"],
    ["GET", "://a/"],
    ["GET", "/a b"],
    ["GET", "/a\tb"],
    ["GET", "/a\0"],
    ["GET", "/a\x7f"],
    ["GET", "/\xe4"],
    ["GET", "/日"],
    ["CONNECT", "/a"],
    ["CONNECT", "a.test"],
    ["CONNECT", "http://a.test:443/"],
    ["CONNECT", "*"],
  ])("refuses %s %j", (method, raw) => {
    expect(parseRequestTarget(method, raw)).toMatchObject({ error: "PROXY_REQUEST_TARGET" });
  });
});
