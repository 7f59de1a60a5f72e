import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { connectRaw } from "../helpers/raw-client.ts";
import { isFullScale } from "../helpers/scale.ts";
import { upgradeRequest } from "../helpers/socket-origin.ts";

const MIB = 1024 * 1024;
const WARM_UP_MS = 15_000;
const SOAK_MS = 60_000;
const REQUESTS_PER_SECOND = 300;
const MOST_AT_ONCE = 200;
const PAGE = "<p>page</p>".repeat(2_000);
const ZIPPED_PAGE = gzipSync(PAGE);
const UPLOAD = Buffer.alloc(50_000, "u");
const UPLOAD_DIGEST = createHash("sha256").update(UPLOAD).digest("hex");

const config = (url: string): string => `
export default {
  upstreams: {
    origin: { targets: ["${url}"], idleTimeout: "1s" },
    app: { fetch: async (request) => new Response("app " + (await request.text())) },
  },
  routes: [
    { match: { path: "/app" }, upstream: "app" },
    { match: { path: "/redirect" }, redirect: "/elsewhere" },
    { upstream: "origin" },
  ],
  async onRequest(request, ctx) {
    request.headers.set("x-seen", "1");
    if (request.path === "/hook") {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return ctx.respond(200, await request.text());
    }
    if (request.path === "/fetch") return ctx.respond(200, await (await ctx.fetch("origin", { path: "/page" })).text());
  },
  onResponse(response, ctx) {
    response.headers.set("x-proxy", "1");
    if (ctx.route?.name !== undefined && response.headers.get("x-edit") !== null) {
      response.transform(async function* (chunks) {
        for await (const chunk of chunks) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          yield chunk;
        }
      });
    }
  },
};`;

describe.runIf(isFullScale)("a minute of everything at once", () => {
  it(
    "breaks no request, logs no error, and leaves memory and files as they were",
    { timeout: WARM_UP_MS + SOAK_MS + 60_000 },
    async ({ annotate }) => {
      const origin = await startOrigin();
      await using proxy = await startMeasuredProxy({ config: config(origin) });
      await soak(proxy.port, WARM_UP_MS);
      await delay(3_000);
      const before = await proxy.measure();
      const rssBefore = await proxy.rssBytes();

      const rss: number[] = [];
      const sampler = setInterval(
        () => void proxy.rssBytes().then((bytes) => rss.push(bytes)),
        500,
      );
      const counts = await soak(proxy.port, SOAK_MS);
      clearInterval(sampler);
      await delay(3_000);
      const after = await proxy.measure();
      const rssAfter = await proxy.rssBytes();

      const mean = (values: readonly number[]): number =>
        values.reduce((sum, one) => sum + one, 0) / values.length;
      const early = mean(rss.slice(0, 20));
      const late = mean(rss.slice(-20));
      await annotate(
        `${JSON.stringify(counts)} RSS ${toMib(rssBefore)} idle, ${toMib(early)} early, ${toMib(late)} late, ` +
          `${toMib(rssAfter)} idle after; heap ${toMib(before.heapBytes)} to ${toMib(after.heapBytes)}; ` +
          `files ${before.openFiles} to ${after.openFiles}`,
      );
      expect(proxy.errors).toEqual([]);
      expect(proxy.access.filter((record) => Number(record.status) >= 500)).toEqual([]);
      expect(late - early).toBeLessThan(16 * MIB);
      expect(after.heapBytes).toBeLessThan(before.heapBytes * 1.1);
      expect(after.openFiles).toBeLessThanOrEqual(before.openFiles);
    },
  );
});

function toMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

/** Starts requests of all kinds in turn at the rate; resolves when all are over. Rejects with the first that broke. */
async function soak(port: number, ms: number): Promise<Record<string, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const kinds = requestKinds(port, agent);
  const counts: Record<string, number> = {};
  const names = Object.keys(kinds);
  const open = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const startedAt = performance.now();
  let sent = 0;
  for (
    let passed = 0;
    passed < ms && failures.length === 0;
    passed = performance.now() - startedAt
  ) {
    while (sent < (passed / 1000) * REQUESTS_PER_SECOND && open.size < MOST_AT_ONCE) {
      const name = names[sent++ % names.length] ?? "";
      counts[name] = (counts[name] ?? 0) + 1;
      const one: Promise<void> = (kinds[name] as () => Promise<void>)()
        .catch((error: unknown) => void failures.push(new Error(name, { cause: error })))
        .finally(() => open.delete(one));
      open.add(one);
    }
    await delay(5);
  }
  await Promise.all(open);
  agent.destroy();
  if (failures.length > 0) throw failures[0];
  return counts;
}

function requestKinds(port: number, agent: Agent): Record<string, () => Promise<void>> {
  const ask = async (
    path: string,
    content?: Buffer,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; text: string }> => {
    const sent = request({
      port,
      path,
      agent,
      headers,
      method: content === undefined ? "GET" : "POST",
    });
    sent.end(content);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    const chunks = await response.toArray();
    return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("latin1") };
  };
  const abort = async (
    bytes: string | Buffer,
    afterMs: number,
    byReset: boolean,
  ): Promise<void> => {
    const client = await connectRaw(port);
    void client.send(bytes);
    await delay(afterMs);
    if (byReset) client.reset();
    else client.destroy();
  };
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
  const upload = Buffer.concat([
    Buffer.from("POST /upload HTTP/1.1\r\nHost: a.test\r\nContent-Length: 900000\r\n\r\n"),
    UPLOAD,
  ]);
  let turn = 0;
  return {
    async get() {
      expect(await ask("/page")).toEqual({ status: 200, text: PAGE });
    },
    async getOnNewConnection() {
      const client = await connectRaw(port);
      await client.send(get("/page"));
      expect((await client.response()).content.toString()).toBe(PAGE);
      client.destroy();
    },
    async pipelined() {
      const client = await connectRaw(port);
      await client.send(get("/page").repeat(8));
      for (let i = 0; i < 8; i++) expect((await client.response()).status).toBe(200);
      client.end();
    },
    async post() {
      expect(await ask("/upload", UPLOAD)).toEqual({ status: 200, text: UPLOAD_DIGEST });
    },
    async hook() {
      expect(await ask("/hook", Buffer.from("read"))).toEqual({ status: 200, text: "read" });
    },
    async app() {
      expect(await ask("/app", Buffer.from("read"))).toEqual({ status: 200, text: "app read" });
    },
    async subrequest() {
      expect(await ask("/fetch")).toEqual({ status: 200, text: PAGE });
    },
    async edited() {
      expect(await ask("/edited")).toEqual({ status: 200, text: PAGE });
    },
    async editedAndZipped() {
      expect((await ask("/edited-zipped", undefined, { "accept-encoding": "gzip" })).status).toBe(
        200,
      );
    },
    async editedAndAborted() {
      await abort(get("/edited-long"), turn++ % 30, turn % 2 === 0);
    },
    async redirect() {
      expect((await ask("/redirect")).status).toBe(308);
    },
    async refused() {
      const client = await connectRaw(port);
      await client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
      expect((await client.response()).status).toBe(400);
      client.end();
    },
    async abortedBeforeTheHead() {
      await abort(get("/never"), turn++ % 20, turn % 2 === 0);
    },
    async abortedInTheContent() {
      await abort(get("/events"), turn++ % 50, turn % 2 === 0);
    },
    async abortedUpload() {
      await abort(upload, turn++ % 20, turn % 2 === 0);
    },
    async socket() {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`);
      await once(socket, "open");
      for (const message of ["one", "x".repeat(100_000)]) {
        const answer = once(socket, "message");
        socket.send(message);
        expect(String((await answer)[0])).toBe(message);
      }
      const closed = once(socket, "close");
      if (turn++ % 2 === 0) socket.close();
      else socket.terminate();
      await closed;
    },
    async abortedSocket() {
      await abort(upgradeRequest("/socket"), turn++ % 10, turn % 2 === 0);
    },
  };
}

async function startOrigin(): Promise<string> {
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer((incoming, response) => {
    switch (incoming.url) {
      case "/never":
        break;
      case "/events": {
        response.writeHead(200, { "content-type": "text/event-stream" });
        const timer = setInterval(() => response.write("data: tick\n\n"), 10);
        response.on("close", () => clearInterval(timer));
        break;
      }
      case "/upload": {
        const hash = createHash("sha256");
        incoming.on("data", (chunk: Buffer) => hash.update(chunk));
        incoming.on("end", () => response.end(hash.digest("hex")));
        incoming.on("error", () => {});
        break;
      }
      case "/edited":
        response.setHeader("x-edit", "1");
        response.end(PAGE);
        break;
      case "/edited-long":
        response.setHeader("x-edit", "1");
        response.end(PAGE.repeat(100));
        break;
      case "/edited-zipped":
        response.writeHead(200, { "x-edit": "1", "content-encoding": "gzip" });
        response.end(ZIPPED_PAGE);
        break;
      default:
        response.end(PAGE);
    }
  });
  server.keepAliveTimeout = 60_000;
  server.on("upgrade", (incoming, socket, head) => {
    socket.on("error", () => {});
    sockets.handleUpgrade(incoming, socket, head, (one) => {
      one.on("error", () => {});
      one.on("message", (message, isBinary) => one.send(message, { binary: isBinary }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
