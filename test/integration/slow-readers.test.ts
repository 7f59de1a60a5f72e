/** Clients that take next to nothing of a response: their upstream's connections are for others. */
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it, onTestFinished } from "vitest";

import { PacedReader, patternDigest, startPatternOrigin } from "../helpers/pattern-origin.ts";
import { connectRaw, type RawClient } from "../helpers/raw-client.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const MIB = 1024 * 1024;
/** More than kernels take for a client, less than waits for it here. */
const ORDINARY = 12 * MIB;
const AHEAD = 16 * MIB;
/** More than both. */
const LONG = 64 * MIB;

async function start(
  contentBytes: number,
  config: Partial<GatewrightConfig>,
  maxConnections: number,
): Promise<TestProxy> {
  const origin = await startPatternOrigin(contentBytes);
  onTestFinished(() => origin.close());
  return startProxy({
    config: { upstreams: { api: { targets: [origin.url], maxConnections } }, ...config },
  });
}

/** Asks and reads nothing. */
async function stalled(proxy: TestProxy, from = "127.0.0.1"): Promise<RawClient> {
  const client = await connectRaw(proxy.port, "127.0.0.1", from);
  client.socket.pause();
  await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  onTestFinished(() => client.destroy());
  return client;
}

/** Twice the same in a row. */
async function untilSettled<T>(look: () => Promise<T>): Promise<T> {
  let last = await look();
  for (;;) {
    await delay(200);
    const next = await look();
    if (JSON.stringify(next) === JSON.stringify(last)) return next;
    last = next;
  }
}

describe("slow readers", () => {
  it("of a response of ordinary size hold no connection of its upstream", async () => {
    const proxy = await start(ORDINARY, { responseContent: { ahead: AHEAD } }, 2);
    for (let i = 0; i < 8; i++) await stalled(proxy);
    const answer = await fetch(proxy.url, { signal: AbortSignal.timeout(5000) });
    expect((await answer.arrayBuffer()).byteLength).toBe(ORDINARY);
    // None of them was cut for it.
    expect(proxy.access).toHaveLength(1);
  });

  it("show in the status with what they hold, and hold nothing when they are gone", async () => {
    const config = { admin: { port: 0 }, responseContent: { ahead: AHEAD } };
    const proxy = await start(ORDINARY, config, 2);
    const client = await stalled(proxy);
    const held = async (): Promise<number> => {
      const status = (await (await fetch(`${proxy.adminUrl}/api/status`)).json()) as {
        held: { responses: { bytes: number; budget: number } };
      };
      expect(status.held).toMatchObject({
        requestMemory: { bytes: 0 },
        requestDisk: { bytes: 0 },
        responses: { budget: 256 * MIB },
      });
      return status.held.responses.bytes;
    };
    await expect.poll(held).toBeGreaterThan(0);
    client.destroy();
    await expect.poll(held).toBe(0);
    expect(await (await fetch(proxy.adminUrl as string)).text()).toContain(
      "wait for their clients",
    );
  });

  it("get every byte in order when they read on", async () => {
    const proxy = await start(3 * MIB, {}, 1);
    const reader = await PacedReader.open(proxy.url);
    for (let bytes = 0; bytes < 3 * MIB; bytes += 300_000) {
      await reader.readThrough(bytes);
      await delay(10);
    }
    expect(await reader.readAll()).toBe(patternDigest(3 * MIB));
    expect(proxy.access).toMatchObject([{ outcome: "complete", responseBytes: 3 * MIB }]);
  });

  it("are cut where others wait for the connection that they hold", async () => {
    const proxy = await start(LONG, {}, 2);
    await stalled(proxy);
    await stalled(proxy);
    const reader = await PacedReader.open(proxy.url);
    expect(await proxy.accessed()).toMatchObject({ outcome: "cut", error: "PROXY_CLIENT_STALLED" });
    expect(await reader.readAll()).toBe(patternDigest(LONG));
    // One was enough.
    expect(proxy.access).toHaveLength(2);
    proxy.takeErrors();
  });

  it("are not cut while nobody waits, nor where `sendRate` is 0", async () => {
    const idle = await start(LONG, {}, 2);
    await stalled(idle);
    const asked = await start(LONG, { limits: { sendRate: 0 } }, 1);
    await stalled(asked);
    void fetch(asked.url).catch(() => undefined);
    await delay(3500);
    expect([...idle.access, ...asked.access]).toEqual([]);
  });

  it("let those live that read slowly but steadily", async () => {
    const proxy = await start(LONG, {}, 1);
    const reader = await PacedReader.open(proxy.url);
    void fetch(proxy.url).catch(() => undefined);
    const until = performance.now() + 4000;
    for (let bytes = 0; performance.now() < until; bytes += 200_000) {
      await reader.readThrough(bytes);
      await delay(25);
    }
    expect(proxy.access).toEqual([]);
    reader.abort();
  });

  it("of which there are too many for the budget give up what they hold first", async () => {
    const responseContent = { ahead: AHEAD, budget: 2 * ORDINARY, clientShare: 1 };
    const proxy = await start(ORDINARY, { responseContent }, 2);
    for (let i = 0; i < 8; i++) await stalled(proxy);
    const answer = await fetch(proxy.url, { signal: AbortSignal.timeout(30_000) });
    expect((await answer.arrayBuffer()).byteLength).toBe(ORDINARY);
    expect(proxy.access.some(({ error }) => error === "PROXY_CLIENT_STALLED")).toBe(true);
    proxy.takeErrors();
  });

  it("of one client have their share of the budget, and another client's are held all the same", async () => {
    const share = 12 * MIB;
    const config: Partial<GatewrightConfig> = {
      admin: { port: 0 },
      responseContent: { ahead: AHEAD, budget: 4 * share },
    };
    const proxy = await start(ORDINARY, config, 40);
    const figures = async (): Promise<{ bytes: number; active: number }> => {
      const status = (await (await fetch(`${proxy.adminUrl}/api/status`)).json()) as {
        held: { responses: { bytes: number } };
        upstreams: { active: number }[];
      };
      return {
        bytes: status.held.responses.bytes,
        active: status.upstreams[0]?.active ?? Number.NaN,
      };
    };
    // Each wants to hold what kernels do not take: a multiple of the share in all.
    for (let i = 0; i < 12; i++) await stalled(proxy);
    await expect.poll(async () => (await figures()).bytes).toBeGreaterThanOrEqual(share);
    const settled = await untilSettled(figures);
    // A chunk of each may come after the last place is taken.
    expect(settled.bytes).toBeLessThan(share + 12 * 128 * 1024);
    expect(settled.active).toBeGreaterThan(0);

    await stalled(proxy, "127.0.0.2");
    await expect.poll(async () => (await figures()).bytes).toBeGreaterThan(settled.bytes + 2 * MIB);
    // All that it asked for has left the upstream.
    await expect.poll(async () => (await figures()).active).toBe(settled.active);
    expect(proxy.access).toEqual([]);
  });

  it("get events at once, and those that wait when they have room again", async () => {
    const { connect, upstream, proxy } = await throughProxy({
      onHead: () => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",
    });
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await client.readThrough("data: 1");
    client.socket.pause();
    const connection = upstream.connections[0];
    for (let i = 0; i < 600; i++)
      connection?.send(`data: ${randomBytes(8000).toString("hex")}\n\n`);
    connection?.send("data: last\n\n");
    await delay(50);
    client.socket.resume();
    await client.readThrough("data: last");
    connection?.send("data: now\n\n");
    await client.readThrough("data: now");
    expect(proxy.access).toEqual([]);
    client.destroy();
  });
});
