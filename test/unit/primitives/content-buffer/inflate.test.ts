import zlib from "node:zlib";

import { describe, expect, it } from "vitest";

import { createInflateForInspection } from "../../../../runtime/primitives/content-buffer/inflate.ts";
import type { Coding } from "../../../../runtime/http/content-codings.ts";
import { decodeBytes } from "../../../../runtime/primitives/content-coding/coding.ts";

const inflate = createInflateForInspection<Coding>(decodeBytes);
const MB = 1024 ** 2;

const CODERS: Record<Coding, (bytes: Uint8Array) => Uint8Array> = {
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
  zstd: zlib.zstdCompressSync,
};

describe("inflateForInspection", () => {
  it.each(Object.keys(CODERS) as Coding[])("gives %s in plain", async (coding) => {
    const bytes = Uint8Array.from(CODERS[coding](Buffer.from("id=1 or 1=1")));
    const plain = await inflate(bytes, [coding], MB, 20);
    expect(Buffer.from(plain).toString()).toBe("id=1 or 1=1");
  });

  it("takes several off, the last one first", async () => {
    const bytes = Uint8Array.from(zlib.brotliCompressSync(zlib.gzipSync("twice")));
    expect(Buffer.from(await inflate(bytes, ["gzip", "br"], MB, 20)).toString()).toBe("twice");
  });

  it("hands on what is not compressed", async () => {
    const bytes = Uint8Array.from([1, 2, 3]);
    expect(await inflate(bytes, [], 1, 1)).toBe(bytes);
  });

  it.each(Object.keys(CODERS) as Coding[])("stops a bomb of %s by its ratio", async (coding) => {
    const bytes = Uint8Array.from(CODERS[coding](Buffer.alloc(20 * MB)));
    const refused = { code: "PROXY_CONTENT_TOO_LARGE", status: 413 };
    await expect(inflate(bytes, [coding], 100 * MB, 20)).rejects.toMatchObject(refused);
  });

  it("stops at the cap whatever the ratio allows", async () => {
    const bytes = Uint8Array.from(zlib.gzipSync(Buffer.alloc(2000)));
    expect((await inflate(bytes, ["gzip"], 2000, 1e9)).byteLength).toBe(2000);
    await expect(inflate(bytes, ["gzip"], 1999, 1e9)).rejects.toMatchObject({ status: 413 });
  });

  it("stops a bomb within a bomb at its first step", async () => {
    const bytes = Uint8Array.from(zlib.gzipSync(zlib.gzipSync(Buffer.alloc(200 * MB))));
    await expect(inflate(bytes, ["gzip", "gzip"], MB, 1e9)).rejects.toMatchObject({ status: 413 });
  });

  it.each([
    ["cut short", (bytes: Buffer) => bytes.subarray(0, bytes.length - 9)],
    ["something else", () => Buffer.from("plain text")],
  ])("refuses content that is %s with 400", async (_name, spoil) => {
    const bytes = Uint8Array.from(spoil(zlib.gzipSync("id=1 or 1=1 id=1 or 2=2")));
    await expect(inflate(bytes, ["gzip"], MB, 20)).rejects.toMatchObject({
      code: "PROXY_REQUEST_CONTENT_CODING",
      status: 400,
    });
  });
});
