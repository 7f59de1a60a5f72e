import { randomBytes } from "node:crypto";

import { describe, expect, it } from "vitest";

import type { Coding } from "../../../../runtime/http/content-codings.ts";
import { decodeBytes } from "../../../../runtime/primitives/content-coding/coding.ts";
import { encodeContent } from "../../../../runtime/primitives/content-coding/content-coding.ts";
import {
  giveEncoderBack,
  takeEncoder,
} from "../../../../runtime/primitives/content-coding/encoder-pool.ts";
import { collect, Collected, PushSource, sourceOf } from "../../../helpers/content.ts";

const CODINGS: Coding[] = ["gzip", "deflate", "br", "zstd"];

function text(bytes: number, seed: number): Buffer {
  const lines = Array.from({ length: bytes / 10 }, (_, i) => `line ${(i * seed) % 9973}\n`);
  return Buffer.from(lines.join(""));
}

describe.each(CODINGS)("an encoder for %s", (coding) => {
  it("serves one content after the other, each as if it were the first", async () => {
    for (const seed of [3, 7, 11, 13]) {
      const content = seed === 11 ? randomBytes(90_000) : text(200_000, seed);
      const pieces = [content.subarray(0, 70_000), content.subarray(70_000)];
      const out = await collect(encodeContent(sourceOf(pieces, ["X-T", "1"]), [coding]));
      expect(out.error).toBeUndefined();
      expect(out.trailers).toEqual(["X-T", "1"]);
      const decoded = await decodeBytes(Uint8Array.from(out.bytes), [coding], content.length);
      expect(Buffer.compare(decoded, content)).toBe(0);
    }
  });

  it("serves contents that come in pieces and such that come at once, in turn", async () => {
    for (const [at, seed] of [3, 7, 11, 13, 17].entries()) {
      const content = seed === 11 ? randomBytes(90_000) : text(200_000, seed);
      const source = new PushSource();
      const out = new Collected();
      encodeContent(source, [coding]).open(out);
      source.push(content.subarray(0, 70_000));
      if (at % 2 === 0) await until(() => out.bytes.length > 0);
      source.push(content.subarray(70_000));
      source.end();
      await out.done;
      const decoded = await decodeBytes(Uint8Array.from(out.bytes), [coding], content.length);
      expect(Buffer.compare(decoded, content)).toBe(0);
    }
  });

  it("ends only when its reader has taken everything, and leaves nothing for the next one", async () => {
    const content = randomBytes(120_000);
    const source = new PushSource();
    const encoded = encodeContent(source, [coding]);
    const out = new Collected();
    encoded.pause();
    encoded.open(out);
    source.push(content);
    source.end();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(out.bytes.length).toBe(0);
    encoded.resume();
    await out.done;
    const decoded = await decodeBytes(Uint8Array.from(out.bytes), [coding], content.length);
    expect(Buffer.compare(decoded, content)).toBe(0);
  });

  it("is not used again after its content was given up", async () => {
    const source = new PushSource();
    const encoded = encodeContent(source, [coding]);
    const out = new Collected();
    encoded.open(out);
    source.push(text(100_000, 5));
    await new Promise((resolve) => setImmediate(resolve));
    encoded.cancel();
    expect(source.cancelled).toBe(true);
    const content = text(80_000, 9);
    const next = await collect(encodeContent(sourceOf([content]), [coding]));
    const decoded = await decodeBytes(Uint8Array.from(next.bytes), [coding], content.length);
    expect(Buffer.compare(decoded, content)).toBe(0);
  });
});

describe.each(["gzip", "deflate", "zstd"] as const)("a %s encoder of whole contents", (coding) => {
  it("ends each of them with its write, and is another than that of contents in pieces", async () => {
    for (const word of ["first", "second"]) {
      const pooled = takeEncoder(coding, { level: 6 }, true);
      const out: Buffer[] = [];
      pooled.encoder.on("data", (chunk: Buffer) => out.push(chunk));
      await new Promise<void>((resolve) => pooled.encoder.write(word, () => resolve()));
      const decoded = await decodeBytes(Uint8Array.from(Buffer.concat(out)), [coding], 1000);
      expect(Buffer.from(decoded).toString()).toBe(word);
      giveEncoderBack(pooled);
      expect(takeEncoder(coding, { level: 6 }, false)).not.toBe(pooled);
      expect(takeEncoder(coding, { level: 6 }, true)).toBe(pooled);
      giveEncoderBack(pooled);
    }
  });
});

describe("idle encoders", () => {
  it("are kept up to 24 MB, by coding and level", () => {
    const taken = Array.from({ length: 100 }, () => takeEncoder("gzip", { level: 6 }, false));
    for (const one of taken) giveEncoderBack(one);
    const destroyed = taken.filter((one) => one.encoder.destroyed);
    expect(destroyed.length).toBeGreaterThanOrEqual(20);
    expect(destroyed.length).toBeLessThanOrEqual(60);
    const again = takeEncoder("gzip", { level: 6 }, false);
    expect(taken).toContain(again);
    expect(taken).not.toContain(takeEncoder("gzip", { level: 5 }, false));
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
