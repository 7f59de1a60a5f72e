import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it, onTestFinished } from "vitest";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { patternDigest, piece } from "../helpers/pattern-origin.ts";
import { scaled } from "../helpers/scale.ts";

const MIB = 1024 * 1024;
// Far above what two pairs of kernel buffers take, each of which may grow to 36 MiB.
const CONTENT_BYTES = scaled(96, 200) * MIB;
const UPLOADS = 10;
const STALL_MS = scaled(500, 10_000);
const GROWTH_PER_UPLOAD = 5 * MIB;

describe("upstreams that stop reading", () => {
  it(
    "hold their clients' uploads up, cost a bounded amount of memory, and get all of it when they read on",
    { timeout: scaled(90_000, 300_000) },
    async () => {
      const origin = await startHeldOrigin();
      await using proxy = await startMeasuredProxy({
        // Buffered content would wait in a file, not in the client.
        config: `export default {
          requestContent: { buffer: false, max: "1gb" },
          upstreams: { slow: { targets: ["${origin.url}"] } },
        };`,
      });
      // Whole transfers first: what the code and its allocator take anyway is no growth.
      const warm = [1, 2, 3].map((i) => new Upload(proxy.url, i % 2 === 0));
      await origin.read();
      await Promise.all(warm.map((one) => one.answer));

      const before = await proxy.rssBytes();
      await proxy.resetPeak();
      const uploads = Array.from({ length: UPLOADS }, (_, i) => new Upload(proxy.url, i % 2 === 0));
      const sent = (): number[] => uploads.map((one) => one.sentBytes);
      let blocked: number[] = [];
      await expect
        .poll(
          () => {
            const previous = blocked;
            blocked = sent();
            return blocked.every((bytes) => bytes > 0) && blocked.join() === previous.join();
          },
          { interval: 200, timeout: 10_000 },
        )
        .toBe(true);
      await delay(STALL_MS);
      const grown = (await proxy.peakBytes()) - before;

      expect(sent()).toEqual(blocked);
      for (const bytes of blocked) expect(bytes).toBeLessThan(CONTENT_BYTES);
      expect(grown).toBeLessThan(UPLOADS * GROWTH_PER_UPLOAD);

      await origin.read();
      const digest = patternDigest(CONTENT_BYTES);
      for (const one of uploads) expect(await one.answer).toBe(digest);
      expect(proxy.errors).toEqual([]);
    },
  );
});

/** Takes requests and reads none of their content until told to; answers with its SHA-256. */
async function startHeldOrigin(): Promise<{ url: string; read(): Promise<void> }> {
  const held: (() => void)[] = [];
  const server = createServer((incoming, response) => {
    held.push(() => {
      const hash = createHash("sha256");
      incoming.on("data", (chunk: Buffer) => hash.update(chunk));
      incoming.on("end", () => response.end(hash.digest("hex")));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async read() {
      await expect.poll(() => held.length).toBeGreaterThanOrEqual(3);
      for (const start of held.splice(0)) start();
    },
  };
}

/** A POST as fast as it is taken. */
class Upload {
  /** Bytes that the kernel has taken. */
  sentBytes = 0;
  readonly answer: Promise<string>;

  constructor(url: string, chunked: boolean) {
    const sent = request(url, {
      method: "POST",
      agent: false,
      headers: chunked ? {} : { "content-length": CONTENT_BYTES },
    });
    this.answer = once(sent, "response").then(async ([response]) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response as IncomingMessage) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    });
    let at = 0;
    const next = (): void => {
      if (at >= CONTENT_BYTES) {
        sent.end();
        return;
      }
      const chunk = piece(at, CONTENT_BYTES);
      at += chunk.length;
      sent.write(chunk, (error) => {
        if (error) return;
        this.sentBytes += chunk.length;
        next();
      });
    };
    next();
  }
}
