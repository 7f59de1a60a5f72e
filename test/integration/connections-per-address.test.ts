import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { describe, expect, it, onTestFinished } from "vitest";

import { certificateFor } from "../helpers/certificates.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const upstreams = { app: { fetch: () => new Response("ok") } };
const limits = { connectionsPerAddress: 2 };

async function statusOf(url: string): Promise<number | undefined> {
  const response = await fetch(url, { headers: { connection: "close" } }).catch(() => undefined);
  await response?.text();
  return response?.status;
}

/** An open connection, or one that the proxy has closed. */
async function open(port: number, from = "127.0.0.1", secure = false): Promise<Socket> {
  const plain = connect({ port, host: "127.0.0.1", localAddress: from });
  const socket = secure ? connectTls({ socket: plain, rejectUnauthorized: false }) : plain;
  onTestFinished(() => void plain.destroy());
  socket.on("error", () => {});
  plain.on("error", () => {});
  const closed = new Promise<void>((resolve) => plain.once("close", () => resolve()));
  const first = (event: string): Promise<void> =>
    Promise.race([closed, new Promise<void>((resolve) => socket.once(event, () => resolve()))]);
  await first(secure ? "secureConnect" : "connect");
  if (!plain.destroyed) {
    socket.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await first("data");
  }
  return socket;
}

describe.each([
  ["plain text", false],
  ["TLS", true],
])("limits.connectionsPerAddress over %s", (_what, secure) => {
  it("closes what is beyond it at accept, counts each close, and leaves other addresses alone", async () => {
    const certificates = secure ? [await certificateFor(["a.test"])] : [];
    const listen = secure ? { port: 0, tls: { certificates } } : { port: 0 };
    const proxy = await startProxy({ config: { listen, upstreams, limits } });
    const { port } = proxy;
    const held = [
      await open(port, "127.0.0.1", secure),
      await open(port, "127.0.0.1", secure),
    ] as const;
    expect(held.map(({ destroyed }) => destroyed)).toEqual([false, false]);
    for (let at = 0; at < 3; at++) {
      const extra = await open(port, "127.0.0.1", secure);
      expect(extra.bytesRead).toBe(0);
    }
    expect((await open(port, "127.0.0.2", secure)).bytesRead).toBeGreaterThan(0);
    held[0].destroy();
    await expect
      .poll(async () => (await open(port, "127.0.0.1", secure)).bytesRead)
      .toBeGreaterThan(0);
    // One went, one came: it is full again.
    expect((await open(port, "127.0.0.1", secure)).bytesRead).toBe(0);
  });
});

describe("limits.connectionsPerAddress", () => {
  it("does not count trusted proxies", async () => {
    const proxy = await startProxy({
      config: { listen: { port: 0 }, upstreams, limits, trustedProxies: ["127.0.0.1"] },
    });
    for (let at = 0; at < 5; at++) {
      expect((await open(proxy.port)).bytesRead).toBeGreaterThan(0);
    }
    expect(await statusOf(proxy.url)).toBe(200);
  });
});
