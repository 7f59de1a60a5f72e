import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  hasVariantTag,
  notModifiedTag,
  toOriginTags,
  toVariantTag,
} from "../../../../runtime/primitives/compress/variant-tag.ts";

describe("tags of coded variants (PUB-18, RFC 9110 §8.8.3.3)", () => {
  it("are weak, and lead back to exactly the tag that they were made from", () => {
    const opaque = fc.string({ maxLength: 20 }).map((text) => text.replace(/[^!#-~]/g, ""));
    fc.assert(
      fc.property(opaque, (text) => {
        const variant = toVariantTag(`"${text}"`);
        expect(variant.startsWith('W/"')).toBe(true);
        expect(hasVariantTag(variant)).toBe(true);
        expect(toOriginTags(variant)).toBe(`"${text}"`);
      }),
    );
  });

  it("are the origin's own where that is weak already, or no tag", () => {
    expect(toVariantTag('W/"v1"')).toBe('W/"v1"');
    expect(toVariantTag("v1")).toBe("v1");
    expect(toVariantTag('"')).toBe('"');
  });

  it("are translated within lists, and others left alone", () => {
    expect(toOriginTags('"a,b", W/"v1-coded" , W/"w"')).toBe('"a,b", "v1", W/"w"');
    expect(toOriginTags('W/"v1-coded", "v1"')).toBe('"v1"');
    expect(toOriginTags('"v1-coded"')).toBe('"v1-coded"');
    expect(toOriginTags("*")).toBe("*");
    expect(hasVariantTag('W/"v1"')).toBe(false);
  });
});

describe("notModifiedTag (RFC 9110 §15.4.5)", () => {
  it.each([
    ['"v1"', 'W/"v1-coded"', 'W/"v1-coded"'],
    ['"v1"', '"v1"', '"v1"'],
    ['"v1"', '"v1", W/"v1-coded"', '"v1"'],
    ['"v2"', 'W/"v1-coded"', '"v2"'],
    ['W/"v1"', 'W/"v1"', 'W/"v1"'],
  ])("for %s and a client with %s is %s", (tag, asked, expected) => {
    expect(notModifiedTag(tag, asked)).toBe(expected);
  });
});
