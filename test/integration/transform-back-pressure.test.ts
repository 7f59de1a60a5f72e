import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { PacedReader, startPatternOrigin } from "../helpers/pattern-origin.ts";
import { scaled } from "../helpers/scale.ts";

const MIB = 1024 * 1024;
const CONTENT_BYTES = scaled(8, 128) * MIB;
const BYTES_PER_SECOND = 8_000_000;
const ABORTS = scaled(5, 50);

const config = (url: string, waitMs = 5): string => `
export default {
  upstreams: { big: { targets: ["${url}"] } },
  onResponse(response) {
    response.transform(async function* (chunks) {
      for await (const chunk of chunks) {
        if (chunk.length > 65536) throw new Error("a chunk of " + chunk.length);
        await new Promise((resolve) => setTimeout(resolve, ${waitMs}));
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

  it(
    "of content that unpacks to a thousand times its size, holds no more of it than of any other",
    { timeout: scaled(30_000, 120_000) },
    async () => {
      const zipped = gzipSync(Buffer.alloc(scaled(16, 512) * MIB));
      const server = createServer((_request, response) => {
        response.writeHead(200, { "content-encoding": "gzip" });
        response.end(zipped);
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      await using proxy = await startMeasuredProxy({
        config: config(`http://127.0.0.1:${port}`, 0),
      });
      const transfer = async (): Promise<void> => {
        const answer = await fetch(proxy.url);
        let bytes = 0;
        for await (const chunk of answer.body ?? []) bytes += (chunk as Uint8Array).length;
        expect(bytes).toBe(scaled(16, 512) * MIB);
      };
      await transfer();
      await transfer();
      const before = await proxy.rssBytes();
      await proxy.resetPeak();
      await transfer();
      expect((await proxy.peakBytes()) - before).toBeLessThanOrEqual(32 * MIB);
      expect(proxy.errors).toEqual([]);
      server.close();
    },
  );

  it("lets its upstream go within 100 ms of the client's going away", async () => {
    const origin = await startPatternOrigin(CONTENT_BYTES);
    await using proxy = await startMeasuredProxy({ config: config(origin.url) });
    const waits: number[] = [];
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
      waits.push((transfer?.closedAt ?? Infinity) - goneAt);
    }
    waits.sort((one, other) => one - other);
    // Beside other tests a process may not run for a while: there the middle one counts.
    expect(waits.at(scaled(Math.floor(ABORTS / 2), -1))).toBeLessThan(100);
    expect(proxy.errors).toEqual([]);
    origin.close();
  });
});
