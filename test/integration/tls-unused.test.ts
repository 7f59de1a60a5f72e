import { once } from "node:events";
import type { TLSSocket } from "node:tls";

import { describe, expect, it } from "vitest";

import { certificateFor, handshake } from "../helpers/certificates.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const REQUEST = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

async function start(limits = {}) {
  const proxy = await startProxy({
    config: {
      listen: { port: 0, tls: { certificates: [await certificateFor(["a.test"])] } },
      upstreams: { demo: { fetch: () => new Response("hello") } },
      limits,
    },
  });
  const open = (): Promise<TLSSocket> =>
    handshake(proxy.port, { servername: "a.test", ALPNProtocols: ["http/1.1"] });
  return { proxy, open };
}

/** The end of the connection, and whether it was said before. */
async function ended(socket: TLSSocket): Promise<void> {
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "close");
}

describe("a connection over TLS that has sent no request yet", () => {
  it("is open, and serves the request that comes, whole or byte by byte", async () => {
    const { proxy, open } = await start();
    const socket = await open();
    await expect
      .poll(async () => (await proxy.running.status()).listeners[0])
      .toMatchObject({ connections: 1 });
    socket.write(REQUEST);
    const [whole] = (await once(socket, "data")) as [Buffer];
    expect(whole.toString()).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();

    const slow = await open();
    for (const byte of REQUEST) {
      slow.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [answer] = (await once(slow, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    slow.destroy();
    const record = await proxy.accessed();
    expect(record.client).toBe("127.0.0.1");
  });

  it("is closed after the time that a head has", async () => {
    const { proxy, open } = await start({ headTime: "300ms" });
    await ended(await open());
    await expect.poll(async () => (await proxy.running.status()).listeners[0]?.connections).toBe(0);
  });

  it("ends with its client, by close_notify and without", async () => {
    const { proxy, open } = await start();
    const polite = await open();
    polite.end();
    await ended(polite);
    (await open()).destroy();
    await expect.poll(async () => (await proxy.running.status()).listeners[0]?.connections).toBe(0);
  });

  it("does not keep a proxy that drains", async () => {
    const { proxy, open } = await start();
    const end = ended(await open());
    await proxy.running.drain();
    await end;
  });
});
