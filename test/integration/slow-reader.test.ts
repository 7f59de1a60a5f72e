import { createHash, randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { PacedReader, startPatternOrigin } from "../helpers/pattern-origin.ts";
import { scaled } from "../helpers/scale.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const MIB = 1024 * 1024;
const CONTENT_BYTES = scaled(48, 500) * MIB;
const CLIENTS = 10;
const READ_FIRST_BYTES = 64 * 1024;
const STALL_MS = scaled(500, 20_000);
const GROWTH_PER_CLIENT = 5 * MIB;
/** What kernels on both ways may take for one stalled reader before the origin's write blocks. */
const KERNEL_BYTES = 32 * MIB;

describe("clients that stop reading (PUB-10)", () => {
  it("for a while, get all of it though the upstream has long closed", async () => {
    const content = randomBytes(3 * MIB);
    const { proxy } = await throughProxy({
      config: {
        onResponse(response, ctx) {
          if (ctx.state["edited"] === true) response.transform((chunks) => chunks);
        },
        onRequest(request, ctx) {
          ctx.state["edited"] = request.path.startsWith("/edited");
        },
      },
      onRequest: (request, connection) => {
        const length = request.target.endsWith("length")
          ? `Content-Length: ${content.length}\r\n`
          : "";
        connection.send(`HTTP/1.1 200 OK\r\n${length}Connection: close\r\n\r\n`);
        connection.finish(content);
      },
    });
    for (const path of ["/length", "/close", "/edited-length", "/edited-close"]) {
      const reader = await PacedReader.open(`${proxy.url}${path}`);
      await delay(100);
      for (let read = 0; read < content.length; read += MIB) {
        await reader.readThrough(read);
        await delay(20);
      }
      expect(await reader.readAll()).toBe(createHash("sha256").update(content).digest("hex"));
    }
    expect(proxy.access.every((record) => record.outcome === "complete")).toBe(true);
  });

  it.each(["HTTP/1.1", "HTTP/2"] as const)(
    "over %s hold their upstreams up, cost a bounded amount of memory, and get all of it when they read on",
    { timeout: scaled(30_000, 300_000) },
    async (protocol) => {
      const open = (): Promise<PacedReader> => PacedReader.open(proxy.url, protocol);
      const origin = await startPatternOrigin(CONTENT_BYTES);
      await using proxy = await startMeasuredProxy({
        config: `export default { listen: { port: 0, h2c: true }, upstreams: { big: { targets: ["${origin.url}"] } } };`,
      });
      // Whole transfers first: what the code and its allocator take anyway is no growth.
      const warm = await Promise.all([1, 2, 3].map(() => open()));
      await Promise.all(warm.map((reader) => reader.readAll()));

      const before = await proxy.rssBytes();
      await proxy.resetPeak();
      const readers: PacedReader[] = [];
      for (let i = 0; i < CLIENTS; i++) {
        const reader = await open();
        await reader.readThrough(READ_FIRST_BYTES);
        readers.push(reader);
      }
      const accepted = (): number[] => origin.transfers.slice(3).map((one) => one.acceptedBytes);
      let blocked: number[] = [];
      await expect
        .poll(
          () => {
            const previous = blocked;
            blocked = accepted();
            return blocked.join() === previous.join();
          },
          { interval: 200, timeout: 10_000 },
        )
        .toBe(true);
      await delay(STALL_MS);
      const grown = (await proxy.peakBytes()) - before;

      expect(accepted()).toEqual(blocked);
      for (const bytes of blocked) expect(bytes).toBeLessThan(KERNEL_BYTES);
      expect(grown).toBeLessThan(CLIENTS * GROWTH_PER_CLIENT);

      const whole = scaled(readers.slice(0, 1), readers);
      for (const reader of whole) expect(await reader.readAll()).toBe(origin.digest);
      const goneAt = performance.now();
      for (const reader of readers) reader.abort();
      for (const transfer of origin.transfers.slice(-CLIENTS)) {
        if (transfer.acceptedBytes < CONTENT_BYTES) await transfer.closed;
      }
      expect(performance.now() - goneAt).toBeLessThan(1000);
      expect(proxy.errors).toEqual([]);
      origin.close();
    },
  );
});
