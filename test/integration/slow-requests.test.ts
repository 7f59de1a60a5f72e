import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it, onTestFinished } from "vitest";

import { closing, testProtocol } from "../helpers/protocol-matrix.ts";
import { connectRaw, fieldOf } from "../helpers/raw-client.ts";
import { scaled } from "../helpers/scale.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

/** Every limit of time is far shorter than what the slow but honest client takes. */
const LIMIT_MS = scaled(200, 2_000);
const UPLOAD_MS = scaled(1_000, 60_000);
const STEP_MS = scaled(50, 500);

describe("a client that is slow (PUB-48)", () => {
  it("with its head, gets 408 and the end of its connection, however steadily it sends", async () => {
    const { connect, upstream } = await throughProxy({
      config: { limits: { headTime: LIMIT_MS } },
    });
    const client = await connect();
    const startedAt = performance.now();
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\nX-Slow: ");
    const trickle = setInterval(() => void client.send("x"), LIMIT_MS / 8);
    const response = await client.response({ timeoutMs: 3 * LIMIT_MS + 3000 });
    clearInterval(trickle);
    expect(response.status).toBe(408);
    expect(fieldOf(response, "connection")).toBe("close");
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(LIMIT_MS);
    expect(await client.closes()).toBe(true);
    expect(upstream.connections).toHaveLength(0);
  });

  it.each(["with a length", "in chunks"])(
    "with its content, but never idle, is served whole: %s",
    { timeout: UPLOAD_MS + 15_000 },
    async (framing) => {
      const { connect, proxy } = await throughProxy({
        config: {
          limits: { headTime: LIMIT_MS, contentIdle: LIMIT_MS, keepAlive: LIMIT_MS },
          timeouts: { connect: LIMIT_MS, responseHead: LIMIT_MS, hook: LIMIT_MS },
        },
        onRequest: (request) =>
          toyResponse(200, createHash("sha256").update(request.content).digest("hex")),
      });
      const chunked = framing === "in chunks";
      const steps = Math.round(UPLOAD_MS / STEP_MS);
      const content = randomBytes(steps * 500);
      const client = await connect();
      const length = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${content.length}`;
      await client.send(`POST / HTTP/1.1\r\nHost: a.test\r\n${length}\r\n\r\n`);
      for (let step = 0; step < steps; step++) {
        await delay(STEP_MS);
        const part = content.subarray(step * 500, (step + 1) * 500);
        await client.send(
          chunked ? Buffer.concat([Buffer.from("1f4\r\n"), part, Buffer.from("\r\n")]) : part,
        );
      }
      if (chunked) await client.send("0\r\n\r\n");
      const response = await client.response();
      expect(response.status).toBe(200);
      expect(response.content.toString()).toBe(createHash("sha256").update(content).digest("hex"));
      expect((await proxy.accessed()).outcome).toBe("complete");
    },
  );

  it("and sends no more of its content, gets 408, and the upstream's request is cut where it streams", async () => {
    const { connect, upstream, proxy } = await throughProxy({
      config: { limits: { contentIdle: LIMIT_MS }, requestContent: { buffer: false } },
    });
    const client = await connect();
    await client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nhalf");
    const startedAt = performance.now();
    const connection = await upstream.connection(1);
    const response = await client.response({ timeoutMs: 3 * LIMIT_MS + 3000 });
    expect(response.status).toBe(408);
    expect(fieldOf(response, "connection")).toBe(closing());
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(LIMIT_MS / 2);
    if (testProtocol() === "HTTP/1.1") expect(await client.closes()).toBe(true);
    await connection.closed;
    expect(upstream.requests).toHaveLength(0);
    expect(await proxy.accessed()).toMatchObject({ error: "PROXY_REQUEST_CONTENT_TIMEOUT" });
  });

  it("because the upstream takes nothing, is not idle", async () => {
    const origin = await startHeldOrigin(4 * LIMIT_MS);
    const proxy = await startProxy({
      config: {
        upstreams: { slow: { targets: [origin.url] } },
        limits: { contentIdle: LIMIT_MS },
      },
    });
    const content = randomBytes(24 * 1024 * 1024);
    const client = await connectRaw(proxy.port);
    await client.send(
      `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${content.length}\r\n\r\n`,
    );
    void client.send(content);
    const response = await client.response({ timeoutMs: 4 * LIMIT_MS + 10_000 });
    expect(response.content.toString()).toBe(createHash("sha256").update(content).digest("hex"));
  });
});

describe("an answer that takes long", () => {
  it.each(["GET", "POST"])(
    "to %s, is waited for (long poll), whatever the limits of requests",
    { timeout: scaled(15_000, 60_000) },
    async (method) => {
      const { connect } = await throughProxy({
        config: {
          limits: { headTime: LIMIT_MS, contentIdle: LIMIT_MS, keepAlive: LIMIT_MS },
          timeouts: { connect: LIMIT_MS, hook: LIMIT_MS },
        },
        onRequest: (_request, connection) => {
          setTimeout(() => connection.send(toyResponse(200, "news")), 4 * LIMIT_MS);
        },
      });
      const client = await connect();
      const content = method === "POST" ? "Content-Length: 5\r\n\r\nhello" : "\r\n";
      for (let round = 0; round < scaled(1, 3); round++) {
        await client.send(`${method} /poll HTTP/1.1\r\nHost: a.test\r\n${content}`);
        const response = await client.response({ timeoutMs: 4 * LIMIT_MS + 3000 });
        expect([response.status, response.content.toString()]).toEqual([200, "news"]);
      }
    },
  );
});

/** Reads nothing of a content for this time; then answers with its SHA-256. */
async function startHeldOrigin(heldMs: number): Promise<{ url: string }> {
  const server = createServer((request, response) => {
    setTimeout(() => {
      const hash = createHash("sha256");
      request.on("data", (chunk: Buffer) => hash.update(chunk));
      request.on("end", () => response.end(hash.digest("hex")));
    }, heldMs);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
