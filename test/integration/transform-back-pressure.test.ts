import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { PacedReader, startPatternOrigin } from "../helpers/pattern-origin.ts";
import { scaled } from "../helpers/scale.ts";

const MIB = 1024 * 1024;
const CONTENT_BYTES = scaled(16, 128) * MIB;
const BYTES_PER_SECOND = 8_000_000;
const ABORTS = scaled(5, 50);

const config = (url: string): string => `
export default {
  upstreams: { big: { targets: ["${url}"] } },
  onResponse(response) {
    response.transform(async function* (chunks) {
      for await (const chunk of chunks) {
        if (chunk.length > 65536) throw new Error("a chunk of " + chunk.length);
        await new Promise((resolve) => setTimeout(resolve, 5));
        yield chunk;
      }
    });
  },
};`;

describe("a transform that waits for every chunk", () => {
  it(
    "hands every byte to a slower client, holding 1 MiB at most and 32 MiB of memory more than before",
    { timeout: scaled(30_000, 180_000) },
    async () => {
      const origin = await startPatternOrigin(CONTENT_BYTES);
      await using proxy = await startMeasuredProxy({ config: config(origin.url) });
      await (await PacedReader.open(proxy.url)).readAll();

      const before = await proxy.rssBytes();
      await proxy.resetPeak();
      await proxy.watchQueue();
      const reader = await PacedReader.open(proxy.url);
      expect(await reader.readAllAt(BYTES_PER_SECOND)).toBe(origin.digest);
      const queued = await proxy.mostQueuedBytes();
      const grown = (await proxy.peakBytes()) - before;

      expect(queued).toBeGreaterThan(0);
      expect(queued).toBeLessThanOrEqual(MIB);
      expect(grown).toBeLessThanOrEqual(32 * MIB);
      expect(proxy.errors).toEqual([]);
      origin.close();
    },
  );

  it("lets its upstream go within 100 ms of the client's going away", async () => {
    const origin = await startPatternOrigin(CONTENT_BYTES);
    await using proxy = await startMeasuredProxy({ config: config(origin.url) });
    for (let round = 0; round < ABORTS; round++) {
      const reader = await PacedReader.open(proxy.url);
      // Every second one while the client is full, the others while the transform waits.
      await reader.readThrough(200_000);
      if (round % 2 === 0) reader.response.resume();
      await delay(50 + round);
      const goneAt = performance.now();
      reader.abort();
      const transfer = origin.transfers[round];
      await transfer?.closed;
      expect((transfer?.closedAt ?? Infinity) - goneAt).toBeLessThan(100);
    }
    expect(proxy.errors).toEqual([]);
    origin.close();
  });
});
