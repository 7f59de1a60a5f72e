/** A client that takes nothing of what waits for it holds an upstream's connection for nobody. */
import { randomBytes } from "node:crypto";

import { describe, expect, it, onTestFinished } from "vitest";

import { PacedReader, startPatternOrigin, type PatternOrigin } from "../helpers/pattern-origin.ts";
import { connectRaw } from "../helpers/raw-client.ts";
import { scaled } from "../helpers/scale.ts";
import { upgradeRequest } from "../helpers/socket-origin.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const LIMIT_MS = scaled(400, 5_000);
/**
 * Read eight times within the limit. A kernel whose buffer has been full tells of new room only when a sixteenth of it is
 * free, up to 2 MiB here: who reads less than that within the limit looks like one who reads nothing.
 */
const STEP_BYTES = scaled(200_000, 800_000);
/** More than kernels take on the way. */
const LONG = 64 * 1024 * 1024;

async function origin(): Promise<PatternOrigin> {
  const started = await startPatternOrigin(LONG);
  onTestFinished(() => started.close());
  return started;
}

function proxyFor(url: string): Promise<TestProxy> {
  return startProxy({
    config: { upstreams: { api: { targets: [url] } }, limits: { sendIdle: LIMIT_MS } },
  });
}

describe("limits.sendIdle", () => {
  it("cuts a client that stops reading, and its upstream's request with it", async () => {
    const { url, transfers } = await origin();
    const proxy = await proxyFor(url);
    const client = await connectRaw(proxy.port);
    client.socket.pause();
    const startedAt = performance.now();
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    const record = await proxy.accessed();
    expect(record).toMatchObject({ status: 200, outcome: "aborted" });
    expect(record.responseBytes).toBeLessThan(LONG);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(LIMIT_MS * 0.75);
    await transfers[0]?.closed;
    client.destroy();
  });

  it("lets a client live that reads slowly, for as long as it takes", async () => {
    const { url } = await origin();
    const proxy = await proxyFor(url);
    const reader = await PacedReader.open(proxy.url);
    const until = performance.now() + LIMIT_MS * 5;
    for (let bytes = 0; performance.now() < until; bytes += STEP_BYTES) {
      await reader.readThrough(bytes);
      await new Promise((resolve) => setTimeout(resolve, LIMIT_MS / 8));
    }
    expect(proxy.access).toEqual([]);
    reader.abort();
  });

  it("lets it live too where all of a long answer is one write", async () => {
    const body = randomBytes(32 * 1024 * 1024);
    const { proxy } = await throughProxy({
      config: {
        limits: { sendIdle: LIMIT_MS },
        onRequest: (_request, ctx) => ctx.respond(200, body),
      },
    });
    const reader = await PacedReader.open(proxy.url);
    const until = performance.now() + LIMIT_MS * 4;
    for (let bytes = 0; performance.now() < until; bytes += STEP_BYTES) {
      await reader.readThrough(bytes);
      await new Promise((resolve) => setTimeout(resolve, LIMIT_MS / 8));
    }
    expect(proxy.access).toEqual([]);
    reader.abort();
  });

  it("does not mind silence: nothing waits for a client of an idle event stream", async () => {
    const { connect, upstream, proxy } = await throughProxy({
      onHead: () => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",
      config: { limits: { sendIdle: LIMIT_MS } },
    });
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await client.readThrough("data: 1");
    await new Promise((resolve) => setTimeout(resolve, LIMIT_MS * 2));
    upstream.connections[0]?.send("data: 2\n\n");
    await client.readThrough("data: 2");
    expect(proxy.access).toEqual([]);
    client.destroy();
  });

  it("cuts a tunnel whose client takes nothing", async () => {
    const { connect, upstream } = await throughProxy({
      onHead: (_request, connection) => {
        connection.raw = true;
        return "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
      },
      config: { limits: { sendIdle: LIMIT_MS } },
    });
    const client = await connect();
    await client.send(upgradeRequest("/"));
    expect((await client.response()).status).toBe(101);
    client.socket.pause();
    const connection = await upstream.connection(1);
    connection.socket.on("error", () => {});
    connection.send(Buffer.alloc(LONG));
    await connection.closed;
    client.destroy();
  });
});
