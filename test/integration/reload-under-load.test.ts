import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, it, onTestFinished, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

import { startLoad } from "../helpers/paced-load.ts";
import { isFullScale, scaled } from "../helpers/scale.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

const RELOADS = scaled(50, 500);
const REQUESTS_PER_SECOND = scaled(100, 500);
/** Streams are opened before the first reload and in every so many-th generation. */
const STREAM_EVERY = 10;
const WARM_UP = 40;
const MAX_HEAP_GROWTH = 5 * 1024 ** 2;
const MAX_P95_MS = 150;

const config = (version: number, upstream: string): string => `
  import { defineConfig } from "@gatewright/sdk";
  import { stamp } from "./stamp.ts";
  const ballast = new Uint8Array(1024);
  setInterval(() => { globalThis.lastTick = ${version} + 0 * ballast.length; }, 20);
  export default defineConfig({
    log: { access: false },
    upstreams: { app: { targets: ["${upstream}"], maxConnections: 500 } },
    onRequest(request) { request.headers.set("x-version", stamp(${version})); },
    onResponse(response) { response.headers.set("x-served-by", "${version}"); },
  });
`;

it(
  "serves every request and keeps every stream while the config is replaced again and again",
  { timeout: 180_000 },
  async () => {
    const origin = await startOrigin();
    const proxy = await startProxy({
      files: {
        "proxy.config.ts": config(1, origin.url),
        "stamp.ts": "export const stamp = (version: number) => `v${version}`;",
      },
    });
    const streams = [await openStreams(proxy)];
    const load = startLoad(`${proxy.url}/`, REQUESTS_PER_SECOND);
    const waits: number[] = [];
    let heapBefore = 0;
    let streamsBefore = 0;
    for (let version = 2; version <= RELOADS + 1; version++) {
      // The first reloads warm up: caches of the compiler, code of the JIT.
      if (version === WARM_UP + 1) {
        heapBefore = heapNow();
        streamsBefore = streams.length;
      }
      const count = proxy.commits.length;
      const saved = performance.now();
      await proxy.write("proxy.config.ts", config(version, origin.url));
      await proxy.commit(count + 1);
      waits.push(performance.now() - saved);
      expect(await (await fetch(proxy.url)).text()).toBe(`v${version}`);
      if (version % STREAM_EVERY === 0) streams.push(await openStreams(proxy));
    }
    await load.stop();

    expect(load.failures).toEqual([]);
    expect(load.sent).toBeGreaterThan(REQUESTS_PER_SECOND / 2);
    expect(await (await fetch(proxy.url)).text()).toBe(`v${RELOADS + 1}`);
    expect(load.contents.size).toBeGreaterThan(1);

    for (const { socket, events } of streams) {
      socket.send("still there?");
      expect(String((await once(socket, "message"))[0])).toBe("still there?");
      origin.tellAll();
      await events.next();
    }
    const { retiring, traffic } = await proxy.running.status();
    expect(retiring).toEqual([]);
    expect(traffic).toMatchObject({ leases: 0, tunnels: streams.length, streams: streams.length });
    await vi.waitUntil(() => (globalThis as { lastTick?: number }).lastTick === RELOADS + 1);

    if (isFullScale) {
      // Both ends of every stream and their origin live in this process. What they cost by themselves is what as many
      // new ones cost without a reload.
      const growth = heapNow() - heapBefore;
      const heapAfter = heapNow();
      const opened = streams.length - streamsBefore;
      for (let count = 0; count < opened; count++) streams.push(await openStreams(proxy));
      const streamCost = heapNow() - heapAfter;
      expect(growth - streamCost).toBeLessThan(MAX_HEAP_GROWTH);
      const p95 = waits.toSorted((one, other) => one - other)[Math.floor(waits.length * 0.95)];
      expect(p95).toBeLessThan(MAX_P95_MS);
    }
    for (const stream of streams) stream.close();
  },
);

function heapNow(): number {
  // The thorough collection: a plain one leaves compiled code of old scripts to later ones, some 7 KB a reload.
  (globalThis as { gc?: (options: object) => void }).gc?.({
    type: "major",
    execution: "sync",
    flavor: "last-resort",
  });
  return process.memoryUsage().heapUsed;
}

async function startOrigin(): Promise<{ url: string; tellAll(): void }> {
  const listeners = new Set<(text: string) => void>();
  const server = createServer((incoming, response) => {
    if (incoming.url !== "/events") {
      response.end(incoming.headers["x-version"]);
      return;
    }
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("data: hello\n\n");
    const tell = (text: string): void => void response.write(text);
    listeners.add(tell);
    response.on("close", () => listeners.delete(tell));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) =>
    socket.on("message", (message) => socket.send(message as Buffer, { binary: false })),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tellAll: () => {
      for (const tell of listeners) tell("data: again\n\n");
    },
  };
}

async function openStreams(proxy: TestProxy) {
  const socket = new WebSocket(`${proxy.url.replace("http", "ws")}/socket`);
  await once(socket, "open");
  const call = request(`${proxy.url}/events`, { agent: false });
  call.end();
  const [response] = (await once(call, "response")) as [IncomingMessage];
  const events = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  await events.next();
  return {
    socket,
    events,
    close: () => {
      socket.terminate();
      call.on("error", () => {});
      call.destroy();
    },
  };
}
