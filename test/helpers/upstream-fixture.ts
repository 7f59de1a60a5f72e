import { onTestFinished } from "vitest";

import { DeadlineWheel } from "../../runtime/clock.ts";
import { createNetworkUpstream } from "../../runtime/upstream/network-upstream.ts";
import type {
  NetworkUpstream,
  NetworkUpstreamOptions,
} from "../../runtime/upstream/network-upstream.ts";
import type { Target } from "../../runtime/upstream/target.ts";
import { startToyUpstream, type ToyUpstream, type ToyUpstreamOptions } from "./toy-upstream.ts";

/** A toy origin that is closed with its test. */
export async function toy(options: ToyUpstreamOptions = {}): Promise<ToyUpstream> {
  const upstream = await startToyUpstream(options);
  onTestFinished(() => upstream.close());
  return upstream;
}

export function targetFor(place: { host: string; port: number }, weight = 1): Target {
  const { host, port } = place;
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return { scheme: "http", hostname: host, port, authority, weight };
}

/** A network upstream over these places whose connections end with the test; a fault of a receiver fails it. */
export function upstreamOver(
  places: readonly { host: string; port: number }[],
  options: Partial<NetworkUpstreamOptions> = {},
): NetworkUpstream {
  const faults: unknown[] = [];
  const upstream = createNetworkUpstream({
    name: "toys",
    targets: places.map((place) => targetFor(place)),
    maxConnections: 16,
    maxQueue: 16,
    queueTimeoutMs: 5000,
    idleTimeoutMs: 60_000,
    wheel: new DeadlineWheel(),
    onFault: (error) => faults.push(error),
    ...options,
  });
  onTestFinished(() => {
    void upstream.close();
    if (faults.length > 0) throw faults[0];
  });
  return upstream;
}

/** Resolves when the upstream's own count of open connections is `count`: it may learn of a close after its peer. */
export async function openCount(upstream: NetworkUpstream, count: number): Promise<void> {
  while (upstream.stats().open !== count) await new Promise((resolve) => setImmediate(resolve));
}
