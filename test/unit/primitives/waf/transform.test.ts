import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { hasBadPercent, urlDecode } from "../../../../runtime/primitives/waf/percent.ts";
import type { WafTransformation } from "../../../../runtime/primitives/waf/rule.ts";
import { transformValue } from "../../../../runtime/primitives/waf/transform.ts";

const TABLE: readonly (readonly [WafTransformation, string, string])[] = [
  ["urlDecodeUni", "a+b%20c%u0027%zz", "a b c'%zz"],
  ["urlDecodeUni", "%c0%af%e0%80%af", "//"],
  ["urlDecodeDeep", "%252527", "'"],
  ["htmlEntityDecode", "&lt;&#x27;&#39;", "<''"],
  ["jsDecode", "\\u0027\\x27\\47\\u{27}\\/", "''''/"],
  ["cssDecode", "\\65 xp", "exp"],
  ["lowercase", "AbC", "abc"],
  ["compressWhitespace", "a \t\n\u00a0b", "a b"],
  ["removeWhitespace", "a b\tc", "abc"],
  ["removeNulls", "a\0b", "ab"],
  ["replaceComments", "un/**/ion/*x", "un ion "],
  ["normalizePath", "/a/./b/../../etc//passwd", "/etc/passwd"],
  ["normalizePathWin", "a\\..\\b", "b"],
  ["base64Decode", Buffer.from("readable").toString("base64"), "readable"],
  ["base64Decode", "documents", "documents"],
  ["base64Decode", Buffer.from("readable text, long").toString("base64"), "readable text, long"],
  ["base64Decode", "internationalisation", "internationalisation"],
  ["utf8toUnicode", "\uff07a", "'a"],
  ["cmdLine", 'c"a^t ,/etc', "cat/etc"],
  ["hexDecode", "414243", "ABC"],
  ["sqlHexDecode", "x=0x414243", "x=ABC"],
  ["trim", " a ", "a"],
  ["length", "abc", "3"],
];

describe("transformations", () => {
  it.each(TABLE)("%s turns %j into %j", (name, value, expected) => {
    expect(transformValue(value, [name])).toBe(expected);
  });

  it("decode what encodeURIComponent encodes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const whole = text.toWellFormed();
        expect(urlDecode(encodeURIComponent(whole), false)).toBe(whole);
        expect(hasBadPercent(encodeURIComponent(whole))).toBe(false);
      }),
    );
  });

  it("are total: no text makes one throw", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        for (const [name] of TABLE) expect(typeof transformValue(text, [name])).toBe("string");
      }),
    );
  });

  it.each(["%", "%4", "%zz", "%c0%af", "%ff", "%ed%a0%80"])("know %s for no UTF-8", (text) => {
    expect(hasBadPercent(text)).toBe(true);
  });
});
