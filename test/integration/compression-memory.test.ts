import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import zlib from "node:zlib";

import { describe, expect, it, onTestFinished } from "vitest";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { scaled } from "../helpers/scale.ts";

const MIB = 1024 * 1024;
/** Longer than any window, so that no coder makes it smaller and back pressure is felt. */
const NOISE = randomBytes(MIB);
const CLIENTS = 10;
const CONTENT_MIB = scaled(20, 500);
const CODINGS = scaled(["gzip"] as const, ["gzip", "zstd", "br"] as const);
const STALL_MS = scaled(500, 20_000);
/** What kernels on both ways may take for one stalled reader. */
const KERNEL_MIB = 16;

/** Writes noise as fast as its reader takes it; counts what was taken. */
async function startNoise(): Promise<{ url: string; takenMib: number[] }> {
  const takenMib: number[] = [];
  const server = createServer((_request, response) => {
    response.setHeader("Content-Type", "text/plain");
    const index = takenMib.push(0) - 1;
    void send(response, () => takenMib[index]!++);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, takenMib };
}

async function send(response: ServerResponse, taken: () => void): Promise<void> {
  let wake = (): void => {};
  response.once("close", () => wake());
  for (let i = 0; i < CONTENT_MIB && !response.destroyed; i++) {
    await new Promise<void>((resolve) => {
      wake = resolve;
      response.write(NOISE, () => resolve());
    });
    taken();
  }
  response.end();
}

async function open(url: string, coding: string): Promise<IncomingMessage> {
  const sent = request(url, { agent: false, headers: { "accept-encoding": coding } });
  sent.on("error", () => {});
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.on("error", () => {});
  expect(response.headers["content-encoding"]).toBe(coding);
  return response;
}

const DECODER = {
  gzip: () => zlib.createGunzip(),
  br: () => zlib.createBrotliDecompress(),
  zstd: () => zlib.createZstdDecompress(),
} as const;

async function digest(response: IncomingMessage, coding: keyof typeof DECODER): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of response.pipe(DECODER[coding]())) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

function wholeDigest(): string {
  const hash = createHash("sha256");
  for (let i = 0; i < CONTENT_MIB; i++) hash.update(NOISE);
  return hash.digest("hex");
}

describe("clients that stop reading compressed content (PUB-10)", () => {
  it.each(CODINGS)(
    "in %s hold their upstreams up, cost a bounded amount of memory, and get all of it when they read on",
    { timeout: scaled(60_000, 600_000) },
    async (coding) => {
      const noise = await startNoise();
      await using proxy = await startMeasuredProxy({
        config: `export default { upstreams: { big: { targets: ["${noise.url}"] } }, limits: { sendIdle: "10m" } };`,
      });
      // Whole transfers first, some at once: what code and allocator take anyway is no growth.
      const whole = wholeDigest();
      const warm = [1, 2, 3].map(async () => digest(await open(proxy.url, coding), coding));
      expect(await Promise.all(warm)).toEqual([whole, whole, whole]);

      const before = await proxy.rssBytes();
      await proxy.resetPeak();
      const responses: IncomingMessage[] = [];
      for (let i = 0; i < CLIENTS; i++) responses.push(await open(proxy.url, coding));
      let taken = "";
      await expect
        .poll(
          () => {
            const previous = taken;
            taken = noise.takenMib.join();
            return taken === previous;
          },
          { interval: 300, timeout: 20_000 },
        )
        .toBe(true);
      await delay(STALL_MS);
      expect(noise.takenMib.join()).toBe(taken);
      for (const mib of noise.takenMib.slice(warm.length)) expect(mib).toBeLessThan(KERNEL_MIB);
      expect((await proxy.peakBytes()) - before).toBeLessThan(CLIENTS * 5 * MIB);

      const [one] = responses;
      expect(await digest(one!, coding)).toBe(whole);
      for (const response of responses) response.destroy();
      await expect.poll(() => proxy.access.length, { timeout: 5000 }).toBe(warm.length + CLIENTS);
      expect(proxy.errors).toEqual([]);
    },
  );
});

describe("thousands of small contents", () => {
  it("leave nothing behind, and take no window of 256 KiB each", { timeout: 60_000 }, async () => {
    const text = JSON.stringify(Array.from({ length: 100 }, (_, id) => ({ id, name: `n${id}` })));
    const server = createServer((_request, response) => {
      response.setHeader("Content-Type", "application/json");
      response.end(text);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using proxy = await startMeasuredProxy({
      config: `export default { log: { access: false }, upstreams: { api: { targets: ["${url}"] } } };`,
    });
    const ask = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 20) {
        await Promise.all(
          Array.from({ length: 20 }, async (_, k) => {
            const coding = (["gzip", "br", "zstd"] as const)[(i + k) % 3] as "gzip";
            const response = await open(proxy.url, coding);
            for await (const chunk of response) void chunk;
          }),
        );
      }
    };
    await ask(scaled(400, 2000));
    const before = await proxy.measure();
    const rssBefore = await proxy.rssBytes();
    await ask(1000);
    const after = await proxy.measure();
    expect(after.heapBytes - before.heapBytes).toBeLessThan(2 * MIB);
    // A thousand windows would be 250 MB.
    expect((await proxy.rssBytes()) - rssBefore).toBeLessThan(30 * MIB);
  });
});
