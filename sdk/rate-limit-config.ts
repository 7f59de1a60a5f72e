import type { Context } from "./context.ts";
import type { ProxyRequest } from "./request.ts";
import type { Duration } from "./units.ts";

/**
 * What requests are counted by. `"ip"`: the client's address, IPv6 by its /64. A function returns a text, or
 * `undefined` for a request that this rule does not count; it must not be async.
 */
export type RateLimitKey =
  | "ip"
  | "user-agent"
  | "route"
  | { readonly prefix: { readonly ipv4?: number; readonly ipv6?: number } }
  | { readonly header: string }
  | { readonly cookie: string }
  | ((request: ProxyRequest, ctx: Context) => string | undefined);

/**
 * What a limit may do. `"block"`: what its `action` says. `"flag"`: count, add `points` to `ctx.score` where it is used up, and
 * let everything pass. `"off"`: count nothing.
 */
export type RateLimitMode = "off" | "flag" | "block";

/** One rule: how many requests a key may make, or how many at the same time. */
export interface RateLimitConfig {
  /** What is counted together; several parts make one key. Default `"ip"`. */
  key?: RateLimitKey | readonly RateLimitKey[];
  /** Requests in `window`. Needed unless there is `concurrent`. */
  limit?: number;
  /** They come back evenly over this time. Needed with `limit`. */
  window?: Duration;
  /** Requests at once. Default: `limit`. */
  burst?: number;
  /** Requests under way at the same time. Default: any number. */
  concurrent?: number;
  /** What a request counts. Default 1. Not a number from 0 up: counted as 1. */
  cost?: (request: ProxyRequest, ctx: Context) => number;
  /** `"all"`: every request. `"named"`: only where a route or `ctx.limit()` names it. Default `"all"`. */
  scope?: "all" | "named";
  /**
   * Beyond the limit. `"refuse"`: 429 with `Retry-After`. `"delay"`: wait up to `maxDelay`, then 429. `"score"`: go on, with
   * `points` in `ctx.score`. `"challenge"`: the same, and only with a clearance; it needs `challenge`. Default `"refuse"`.
   */
  action?: "refuse" | "delay" | "score" | "challenge";
  /** The milder of this and `rateLimitMode` counts. Default `"block"`. */
  mode?: RateLimitMode;
  /** For `"score"`, `"challenge"` and the mode `"flag"`. Default 5. */
  points?: number;
  /** For `"delay"`. At most 1000 requests of a rule wait. Default `"1s"`. */
  maxDelay?: Duration;
  /** Most keys that are remembered, 16 bytes each, rounded up to a power of two; then those owed least go. Default 100000. */
  maxKeys?: number;
  /** Bits of an IPv6 address that are one client. Default 64. */
  ipv6Prefix?: number;
  /** Tell clients by `RateLimit` and `RateLimit-Policy`. Default true. */
  fields?: boolean;
}

/** What {@link Context.limit} says. */
export interface LimitOutcome {
  /** Counted and within the limit. */
  readonly allowed: boolean;
  /** What the key may still do at once. */
  readonly remaining: number;
  /** Until it would be allowed, milliseconds; 0 if it is. */
  readonly retryAfterMs: number;
}
