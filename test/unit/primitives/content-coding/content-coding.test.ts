import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import zlib from "node:zlib";

import { describe, expect, it } from "vitest";

import type { Coding } from "../../../../runtime/http/content-codings.ts";
import { createDecoder } from "../../../../runtime/primitives/content-coding/coding.ts";
import {
  decodeContent,
  decodedSource,
  encodeContent,
} from "../../../../runtime/primitives/content-coding/content-coding.ts";
import { collect, Collected, PushSource, settled, sourceOf } from "../../../helpers/content.ts";

const CODINGS: Coding[] = ["gzip", "deflate", "br", "zstd"];
const ENCODE: Record<Coding, (bytes: Uint8Array) => Buffer> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  // Not its slowest level: a bomb of 50 MB would take seconds.
  br: (bytes) =>
    zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } }),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
};
const sleep = promisify(setTimeout);

/** In pieces whose borders fall anywhere. */
function pieces(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

describe.each(CODINGS)("%s content", (coding) => {
  it("decodes as a stream, whatever the chunks", async () => {
    const content = randomBytes(300_000);
    for (const size of [7, 1000, 65_536, 1_000_000]) {
      const bytes = size === 7 ? content.subarray(0, 2000) : content;
      const out = await collect(
        decodeContent(sourceOf(pieces(ENCODE[coding](bytes), size), ["X-T", "1"]), [coding]),
      );
      expect(out.error).toBeUndefined();
      expect(out.bytes.equals(bytes)).toBe(true);
      expect(out.trailers).toEqual(["X-T", "1"]);
    }
  });

  it("encodes and decodes back to the same bytes", async () => {
    const content = Buffer.concat([randomBytes(200_000), Buffer.alloc(200_000, "a")]);
    const encoded = encodeContent(sourceOf(pieces(content, 10_000)), [coding]);
    const out = await collect(decodeContent(encoded, [coding]));
    expect(out.bytes.equals(content)).toBe(true);
  });

  it("makes each chunk readable before the next one comes (PUB-16)", async () => {
    const source = new PushSource();
    const encoded = encodeContent(source, [coding]);
    const out = new Collected();
    encoded.open(out);
    const decoder = createDecoder(coding);
    let decoded = "";
    decoder.on("data", (chunk: Uint8Array) => (decoded += Buffer.from(chunk).toString()));
    let fed = 0;
    for (const event of ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]) {
      const before = decoded;
      source.push(event);
      while (decoded !== before + event) {
        await out.received(fed + 1);
        const chunk = out.chunks[fed++] as Uint8Array;
        await new Promise((resolve) => decoder.write(chunk, resolve));
      }
    }
    source.end();
    await out.done;
    decoder.destroy();
  });

  it("fails for content cut short, and never ends cleanly", async () => {
    const coded = ENCODE[coding](randomBytes(50_000));
    const out = await collect(decodeContent(sourceOf([coded.subarray(0, -5)]), [coding]));
    expect(out.trailers).toBeUndefined();
    expect(out.error).toMatchObject({ code: "PROXY_UPSTREAM_CONTENT_CODING", status: 502 });
  });

  it("fails for content that is something else, and cancels the source", async () => {
    const source = new PushSource();
    const out = new Collected();
    decodeContent(source, [coding]).open(out);
    source.push("<!doctype html><html>nothing of the kind, and long enough to tell</html>");
    await out.done;
    expect(out.error).toMatchObject({ code: "PROXY_UPSTREAM_CONTENT_CODING" });
    expect(source.cancelled).toBe(true);
  });

  it("takes an empty content as empty", async () => {
    const out = await collect(decodeContent(sourceOf([]), [coding]));
    expect(out.error).toBeUndefined();
    expect(out.bytes.length).toBe(0);
  });

  it("stands still while paused: a bomb makes no more than a window of output", async () => {
    const bomb = ENCODE[coding](Buffer.alloc(50_000_000));
    const decoded = decodeContent(sourceOf(pieces(bomb, 1000)), [coding]);
    const out = new Collected();
    const reading = new Promise<void>((resolve) => {
      const receive = out.onData.bind(out);
      out.onData = (chunk) => {
        receive(chunk);
        decoded.pause();
        resolve();
      };
    });
    decoded.open(out);
    await reading;
    await sleep(50);
    expect(out.bytes.length).toBeLessThanOrEqual(256 * 1024);
    decoded.cancel();
  });

  it("cancels at once and says nothing afterwards", async () => {
    const source = new PushSource();
    const decoded = decodeContent(source, [coding]);
    const out = new Collected();
    decoded.open(out);
    source.push(ENCODE[coding](randomBytes(10_000)).subarray(0, 5000));
    decoded.cancel();
    expect(source.cancelled).toBe(true);
    const seen = out.chunks.length;
    await settled();
    await sleep(20);
    expect(out.chunks.length).toBe(seen);
    expect(out.over).toBe(false);
  });
});

describe("content codings in a row", () => {
  it("are taken off in reverse order", async () => {
    const coded = ENCODE.br(ENCODE.gzip(Buffer.from("hello")));
    expect((await collect(decodedSource(sourceOf([coded]), "gzip, br"))).text).toBe("hello");
  });

  it("pass an identity content through untouched", () => {
    const source = new PushSource();
    expect(decodedSource(source, "identity")).toBe(source);
    expect(encodeContent(source, [])).toBe(source);
  });

  it("fail where one is unknown", async () => {
    const source = new PushSource();
    const out = await collect(decodedSource(source, "compress"));
    expect(out.error).toMatchObject({ code: "PROXY_UPSTREAM_CONTENT_CODING" });
    expect(source.cancelled).toBe(true);
  });

  it("pass an upstream's failure on", async () => {
    const source = new PushSource();
    const out = new Collected();
    decodeContent(source, ["gzip"]).open(out);
    const error = new Error("reset");
    source.fail(error);
    await out.done;
    expect(out.error).toBe(error);
  });

  it("pause a source that is faster than the coder", async () => {
    const source = new PushSource();
    const out = new Collected();
    encodeContent(source, ["gzip"]).open(out);
    for (let i = 0; i < 10; i++) source.push(randomBytes(32_768));
    expect(source.paused).toBe(true);
    await out.received(1);
    source.end();
    await out.done;
    expect(source.paused).toBe(false);
    expect(zlib.gunzipSync(out.bytes).length).toBe(327_680);
  });
});
