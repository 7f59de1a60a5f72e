import { randomBytes } from "node:crypto";
import zlib from "node:zlib";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { declaredCodingHolds } from "../../../../runtime/primitives/content-coding/sniff.ts";

const ENCODE: Record<string, (bytes: Uint8Array) => Buffer> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
};

describe("declaredCodingHolds", () => {
  it.each(Object.keys(ENCODE))("believes real %s content by its first chunk", (coding) => {
    for (const content of [Buffer.from("hello"), randomBytes(20_000), Buffer.alloc(500_000)]) {
      const coded = (ENCODE[coding] as (bytes: Uint8Array) => Buffer)(content);
      // A few bytes of Brotli may look like text: it has no magic number.
      const lengths = coding === "br" ? [0, 100, 1000] : [0, 1, 2, 3, 5, 10, 1000];
      for (const length of [...lengths, coded.length]) {
        expect(declaredCodingHolds(coding, coded.subarray(0, length))).toBe(true);
      }
    }
  });

  it.each(Object.keys(ENCODE))("tells plain text from %s", (coding) => {
    for (const text of ["<!doctype html><p>hi", '{"a":1}', "日本語のテキスト", "data: 1\n\n"]) {
      expect(declaredCodingHolds(coding, Buffer.from(text))).toBe(false);
    }
    // The first chunk may end within a character.
    expect(declaredCodingHolds(coding, Buffer.from("日本語").subarray(0, -1))).toBe(false);
  });

  it("takes bare deflate, as browsers do (RFC 9110 §8.4.1.2)", () => {
    expect(declaredCodingHolds("deflate", zlib.deflateRawSync(randomBytes(500)))).toBe(true);
  });

  it("takes a zstd stream that begins with a skippable frame (RFC 8878 §3.1.2)", () => {
    expect(declaredCodingHolds("zstd", Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]))).toBe(
      true,
    );
  });

  it("looks at the coding that was applied last and believes what it does not know", () => {
    const coded = zlib.brotliCompressSync(zlib.gzipSync("x".repeat(100)));
    expect(declaredCodingHolds("gzip, br", coded)).toBe(true);
    expect(declaredCodingHolds("br, gzip", coded)).toBe(false);
    expect(declaredCodingHolds("compress", Buffer.from("text"))).toBe(true);
    expect(declaredCodingHolds("identity", Buffer.from("text"))).toBe(true);
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(ENCODE)),
        fc.uint8Array({ maxLength: 64 }),
        (coding, bytes) => {
          expect(typeof declaredCodingHolds(coding, bytes)).toBe("boolean");
        },
      ),
    );
  });
});
