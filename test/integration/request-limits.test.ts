import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { fieldOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

describe("a request beyond a limit", () => {
  it.each([
    [
      "431: a head above 16 KiB",
      `GET / HTTP/1.1\r\nHost: a.test\r\nX: ${"x".repeat(17_000)}\r\n\r\n`,
      431,
    ],
    [
      "431: many small fields",
      `GET / HTTP/1.1\r\nHost: a.test\r\n${"A: b\r\n".repeat(3_000)}\r\n`,
      431,
    ],
    [
      "414: a target above 8 KiB",
      `GET /${"x".repeat(8_200)} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
      414,
    ],
    ["414: a target that alone is above 16 KiB", `GET /${"x".repeat(20_000)} HTTP/1.1\r\n`, 414],
  ])("is refused with %s", async (_name, request, status) => {
    const { connect, upstream } = await throughProxy();
    const client = await connect();
    await client.send(request);
    const response = await client.response();
    expect(response.status).toBe(status);
    expect(fieldOf(response, "connection")).toBe("close");
    expect(fieldOf(response, "content-type")).toBe("application/problem+json");
    expect((await client.readUntilClose()).reset).toBe(false);
    expect(upstream.connections).toHaveLength(0);
  });

  it("is served where it is just within it", async () => {
    const { ask } = await throughProxy();
    const target = `/${"x".repeat(8 * 1024 - 1)}`;
    const head = `GET ${target} HTTP/1.1\r\nHost: a.test\r\nX: ${"x".repeat(7_900)}\r\n\r\n`;
    expect(head.length).toBeLessThan(16 * 1024);
    expect((await ask(head)).status).toBe(200);
  });

  it("follows what the config says", async () => {
    const { ask } = await throughProxy({ config: { limits: { head: "2kb", target: "1kb" } } });
    const field = (bytes: number): string => `X: ${"x".repeat(bytes)}\r\n`;
    const get = (target: number, bytes: number): string =>
      `GET /${"x".repeat(target)} HTTP/1.1\r\nHost: a.test\r\n${field(bytes)}\r\n`;
    expect((await ask(get(900, 900))).status).toBe(200);
    expect((await ask(get(1_100, 10))).status).toBe(414);
    expect((await ask(get(10, 2_100))).status).toBe(431);
  });
});

describe("connections of a listener", () => {
  it("beyond the limit are closed at accept, and have room again when others end", async () => {
    const { connect, proxy } = await throughProxy({ config: { limits: { connections: 3 } } });
    const clients = [await connect(), await connect(), await connect()];
    for (const client of clients) {
      await client.send(GET);
      expect((await client.response()).status).toBe(200);
    }
    const fourth = await connect();
    expect(await fourth.closes()).toBe(true);
    clients[0]?.destroy();
    await expect.poll(async () => (await proxy.running.status()).listeners[0]?.connections).toBe(2);
    const fifth = await connect();
    await fifth.send(GET);
    expect((await fifth.response()).status).toBe(200);
  });

  it("are closed when idle for the keep-alive time, not before, and not by a reset", async () => {
    const { connect } = await throughProxy({ config: { limits: { keepAlive: 400 } } });
    const client = await connect();
    for (let i = 0; i < 3; i++) {
      await client.send(GET);
      expect((await client.response()).status).toBe(200);
      await delay(200);
    }
    expect(client.ended).toBe(false);
    const { bytes, reset } = await client.readUntilClose();
    expect([bytes.length, reset]).toEqual([0, false]);
  });
});
