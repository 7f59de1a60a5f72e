/** Many slow uploads and very large ones, through the real command. Full size in `npm run test:full`. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { createServer, request } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it, onTestFinished } from "vitest";

import { startMeasuredProxy, type MeasuredProxy } from "../helpers/measured-proxy.ts";
import {
  PacedReader,
  patternDigest,
  piece,
  startPatternOrigin,
} from "../helpers/pattern-origin.ts";
import { scaled } from "../helpers/scale.ts";

const MB = 1024 ** 2;
const SLOW_CLIENTS = scaled(300, 2_000);
const SLOW_MS = scaled(3_000, 30_000);

describe("slow uploads", () => {
  it(
    "take no upstream connection, leave others their pace and memory its bounds",
    { timeout: SLOW_MS * 3 + 60_000 },
    async ({ annotate }) => {
      const origin = await startDigestOrigin();
      await using proxy = await startMeasuredProxy({
        config: `export default {
          upstreams: { api: { targets: ["${origin.url}"] } },
          requestContent: { minRate: 0 },
          log: { access: false },
        };`,
      });
      await latencies(proxy.url, 500);
      const quiet = await latencies(proxy.url, SLOW_MS / 10);
      const before = await proxy.measure();
      const connectionsBefore = origin.connections.size;

      const slow = await Promise.all(
        Array.from({ length: SLOW_CLIENTS }, () => startSlowUpload(proxy.port)),
      );
      const trickle = setInterval(() => {
        for (const socket of slow) socket.write("x");
      }, 1_000);
      const busy = await latencies(proxy.url, SLOW_MS);
      const during = await proxy.measure();
      clearInterval(trickle);

      expect(slow.every((socket) => !socket.destroyed)).toBe(true);
      expect(origin.uploads).toBe(0);
      expect(origin.connections.size).toBeLessThanOrEqual(connectionsBefore + 1);
      const perClient = (during.heapBytes - before.heapBytes) / SLOW_CLIENTS;
      await annotate(
        `p99 quiet ${quiet.p99.toFixed(2)} ms, with ${SLOW_CLIENTS} slow uploads ${busy.p99.toFixed(2)} ms; ${Math.round(perClient)} bytes of heap each`,
      );
      // Loose: the machine runs other tests at the same time, more of them at the small scale.
      expect(busy.p99).toBeLessThan(2 * quiet.p99 + scaled(200, 10));
      expect(perClient).toBeLessThan(40_000);
      for (const socket of slow) socket.destroy();
    },
  );
});

describe("very large contents", () => {
  const WARM_UP = scaled(64, 100) * MB;
  const LARGE = scaled(128, 1024) * MB;
  /**
   * Found: 7 to 9 up, 8 to 24 down, which is the engine's heap; chunks are freed or used again. At the small scale the
   * warm-up is short.
   */
  const GROWTH = scaled(48, 32) * MB;

  /**
   * How much the peak of the large transfer is above that of the warm-up: what a transfer needs must not depend on its
   * length. The resident size after the warm-up moves by 40 MiB with the collection that happened to come last.
   */
  async function growthOf(
    proxy: MeasuredProxy,
    warmUp: () => Promise<void>,
    transfer: () => Promise<void>,
  ): Promise<{ growth: number; text: string }> {
    await proxy.resetPeak();
    await warmUp();
    const after = await proxy.rssBytes();
    const warm = await proxy.peakBytes();
    await proxy.resetPeak();
    const startedAt = performance.now();
    await transfer();
    const seconds = (performance.now() - startedAt) / 1000;
    const peak = await proxy.peakBytes();
    return {
      growth: peak - warm,
      text: `${LARGE / MB} MiB in ${seconds.toFixed(1)} s; peak ${mib(peak)}, of the warm-up ${mib(warm)}, after it ${mib(after)} MiB`,
    };
  }

  const mib = (bytes: number): string => (bytes / MB).toFixed(0);

  it("go up byte for byte within bounded memory", { timeout: 300_000 }, async ({ annotate }) => {
    const origin = await startDigestOrigin();
    await using proxy = await startMeasuredProxy({
      config: `export default {
        upstreams: { api: { targets: ["${origin.url}"] } },
        requestContent: { max: "2gb" },
      };`,
    });
    const { growth, text } = await growthOf(
      proxy,
      async () => expect(await upload(proxy.url, WARM_UP)).toBe(patternDigest(WARM_UP)),
      async () => expect(await upload(proxy.url, LARGE)).toBe(patternDigest(LARGE)),
    );
    await annotate(`up: ${text}`);
    expect(growth).toBeLessThan(GROWTH);
    expect(await readdir(join(proxy.dir, ".gatewright", "spill"))).toEqual([]);
  });

  it(
    "come down byte for byte within bounded memory",
    { timeout: 300_000 },
    async ({ annotate }) => {
      const warm = await startPatternOrigin(WARM_UP);
      const large = await startPatternOrigin(LARGE);
      onTestFinished(() => {
        warm.close();
        large.close();
      });
      await using proxy = await startMeasuredProxy({
        config: `export default {
        upstreams: { warm: { targets: ["${warm.url}"] }, large: { targets: ["${large.url}"] } },
        routes: [{ match: { path: "/warm" }, upstream: "warm" }, { upstream: "large" }],
      };`,
      });
      const read = async (path: string): Promise<string> =>
        (await PacedReader.open(proxy.url + path)).readAll();
      const { growth, text } = await growthOf(
        proxy,
        async () => expect(await read("/warm")).toBe(warm.digest),
        async () => expect(await read("/")).toBe(large.digest),
      );
      await annotate(`down: ${text}`);
      expect(growth).toBeLessThan(GROWTH);
    },
  );
});

it("a crash in the middle of an upload leaves no spill file", { timeout: 30_000 }, async () => {
  const origin = await startDigestOrigin();
  await using proxy = await startMeasuredProxy({
    config: `export default { upstreams: { api: { targets: ["${origin.url}"] } } };`,
  });
  const folder = join(proxy.dir, ".gatewright", "spill");
  const socket = await startSlowUpload(proxy.port, 50 * MB);
  socket.write(Buffer.alloc(10 * MB));
  // Made with the first file.
  await expect.poll(() => readdir(folder).catch(() => undefined), { timeout: 10_000 }).toEqual([]);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  process.kill(proxy.pid, "SIGKILL");
  await closed;
  expect(await readdir(folder)).toEqual([]);
});

interface DigestOrigin {
  readonly url: string;
  readonly connections: Set<Socket>;
  readonly uploads: number;
}

/** Answers a POST with the SHA-256 of its content. */
async function startDigestOrigin(): Promise<DigestOrigin> {
  const connections = new Set<Socket>();
  let uploads = 0;
  const server = createServer((incoming, response) => {
    if (incoming.method === "POST") uploads += 1;
    const hash = createHash("sha256");
    incoming.on("data", (chunk: Buffer) => hash.update(chunk));
    incoming.on("end", () => response.end(hash.digest("hex")));
  });
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    get uploads() {
      return uploads;
    },
  };
}

async function startSlowUpload(port: number, length = 100_000): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  socket.write(`POST /slow HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n\r\nx`);
  return socket;
}

/** Of GETs one after the other, for so long. */
async function latencies(url: string, forMs: number): Promise<{ p99: number }> {
  const times: number[] = [];
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    const startedAt = performance.now();
    const response = await fetch(url);
    await response.arrayBuffer();
    expect(response.status).toBe(200);
    times.push(performance.now() - startedAt);
    await delay(2);
  }
  times.sort((a, b) => a - b);
  return { p99: times[Math.floor(times.length * 0.99)] ?? 0 };
}

/** Resolves with what the origin answered. */
async function upload(url: string, bytes: number): Promise<string> {
  const sent = request(url, { method: "POST", headers: { "content-length": bytes } });
  const answered = once(sent, "response");
  for (let at = 0; at < bytes;) {
    const chunk = piece(at, bytes);
    at += chunk.length;
    if (!sent.write(chunk)) await once(sent, "drain");
  }
  sent.end();
  const [response] = (await answered) as [NodeJS.ReadableStream];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return text;
}
