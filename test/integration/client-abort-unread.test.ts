import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

import { describe, expect, it, onTestFinished } from "vitest";

import { connectRaw, type RawClient } from "../helpers/raw-client.ts";
import { upgradeRequest } from "../helpers/socket-origin.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

/** More than all buffers on the way. */
const CONTENT = Buffer.alloc(40 * 1024 * 1024);
const POST = `POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${CONTENT.length}\r\n\r\n`;
const SEEN_WITHIN_MS = 1000;

describe("a client that resets while nobody reads what it sends (PUB-09)", () => {
  it("takes the upstream's request with it, though the upstream reads nothing either", async () => {
    const origin = await startDeafOrigin("");
    const proxy = await startProxy({
      config: {
        upstreams: { deaf: { targets: [origin.url] } },
        requestContent: { buffer: false },
      },
    });
    const client = await connectRaw(proxy.port);
    void client.send(POST);
    void client.send(CONTENT);
    await blocked(client);
    const goneAt = performance.now();
    client.reset();
    const record = await proxy.accessed();
    expect(performance.now() - goneAt).toBeLessThan(SEEN_WITHIN_MS);
    expect(record).toMatchObject({ outcome: "aborted", status: 499 });
    await expect.poll(() => openUpstreams(proxy)).toBe(0);
  });

  it("fires the signal of a hook that has not come to read it", async () => {
    const fired = Promise.withResolvers<void>();
    const proxy = await startProxy({
      config: {
        async onRequest(_request, ctx) {
          ctx.signal.addEventListener("abort", () => fired.resolve());
          await fired.promise;
          return ctx.respond(200, "for nobody");
        },
      },
    });
    const client = await connectRaw(proxy.port);
    void client.send(POST);
    void client.send(CONTENT);
    await blocked(client);
    const goneAt = performance.now();
    client.reset();
    await fired.promise;
    expect(performance.now() - goneAt).toBeLessThan(SEEN_WITHIN_MS);
    expect((await proxy.accessed()).outcome).toBe("aborted");
  });

  it("takes its tunnel with it", async () => {
    const origin = await startDeafOrigin(
      "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    const proxy = await startProxy({
      config: { upstreams: { deaf: { targets: [origin.url] } }, limits: { keepAlive: 400 } },
    });
    const client = await connectRaw(proxy.port);
    await client.send(upgradeRequest("/deaf"));
    expect((await client.response()).status).toBe(101);
    void client.send(CONTENT);
    await blocked(client);
    client.reset();
    await proxy.accessed();
    await expect.poll(() => openUpstreams(proxy)).toBe(0);
  });
});

/** Takes a request's head, answers with this, and never reads again. */
async function startDeafOrigin(answer: string): Promise<{ url: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.pause();
      socket.write(answer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Nothing more leaves the client: everything on its way is full. */
async function blocked(client: RawClient): Promise<void> {
  let left = -1;
  await expect
    .poll(
      () => {
        const before = left;
        left = client.socket.writableLength;
        return left > 0 && left === before;
      },
      { interval: 150 },
    )
    .toBe(true);
}

async function openUpstreams(proxy: TestProxy): Promise<number> {
  const { upstreams } = await proxy.running.status();
  return upstreams.reduce((sum, one) => sum + one.open, 0);
}
