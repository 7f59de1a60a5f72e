import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

import { startMeasuredProxy, type MeasuredProxy } from "../helpers/measured-proxy.ts";
import { connectRaw, fieldOf, type RawClient } from "../helpers/raw-client.ts";
import { scaled } from "../helpers/scale.ts";
import { startToyUpstream, toyResponse } from "../helpers/toy-upstream.ts";

const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const IDLE = 50;
const SLOW_MS = scaled(700, 3_000);
const GRACE_MS = scaled(1_300, 5_000);
/** Of a process that has nothing left to do. */
const EXIT_MS = 1_500;

describe("SIGTERM (PUB-49)", () => {
  it(
    "closes idle sockets at once, lets a slow request finish, cuts streams at the grace limit, exits with 0",
    { timeout: 30_000 },
    async () => {
      const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
      await once(sockets, "listening");
      const { port: socketPort } = sockets.address() as { port: number };
      const upstream = await startToyUpstream({
        onRequest: (request, connection) => {
          if (request.target === "/slow") {
            setTimeout(() => connection.send(toyResponse(200, "late")), SLOW_MS);
            return undefined;
          }
          if (request.target !== "/events") return toyResponse(200, "ok");
          connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
          const timer = setInterval(() => connection.send("data: tick\n\n"), 100);
          connection.socket.on("close", () => clearInterval(timer));
          return undefined;
        },
      });
      await using proxy = await startMeasuredProxy({
        config: `export default {
          drainTimeout: ${GRACE_MS},
          upstreams: {
            app: { targets: ["${upstream.url}"] },
            sockets: { targets: ["http://127.0.0.1:${socketPort}"] },
          },
          routes: [{ match: { path: "/socket" }, upstream: "sockets" }, { upstream: "app" }],
        };`,
      });
      const idle = await Promise.all(Array.from({ length: IDLE }, () => openIdle(proxy)));
      const slow = await connectRaw(proxy.port);
      await slow.send(GET.replace("/", "/slow"));
      const events = await connectRaw(proxy.port);
      await events.send(GET.replace("/", "/events"));
      await events.readThrough("data: tick");
      const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/socket`);
      await once(socket, "open");
      const socketClosed = once(socket, "close");
      await upstream.request(IDLE + 2);

      const signalledAt = performance.now();
      const since = (): number => performance.now() - signalledAt;
      proxy.started.command.child.kill("SIGTERM");

      await Promise.all(idle.map((client) => client.readUntilClose(EXIT_MS)));
      expect(since()).toBeLessThan(SLOW_MS);
      await expect(connectRaw(proxy.port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
      // The idle ones take no new request: a client sees the end, and nothing was done for it.
      const before = upstream.requests.length;
      for (const client of idle) void client.send(GET);

      const response = await slow.response({ timeoutMs: SLOW_MS + 2_000 });
      expect([response.status, response.content.toString()]).toEqual([200, "late"]);
      expect(fieldOf(response, "connection")).toBe("close");
      expect(since()).toBeLessThan(GRACE_MS);
      slow.end();

      expect(events.ended).toBe(false);
      expect((await socketClosed)[0]).toBe(1001);
      const { bytes } = await events.readUntilClose();
      expect(bytes.toString()).not.toContain("\r\n0\r\n");
      expect(since()).toBeGreaterThan(GRACE_MS - 50);
      expect(since()).toBeLessThan(GRACE_MS + EXIT_MS);
      const { code } = await proxy.started.command.exit();
      expect(code).toBe(0);
      expect(since()).toBeLessThan(GRACE_MS + 2 * EXIT_MS);
      expect(upstream.requests).toHaveLength(before);
      expect(proxy.errors).toEqual([]);
      sockets.close();
      await upstream.close();
    },
  );

  it("ends long before the limit when nothing is in flight, though clients keep their side open", async () => {
    await using proxy = await startMeasuredProxy({ config: answering("") });
    const idle = await Promise.all(Array.from({ length: IDLE }, () => openIdle(proxy)));
    const signalledAt = performance.now();
    const { code } = await proxy.stop();
    expect(code).toBe(0);
    expect(performance.now() - signalledAt).toBeLessThan(2 * EXIT_MS);
    for (const client of idle) expect(client.ended).toBe(true);
  });

  it(
    "under load, breaks no answer: each is whole, or its request was never taken",
    { timeout: 90_000 },
    async () => {
      for (let round = 0; round < scaled(1, 20); round++) {
        await using proxy = await startMeasuredProxy({
          config: answering("await new Promise((resolve) => setTimeout(resolve, 2));"),
        });
        const broken: string[] = [];
        let whole = 0;
        // A connection that the proxy has not even accepted yet is the kernel's, which resets it.
        const served = Array.from({ length: 20 }, () => Promise.withResolvers<void>());
        const load = async ({ resolve }: PromiseWithResolvers<void>): Promise<void> => {
          const client = await connectRaw(proxy.port);
          for (;;) {
            await client.send(GET);
            try {
              const response = await client.response();
              if (response.content.length !== 100_000)
                broken.push(`${response.content.length} bytes`);
              whole += 1;
              resolve();
              if (fieldOf(response, "connection") === "close") break;
            } catch (error) {
              const { message } = error as Error;
              // The end of an idle connection crossed the request on its way: no byte of an answer, and no reset.
              if (!message.endsWith('got ""') || client.wasReset) broken.push(message);
              break;
            }
          }
          client.end();
        };
        const clients = served.map(load);
        await Promise.all(served.map(({ promise }) => promise));
        await delay(100);
        proxy.started.command.child.kill("SIGTERM");
        await Promise.all(clients);
        expect((await proxy.started.command.exit()).code).toBe(0);
        expect(broken).toEqual([]);
        expect(whole).toBeGreaterThan(20);
        expect(proxy.errors).toEqual([]);
      }
    },
  );

  it("a second time, ends everything at once, with 1", async () => {
    await using proxy = await startMeasuredProxy({
      config: answering("await new Promise(() => {});"),
    });
    const client = await connectRaw(proxy.port);
    await client.send(GET);
    const { child } = proxy.started.command;
    child.kill("SIGTERM");
    await proxy.started.command.line((line) => String(line["msg"]).startsWith("shutting down"));
    const signalledAt = performance.now();
    // Not the end of its output: the compiler's process, which shares it, takes a moment longer to notice.
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    expect((await exited)[0]).toBe(1);
    expect(performance.now() - signalledAt).toBeLessThan(EXIT_MS);
    expect(await client.closes()).toBe(true);
  });
});

function answering(first: string): string {
  return `
    const content = "x".repeat(100_000);
    export default { async onRequest(request, ctx) { ${first} return ctx.respond(200, content); } };
  `;
}

async function openIdle(proxy: MeasuredProxy): Promise<RawClient> {
  const client = await connectRaw(proxy.port);
  await client.send(GET);
  expect((await client.response()).status).toBe(200);
  return client;
}
