import { once } from "node:events";
import { duplexPair, type Duplex } from "node:stream";

import { describe, expect, it, vi } from "vitest";

import { systemClock } from "../../../runtime/clock.ts";
import { ProxyError } from "../../../runtime/errors.ts";
import type { Flow } from "../../../runtime/pipeline/flow.ts";
import { openTunnel } from "../../../runtime/pipeline/tunnel.ts";
import { ManualTime } from "../../helpers/listening.ts";

const HALF_OPEN_MS = 30_000;

/** A tunnel between two streams that the test holds the other ends of. */
function tunnel(accept?: () => Duplex): {
  flow: Flow;
  time: ManualTime;
  client: Duplex;
  upstream: Duplex;
  ours: readonly Duplex[];
} {
  const [client, ourClient] = duplexPair();
  const [upstream, ourUpstream] = duplexPair();
  const time = new ManualTime();
  const flow = {
    stage: "forward",
    headAt: 0,
    tunnel: undefined,
    registry: { live: new Set(), tunnels: 0 },
    parts: { clock: systemClock, wheel: time.wheel, load: { end() {} } },
    exchange: { upgrade: "websocket", acceptUpgrade: accept ?? (() => ourClient) },
    releaseLease: vi.fn(),
    failInternal: vi.fn(),
  } as unknown as Flow;
  openTunnel(flow, ["Upgrade", "websocket"], ourUpstream);
  return { flow, time, client, upstream, ours: [ourClient, ourUpstream] };
}

async function text(stream: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(stream, "end");
  return Buffer.concat(chunks).toString();
}

describe("a tunnel", () => {
  it("passes an orderly end on, and what the other side still says", async () => {
    const { flow, client, upstream, ours } = tunnel();
    client.end("last");
    expect(await text(upstream)).toBe("last");
    upstream.end("words");
    expect(await text(client)).toBe("words");
    await expect.poll(() => ours.every((one) => one.closed)).toBe(true);
    expect(flow.registry.tunnels).toBe(0);
  });

  it.each(["client", "upstream"] as const)(
    "whose %s has ended is destroyed when the other side is silent for the limit, not before",
    async (side) => {
      const { flow, time, client, upstream, ours } = tunnel();
      const [ending, staying] = side === "client" ? [client, upstream] : [upstream, client];
      ending.resume();
      staying.resume();
      ending.end();
      await once(staying, "end");
      await time.pass(HALF_OPEN_MS - 1000);
      staying.write("still here");
      await time.pass(HALF_OPEN_MS - 1000);
      expect(ours.some((one) => one.destroyed)).toBe(false);
      await time.pass(2000);
      expect(ours.every((one) => one.destroyed)).toBe(true);
      expect(flow.registry.tunnels).toBe(0);
      expect(time.wheel.size).toBe(0);
    },
  );

  it("that the client's connection cannot accept fails the request, with no upstream left", () => {
    const error = new ProxyError("PROXY_INTERNAL");
    const { flow, ours } = tunnel(() => {
      throw error;
    });
    expect(flow.failInternal).toHaveBeenCalledWith(error);
    expect(flow.stage).toBe("forward");
    expect(flow.registry.tunnels).toBe(0);
    expect(ours[1]?.destroyed).toBe(true);
  });
});
