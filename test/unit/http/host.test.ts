import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isAuthority, parseAuthority } from "../../../runtime/http/host.ts";

describe("parseAuthority", () => {
  it.each([
    ["a.test", "a.test", undefined],
    ["A.Test:80", "a.test", 80],
    ["a.test.", "a.test", undefined],
    ["a.test.:8080", "a.test", 8080],
    ["a_b-c~d", "a_b-c~d", undefined],
    ["127.0.0.1:65535", "127.0.0.1", 65_535],
    ["localhost:0", "localhost", 0],
    ["a.test:", "a.test", undefined],
    ["a.test:00080", "a.test", 80],
    ["[::1]", "[::1]", undefined],
    ["[2001:DB8::1]:443", "[2001:db8::1]", 443],
    ["[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", undefined],
    ["xn--mnchen-3ya.de", "xn--mnchen-3ya.de", undefined],
  ])("takes %s apart (RFC 9110 §7.2, RFC 3986 §3.2.2)", (text, host, port) => {
    expect(parseAuthority(text)).toEqual({ host, port });
    expect(isAuthority(text)).toBe(true);
  });

  it.each([
    "",
    ":80",
    ".",
    ".a",
    "a..b",
    "a..",
    "a, b",
    "a,b",
    "a@b",
    "a/../b",
    "a/b",
    "a b",
    " a",
    "a ",
    "a\t",
    "a\\b",
    "a?b",
    "a#b",
    "a%2eb",
    "*.a.test",
    "a;b",
    "a:b",
    "a:80:80",
    "a:-1",
    "a:+80",
    "a: 80",
    "a:65536",
    "a:000080",
    "::1",
    "[::1",
    "[::1]a",
    "[::1]]",
    "[::1%25eth0]",
    "[fe80::1%eth0]",
    "[v1.a]",
    "[]",
    "[1.2.3.4]",
    "münchen.de",
    "a\0",
    "a\r\nb",
    "a".repeat(256),
  ])("refuses %j", (text) => {
    expect(parseAuthority(text)).toBeUndefined();
    expect(isAuthority(text)).toBe(false);
  });

  it("gives a host that parses to itself", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."aZ0-._~:[]@,/ %".split("")) }), (text) => {
        const authority = parseAuthority(text);
        if (authority === undefined) return;
        expect(parseAuthority(authority.host)).toEqual({ host: authority.host, port: undefined });
        expect(authority.host).toBe(authority.host.toLowerCase());
      }),
      { numRuns: 2_000 },
    );
  });
});
