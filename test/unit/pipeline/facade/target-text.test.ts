import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { pathText, searchText } from "../../../../runtime/pipeline/facade/target-text.ts";

describe("pathText", () => {
  it.each([
    ["/", "/"],
    ["/a/b;c=1@x:y", "/a/b;c=1@x:y"],
    ["/a%20b", "/a%20b"],
    ["/a b", "/a%20b"],
    ["/100%", "/100%25"],
    ["/%zz", "/%25zz"],
    ["/a?b#c", "/a%3Fb%23c"],
    ["/日本", "/%E6%97%A5%E6%9C%AC"],
    ["/😀", "/%F0%9F%98%80"],
    ["/a\r\nX: 1", "/a%0D%0AX:%201"],
    ["/a\\b", "/a%5Cb"],
    ['/"<>`{|}^', "/%22%3C%3E%60%7B%7C%7D%5E"],
  ])("makes %j a path that a request line can carry: %j", (given, text) => {
    expect(pathText(given)).toBe(text);
  });

  it.each(["", "a", "*", "http://x/", undefined, 5])("refuses %j", (path) => {
    expect(() => pathText(path as string)).toThrow(TypeError);
  });

  it("gives only characters of RFC 3986 §3.3 and changes nothing the second time", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const path = pathText(`/${text}`);
        expect(path).toMatch(/^\/(?:[!$&'()*+,\-./:;=@_~0-9A-Za-z]|%[0-9A-Fa-f]{2})*$/);
        expect(pathText(path)).toBe(path);
      }),
    );
  });
});

describe("searchText", () => {
  it.each([
    ["", ""],
    ["?", "?"],
    ["?a=1&b=%20?/", "?a=1&b=%20?/"],
    ["a=1", "?a=1"],
    ["?a=b c#d", "?a=b%20c%23d"],
    ["?\r\n", "?%0D%0A"],
  ])("makes %j a query: %j", (given, text) => {
    expect(searchText(given)).toBe(text);
  });

  it("refuses what is no string", () => {
    expect(() => searchText(undefined as unknown as string)).toThrow(TypeError);
  });
});
