import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { safeLocation } from "../../../runtime/http/location.ts";

describe("safeLocation", () => {
  it.each([
    ["/new", "/new"],
    ["/new?a=b&c=%20#d", "/new?a=b&c=%20#d"],
    ["new", "new"],
    ["?page=2", "?page=2"],
    ["#top", "#top"],
    ["../up", "../up"],
    ["https://a.test/x?y#z", "https://a.test/x?y#z"],
    ["HTTP://A.test:8080", "http://A.test:8080"],
    ["https://[::1]:8443/", "https://[::1]:8443/"],
    ["https://münchen.de:444/ü", "https://xn--mnchen-3ya.de:444/%C3%BC"],
    ["/a?u=//b.test/c", "/a?u=//b.test/c"],
    ["/a?u=javascript:1", "/a?u=javascript:1"],
  ])("leaves %s as %s", (text, expected) => {
    expect(safeLocation(text)).toBe(expected);
  });

  it.each([
    ["/a\r\nSet-Cookie: x=1", "/a%0D%0ASet-Cookie:%20x=1"],
    ["/a\n", "/a%0A"],
    ["/嘊嘍", "/%E5%98%8A%E5%98%8D"],
    ["//evil.test/%2e%2e", "/evil.test/%2e%2e"],
    ["/\\evil.test", "/evil.test"],
    ["\\\\evil.test", "/evil.test"],
    ["\\/evil.test", "/evil.test"],
    ["////evil.test", "/evil.test"],
    ["/\t/evil.test", "/%09/evil.test"],
    ["\t//evil.test", "%09//evil.test"],
    [" //evil.test", "%20//evil.test"],
    ["/a\\b", "/a%5Cb"],
    ["/a\0", "/a%00"],
    ['/"<>', "/%22%3C%3E"],
    ["/\ud800", "/%EF%BF%BD"],
    ["/\xe4", "/%C3%A4"],
  ])("makes %j harmless (RFC 9110 §5.5, PUB-46)", (text, expected) => {
    expect(safeLocation(text)).toBe(expected);
  });

  it.each([
    "",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "ftp://a/",
    "http:evil.test",
    "http:/evil.test",
    "http:\\\\evil.test",
    "https://",
    "https:///evil.test",
    "https://good@evil.test/",
    "https://a:b@evil.test/",
    "https://evil.test\\@good/",
    "https://a b/",
    "https://a\r\nb/",
    "https://a:99999/",
    "https://%65vil/",
    "a:b",
  ])("refuses %j", (text) => {
    expect(safeLocation(text)).toBeUndefined();
  });

  it("never leads a browser to another host unless the text names one", () => {
    const piece = fc.constantFrom(
      ...[
        "/",
        "\\",
        "//",
        "\t",
        "\n",
        "\r",
        " ",
        "evil.test",
        "@",
        ":",
        "?",
        "#",
        "..",
        ".",
        "%2f",
      ],
      ...["javascript", "\0", "é", "a", "\u3000", "／"],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const location = safeLocation(pieces.join(""));
        if (location === undefined) return;
        expect(location).toMatch(/^[!-~]+$/);
        expect(new URL(location, "https://own.test/dir/page").host).toBe("own.test");
      }),
      { numRuns: 5_000 },
    );
  });
});
