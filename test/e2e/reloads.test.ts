/** What a reload promises, measured on the real command with the config that `npm start` runs. Linux: reads /proc. */
import { once } from "node:events";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { startLoad } from "../helpers/paced-load.ts";
import { isFullScale, scaled } from "../helpers/scale.ts";

const root = resolve(import.meta.dirname, "../..");
const RELOADS = scaled(20, 500);
const REQUESTS_PER_SECOND = scaled(100, 500);
/** A WebSocket and an event stream are opened before the first reload and in every so many-th generation. */
const STREAMS_EVERY = 10;
/** The first reloads fill the caches of the compiler and of the JIT. */
const WARM_UP = 40;
const MAX_HEAP_GROWTH = 5 * 1024 ** 2;
const MAX_P95_MS = 150;
/** `retireAfter`: by then nothing of a replaced generation runs on its own. */
const RETIRED_AFTER_MS = scaled(0, 30_000);

it(
  "the example project is reloaded under load: no request fails, every stream lives, nothing old ticks",
  { timeout: scaled(60_000, 300_000) },
  async () => {
    const echo = await startEcho();
    const example = await readFile(join(root, "proxy.config.ts"), "utf8");
    const config = (version: number): string => {
      const text = example
        .replace("It runs", `It runs: version ${version}.`)
        .replace("upstreams: {", `upstreams: { echo: { targets: ["${echo}"] },`)
        .replace("routes: [", `routes: [{ match: { path: "/echo" }, upstream: "echo" },`);
      return `${text}\nsetInterval(() => console.log("tick ${version}"), 100);\n`;
    };
    expect(config(7)).toMatch(/version 7\.[^]*echo:[^]*path: "\/echo"/);
    // Inside the workspace, where the SDK resolves as for the example itself.
    const dir = await mkdtemp(join(root, "examples/.e2e-"));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    await using proxy = await startMeasuredProxy({ config: config(1), dir, watch: true });

    const streams = [await openStreams(proxy.url)];
    const load = startLoad(`${proxy.url}/api/hello?name=load`, REQUESTS_PER_SECOND);
    const waits: number[] = [];
    let heapBefore = 0;
    let streamsBefore = 0;
    for (let version = 2; version <= RELOADS + 1; version++) {
      if (version === WARM_UP + 1) {
        await delay(RETIRED_AFTER_MS);
        heapBefore = (await proxy.measure()).heapBytes;
        streamsBefore = streams.length;
      }
      await writeFile(join(dir, "next.ts"), config(version));
      const saved = performance.now();
      await rename(join(dir, "next.ts"), join(dir, "proxy.config.ts"));
      while (!(await (await fetch(proxy.url)).text()).includes(`version ${version}.`)) {
        await delay(2);
      }
      waits.push(performance.now() - saved);
      if (version % STREAMS_EVERY === 0) streams.push(await openStreams(proxy.url));
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.contents).toEqual(new Set(['{"hello":"load"}']));
    expect(load.sent).toBeGreaterThan(REQUESTS_PER_SECOND / 2);

    for (const stream of streams) await stream.expectLive();
    await delay(RETIRED_AFTER_MS);
    const ticks = (): string[] =>
      proxy.started.command.lines
        .map((line) => String(line["msg"]))
        .filter((text) => text.startsWith("tick "));
    const before = ticks().length;
    await expect.poll(() => ticks().length - before, { timeout: 10_000 }).toBeGreaterThan(12);
    // What was written before this moment may still be on its way: the newest lines count.
    expect(new Set(ticks().slice(-8))).toEqual(new Set([`tick ${RELOADS + 1}`]));
    for (const stream of streams) await stream.expectLive();
    expect(proxy.errors).toEqual([]);

    if (isFullScale) {
      // Streams cost something by themselves: what as many new ones cost without a reload.
      const heapAfter = (await proxy.measure()).heapBytes;
      const growth = heapAfter - heapBefore;
      const opened = streams.length - streamsBefore;
      for (let count = 0; count < opened; count++) streams.push(await openStreams(proxy.url));
      const streamCost = (await proxy.measure()).heapBytes - heapAfter;
      expect(growth - streamCost).toBeLessThan(MAX_HEAP_GROWTH);
      const p95 = waits.toSorted((one, other) => one - other)[Math.floor(waits.length * 0.95)];
      expect(p95).toBeLessThan(MAX_P95_MS);
    }
    for (const stream of streams) stream.close();
  },
);

async function startEcho(): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  onTestFinished(() => server.close());
  server.on("connection", (socket) =>
    socket.on("message", (message) => socket.send(message as Buffer, { binary: false })),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A WebSocket through the network upstream, and the events of the upstream that lives in the config. */
async function openStreams(url: string) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/echo`);
  await once(socket, "open");
  const call = request(`${url}/events`, { agent: false });
  call.end();
  const [response] = (await once(call, "response")) as [IncomingMessage];
  let events = 0;
  let isOver = false;
  response.on("data", () => (events += 1));
  response.on("error", () => (isOver = true));
  response.on("close", () => (isOver = true));
  return {
    async expectLive(): Promise<void> {
      socket.send("still there?");
      expect(String((await once(socket, "message"))[0])).toBe("still there?");
      const seen = events;
      await expect.poll(() => events, { timeout: 5_000 }).toBeGreaterThan(seen);
      expect(isOver).toBe(false);
    },
    close(): void {
      socket.terminate();
      call.on("error", () => {});
      call.destroy();
    },
  };
}
