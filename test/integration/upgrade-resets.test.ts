import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";

import { startMeasuredProxy, type MeasuredProxy } from "../helpers/measured-proxy.ts";
import { connectRaw, type RawClient } from "../helpers/raw-client.ts";
import { scaled } from "../helpers/scale.ts";
import { startSocketOrigin, upgradeRequest, type SocketOrigin } from "../helpers/socket-origin.ts";

const ROUNDS = scaled(20, 200);
const WARM_UP_ROUNDS = 10;
const AT_ONCE = 10;
const HOOK_MS = scaled(50, 500);
const CLOSED_WITHIN_MS = 1000;

const config = (url: string): string => `
export default {
  upstreams: { sockets: { targets: ["${url}"], maxConnections: 1000 } },
  async onUpgrade(request, ctx) {
    if (!request.path.startsWith("/hook")) return;
    ctx.earlyHints(["</began>; rel=preload"]);
    await new Promise((resolve) => setTimeout(resolve, ${HOOK_MS}));
  },
};`;

/** Who resets, and when. Resolves when both sides are known to be closed. */
type Round = (client: RawClient, target: string, origin: SocketOrigin) => Promise<void>;

const MOMENTS: Readonly<Record<string, Round>> = {
  "at once": async (client, target) => {
    void client.send(upgradeRequest(target));
    client.reset();
  },
  "while a hook awaits": async (client, target) => {
    await client.send(upgradeRequest(`/hook${target}`));
    await client.readThrough("began");
    client.reset();
    // The hook goes on, and what follows it meets a dead client.
    await delay(2 * HOOK_MS);
  },
  "after 101, in the middle of a frame": async (client, target, origin) => {
    const upstream = await open(client, target, origin);
    // RFC 6455 §5.2: a text frame of 100 bytes, of which two come.
    await client.send(Buffer.from([0x81, 0x80 | 100, 1, 2, 3, 4, 0x20, 0x21]));
    client.reset();
    await closed(upstream);
  },
  "after 101, with the upstream in the middle of a frame": async (client, target, origin) => {
    const upstream = await open(client, target, origin);
    upstream.write(Buffer.from([0x81, 100, 0x61]));
    await client.readThrough("a");
    client.reset();
    await closed(upstream);
  },
  "after 101, by the upstream": async (client, target, origin) => {
    const upstream = await open(client, target, origin);
    upstream.resetAndDestroy();
    await client.readUntilClose(CLOSED_WITHIN_MS);
  },
};

describe("a reset of an upgrade (PUB-14)", () => {
  it(
    "closes that pair of sockets and touches nothing else",
    { timeout: scaled(30_000, 240_000) },
    async () => {
      const origin = await startSocketOrigin();
      await using proxy = await startMeasuredProxy({ config: config(origin.url) });
      const bystander = new WebSocket(`${proxy.url.replace("http", "ws")}/echo`);
      await once(bystander, "open");
      for (const round of Object.values(MOMENTS))
        await rounds(WARM_UP_ROUNDS, round, proxy, origin);
      await settled(origin);
      const before = await proxy.measure();

      for (const [name, round] of Object.entries(MOMENTS)) {
        await rounds(ROUNDS, round, proxy, origin);
        await settled(origin);
        expect(await echoed(bystander, name)).toBe(name);
      }

      await expect
        .poll(async () => (await proxy.measure()).openFiles)
        .toBeLessThanOrEqual(before.openFiles);
      expect((await proxy.measure()).heapBytes).toBeLessThan(before.heapBytes * 1.1);
      expect(proxy.started.command.child.exitCode).toBeNull();
      expect(proxy.errors).toEqual([]);
      bystander.terminate();
      for (const record of proxy.access) expect(record.status).toBeLessThan(500);
    },
  );
});

async function rounds(
  count: number,
  round: Round,
  proxy: MeasuredProxy,
  origin: SocketOrigin,
): Promise<void> {
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started < count) {
      const target = `/raw/${started++}`;
      await round(await connectRaw(proxy.port), target, origin);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** The upstream's end of a tunnel that stands. */
async function open(client: RawClient, target: string, origin: SocketOrigin): Promise<Socket> {
  const upstream = origin.upgraded(target);
  await client.send(upgradeRequest(target));
  expect((await client.response()).status).toBe(101);
  return (await upstream).resume();
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed)
    await once(socket, "close", { signal: AbortSignal.timeout(CLOSED_WITHIN_MS) });
}

async function echoed(socket: WebSocket, text: string): Promise<string> {
  const answer = once(socket, "message");
  socket.send(text);
  return String((await answer)[0]);
}

/** Only the bystander's connection is left. */
async function settled(origin: SocketOrigin): Promise<void> {
  await expect.poll(() => origin.open.size, { timeout: CLOSED_WITHIN_MS + HOOK_MS }).toBe(1);
}
