import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import type { Coding } from "../../../../runtime/http/content-codings.ts";
import { decodedBeginning } from "../../../../runtime/primitives/content-coding/coding.ts";

const text = Buffer.from(Array.from({ length: 20_000 }, (_, at) => `${at * 7919} `).join(""));
const ENCODE: Readonly<Record<Coding, (bytes: Uint8Array) => Buffer>> = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};

describe("the beginning of coded content", () => {
  it.each(Object.keys(ENCODE) as Coding[])("is what %s holds, up to a size", async (coding) => {
    const coded = ENCODE[coding](text);
    expect(await decodedBeginning(coded, [coding], 1000)).toEqual(text.subarray(0, 1000));
    expect(await decodedBeginning(coded, [coding], 1e6)).toEqual(text);
    // A bomb gives no more than that.
    const bomb = ENCODE[coding](Buffer.alloc(10_000_000));
    expect((await decodedBeginning(bomb, [coding], 1000)).byteLength).toBe(1000);
  });

  it("is read from a beginning", async () => {
    const half = gzipSync(text).subarray(0, 20_000);
    const beginning = await decodedBeginning(half, ["gzip"], 1e6);
    expect(beginning.byteLength).toBeGreaterThan(10_000);
    expect(beginning).toEqual(text.subarray(0, beginning.byteLength));
  });

  it("is empty where it is no such coding, and takes several off in the reverse of their order", async () => {
    expect((await decodedBeginning(text, ["gzip"], 100)).byteLength).toBe(0);
    const both = brotliCompressSync(gzipSync(text));
    expect(await decodedBeginning(both, ["gzip", "br"], 1e6)).toEqual(text);
  });
});
