import { randomBytes } from "node:crypto";
import zlib from "node:zlib";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { Coding } from "../../../../runtime/http/content-codings.ts";
import { decodeBytes } from "../../../../runtime/primitives/content-coding/coding.ts";

const ENCODE: Record<Coding, (bytes: Uint8Array) => Buffer> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
};
const CODINGS = Object.keys(ENCODE) as Coding[];
const plain = (buffer: Buffer): Uint8Array<ArrayBuffer> => Uint8Array.from(buffer);

describe("decodeBytes", () => {
  it.each(CODINGS)("takes %s off", async (coding) => {
    const content = randomBytes(100_000);
    expect(
      Buffer.from(await decodeBytes(plain(ENCODE[coding](content)), [coding], 100_000)),
    ).toEqual(content);
  });

  it("takes several codings off in the reverse of their order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 500 }),
        fc.array(fc.constantFrom(...CODINGS), { maxLength: 3 }),
        async (content, codings) => {
          let coded: Buffer = Buffer.from(content);
          for (const coding of codings) coded = ENCODE[coding](coded);
          const decoded = await decodeBytes(plain(coded), codings, 10_000);
          expect(Buffer.from(decoded)).toEqual(Buffer.from(content));
        },
      ),
      { numRuns: 40 },
    );
  });

  it.each(CODINGS)("stops a %s bomb at the limit", async (coding) => {
    const bomb = plain(ENCODE[coding](Buffer.alloc(20_000_000)));
    await expect(decodeBytes(bomb, [coding], 1000)).rejects.toMatchObject({
      code: "PROXY_UPSTREAM_CONTENT_TOO_LARGE",
    });
  });

  it("holds the limit exactly", async () => {
    const coded = plain(ENCODE.gzip(Buffer.alloc(1000, "x")));
    expect((await decodeBytes(coded, ["gzip"], 1000)).length).toBe(1000);
    await expect(decodeBytes(coded, ["gzip"], 999)).rejects.toMatchObject({ status: 502 });
    await expect(decodeBytes(coded, ["gzip"], 0)).rejects.toMatchObject({ status: 502 });
  });

  it.each(CODINGS)("refuses %s content that is cut short or something else", async (coding) => {
    const coded = plain(ENCODE[coding](randomBytes(5000)));
    const wanted = { code: "PROXY_UPSTREAM_CONTENT_CODING", status: 502 };
    await expect(decodeBytes(coded.slice(0, -3), [coding], 9999)).rejects.toMatchObject(wanted);
    await expect(
      decodeBytes(plain(Buffer.from("<html>plain</html>")), [coding], 9999),
    ).rejects.toMatchObject(wanted);
  });

  it("takes an empty content as empty whatever it claims", async () => {
    expect((await decodeBytes(new Uint8Array(0), ["gzip", "br"], 10)).length).toBe(0);
  });
});
