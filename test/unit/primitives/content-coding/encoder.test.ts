import { randomBytes } from "node:crypto";
import { constants, gunzipSync } from "node:zlib";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { Coding } from "../../../../runtime/http/content-codings.ts";
import { decodeBytes } from "../../../../runtime/primitives/content-coding/coding.ts";
import {
  decodeContent,
  encodeContent,
} from "../../../../runtime/primitives/content-coding/content-coding.ts";
import {
  encodeBytes,
  encodeSmall,
  LIVE_LEVELS,
} from "../../../../runtime/primitives/content-coding/encoder.ts";
import { collect, Collected, PushSource, sourceOf } from "../../../helpers/content.ts";
import { scaled } from "../../../helpers/scale.ts";

const CODINGS: Coding[] = ["gzip", "deflate", "br", "zstd"];

describe.each(CODINGS)("%s", (coding) => {
  it.each([0, 1, 100, 255, 1024, 5000, 32_768])("encodes %i bytes at once", async (size) => {
    for (const content of [randomBytes(size), Buffer.alloc(size, "ab")]) {
      const coded = encodeSmall(coding, content, LIVE_LEVELS[coding]);
      const decoded = await decodeBytes(Uint8Array.from(coded), [coding], size);
      expect(Buffer.compare(decoded, content)).toBe(0);
    }
  });

  it("encodes whole contents in the background", async () => {
    const line = (i: number): string => JSON.stringify({ id: i, name: `user ${i % 97}` });
    const content = Buffer.from(Array.from({ length: 5000 }, (_, i) => line(i)).join("\n"));
    const coded = await encodeBytes(coding, content);
    const decoded = await decodeBytes(Uint8Array.from(coded), [coding], content.length);
    expect(Buffer.compare(decoded, content)).toBe(0);
    expect(coded.length).toBeLessThan(content.length / 3);
  });

  it("gives back what it was given, however it is cut", async () => {
    const text = fc.string({ maxLength: 30_000, minLength: 0 });
    const cuts = fc.array(fc.nat({ max: 30_000 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(text, cuts, fc.boolean(), async (value, borders, big) => {
        const content = Buffer.from(big ? value.padEnd(50_000, "x") : value);
        const at = [0, ...borders.toSorted((a, b) => a - b), content.length];
        const pieces = at
          .slice(1)
          .map((end, i) => content.subarray(at[i], Math.max(end, at[i] ?? 0)));
        const out = await collect(
          decodeContent(encodeContent(sourceOf(pieces), [coding]), [coding]),
        );
        expect(out.error).toBeUndefined();
        expect(Buffer.compare(out.bytes, Buffer.concat(pieces))).toBe(0);
      }),
      { numRuns: scaled(20, 200) },
    );
  });
});

describe("a busy stream", () => {
  it("is not flushed after each chunk", async () => {
    const content = Buffer.from(
      Array.from({ length: 20_000 }, (_, i) => `line ${i % 700}\n`).join(""),
    );
    const pieces: Buffer[] = [];
    for (let at = 0; at < content.length; at += 200) pieces.push(content.subarray(at, at + 200));
    const source = new PushSource();
    const out = new Collected();
    encodeContent(source, ["gzip"]).open(out);
    for (const piece of pieces) source.push(piece);
    source.end();
    await out.done;
    // A flush ends with an empty stored block.
    const flushes = out.bytes.toString("latin1").split("\x00\x00\xff\xff").length - 1;
    expect(flushes).toBeLessThan(pieces.length / 50);
  });
});

describe("content of a known length", () => {
  it("is gathered up to 128 KiB while more of it comes, and longer content is not", async () => {
    const content = Buffer.alloc(100_000, "all of it ");
    for (const [length, pauses] of [
      [100_000, false],
      [200_000, true],
      [undefined, true],
    ] as const) {
      const source = new PushSource(length);
      const out = new Collected();
      encodeContent(source, ["gzip"]).open(out);
      for (let at = 0; at < content.length; at += 25_000) {
        source.push(content.subarray(at, at + 25_000));
      }
      expect([length, source.paused]).toEqual([length, pauses]);
      source.end();
      await out.done;
      expect(Buffer.compare(gunzipSync(out.bytes), content)).toBe(0);
    }
  });

  it("is not gathered without end where more comes than was said", async () => {
    const source = new PushSource(100_000);
    const out = new Collected();
    encodeContent(source, ["gzip"]).open(out);
    let given = 0;
    while (!source.paused) {
      source.push(randomBytes(30_000));
      given += 30_000;
      expect(given).toBeLessThan(200_000);
    }
    source.end();
    await out.done;
    expect(gunzipSync(out.bytes).length).toBe(given);
  });

  it("goes on its way when its source pauses", async () => {
    const source = new PushSource(100_000);
    const out = new Collected();
    encodeContent(source, ["gzip"]).open(out);
    const first = randomBytes(40_000);
    source.push(first);
    await out.received(3);
    const partial = { finishFlush: constants.Z_SYNC_FLUSH };
    // What a client can decode by now, without the rest ever coming.
    while (gunzipSync(out.bytes, partial).length < first.length)
      await out.received(out.chunks.length + 1);
    expect(Buffer.compare(gunzipSync(out.bytes, partial), first)).toBe(0);
  });
});
