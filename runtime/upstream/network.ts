import type { Socket } from "node:net";

import type { Target } from "./target.ts";

/**
 * Begins a connection to the target and offers these protocols (RFC 7301); none: bytes are all that is wanted. It tells
 * by `connect` that it stands, and by `secureConnect` where the target's scheme is https.
 */
export type OpenConnection = (target: Target, protocols: readonly string[]) => Socket;

/** Stands in for the network behind this proxy. */
export interface Network {
  /** For the requests of an upstream, or of `ctx.fetch` to an origin; or for the checks of an upstream's health. */
  openerFor(upstream: string, use: "requests" | "checks"): OpenConnection;
  /** What is fetched beside requests: lists, answers to challenges. */
  readonly fetch: typeof globalThis.fetch;
}
