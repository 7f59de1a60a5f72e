import { describe, expect, it } from "vitest";

import { originText } from "../../../runtime/http/origin.ts";

describe("originText", () => {
  it.each([
    ["http", "A.test", "http://a.test"],
    ["http", "a.test:80", "http://a.test"],
    ["https", "a.test:80", "https://a.test:80"],
    ["https", "a.test.:443", "https://a.test"],
    ["https", "[::1]:8443", "https://[::1]:8443"],
    ["http", "", "http://"],
    ["http", "A,b", "http://a,b"],
  ] as const)("writes %s and %j as %s (RFC 9110 §4.2.3)", (scheme, authority, origin) => {
    expect(originText(scheme, authority)).toBe(origin);
  });
});
