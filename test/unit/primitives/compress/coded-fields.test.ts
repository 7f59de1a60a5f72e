import { describe, expect, it } from "vitest";

import {
  codedFields,
  forbidsTransform,
  varyByCoding,
} from "../../../../runtime/primitives/compress/coded-fields.ts";

describe("codedFields", () => {
  it("drops what counted, measured or named the old bytes, and makes the tag that of the variant", () => {
    const fields = [
      ["content-type", "text/css"],
      ["CONTENT-LENGTH", "9"],
      ["Accept-Ranges", "bytes"],
      ["Content-MD5", "x"],
      ["Repr-Digest", "x"],
      ["Content-Digest", "x"],
      ["Digest", "x"],
      ["Content-Encoding", "identity"],
      ["ETag", '"v1"'],
    ].flat();
    codedFields(fields, "br");
    expect(fields).toEqual(
      [
        ["content-type", "text/css"],
        ["ETag", 'W/"v1-coded"'],
        ["Content-Encoding", "br"],
      ].flat(),
    );
  });
});

describe("varyByCoding (RFC 9110 §12.5.5)", () => {
  it.each([
    [[], ["Vary", "Accept-Encoding"]],
    [
      ["vary", "Origin"],
      ["vary", "Origin, Accept-Encoding"],
    ],
    [
      ["Vary", ""],
      ["Vary", "Accept-Encoding"],
    ],
    [
      ["Vary", "*"],
      ["Vary", "*"],
    ],
    [
      ["Vary", "origin,accept-encoding"],
      ["Vary", "origin,accept-encoding"],
    ],
    [
      ["Vary", "X-Accept-Encoding"],
      ["Vary", "X-Accept-Encoding, Accept-Encoding"],
    ],
    [
      ["Vary", "a", "Vary", "Accept-Encoding"],
      ["Vary", "a", "Vary", "Accept-Encoding"],
    ],
  ])("makes of %j %j", (fields, expected) => {
    varyByCoding(fields);
    expect(fields).toEqual(expected);
  });
});

describe("forbidsTransform (RFC 9111 §5.2.2.6)", () => {
  it.each([
    ["no-transform", true],
    ["public, NO-TRANSFORM, max-age=1", true],
    ["no-transformers", false],
    ["public", false],
  ])("reads %j as %j", (value, forbidden) => {
    expect(forbidsTransform(["Cache-Control", value])).toBe(forbidden);
  });
});
