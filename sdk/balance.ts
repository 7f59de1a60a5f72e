import type { ProxyRequest } from "./request.ts";
import type { Duration } from "./units.ts";

/**
 * `"round-robin"`: in turn, by weight. `"least-connections"`: fewest requests under way for its weight.
 * `"random-two-choices"`: the less busy one of two that are drawn by weight; best where several proxies share targets.
 */
export type BalanceAlgorithm = "round-robin" | "least-connections" | "random-two-choices";

/**
 * What belongs together: the client's address, a field, a cookie, or what a function says. Requests without the field or
 * the cookie, and those for which the function gives nothing, go by the client's address.
 */
export type BalanceKey =
  | "client"
  | { readonly header: string }
  | { readonly cookie: string }
  | ((request: ProxyRequest) => string | undefined);

/** The same key, the same target: for caches behind it, or state that can be lost. */
export interface HashBalance {
  /** Tells the ways apart. */
  type: "hash";
  /** What belongs together. */
  by: BalanceKey;
  /**
   * A target with more than this many times its share of the requests under way passes new keys on to the next target.
   * Never below 8 requests. At least 1; `false`: no bound, so one busy key can overload its target. Default 1.25.
   */
  boundedLoad?: number | false;
}

/** The cookie of {@link StickyBalance}. */
export interface StickyCookieConfig {
  /** Default `"gatewright-target"`. */
  name?: string;
  /** Default `"/"`. */
  path?: string;
  /** Default: none, so the cookie goes back to the same host only. */
  domain?: string;
  /** Default: none, so it lasts as long as the browser's session. */
  maxAge?: Duration;
  /** `"None"` needs TLS. Default `"Lax"`. */
  sameSite?: "Lax" | "Strict" | "None";
  /** Default `"auto"`: where the client speaks TLS. */
  secure?: boolean | "auto";
  /** Default true. */
  httpOnly?: boolean;
}

/** Each client keeps its target, by a signed cookie, for as long as that target is well. */
export interface StickyBalance {
  /** Tells the ways apart. */
  type: "sticky";
  /** Default: see each of its options. */
  cookie?: StickyCookieConfig;
  /**
   * What signs the cookie, at least 32 characters; machines that share clients need the same one. Of a list the first
   * one signs, and cookies signed by the others are known too. Default: one made once and kept in `dataDir`.
   */
  secret?: string | readonly string[];
  /** For clients that are new, and where the target is gone. Default `"round-robin"`. */
  otherwise?: BalanceAlgorithm;
}

/** How a target is chosen. Default `"round-robin"`. */
export type BalanceConfig = BalanceAlgorithm | HashBalance | StickyBalance;

/** A target as `pick` sees it. Its figures are live. */
export interface PickTarget {
  /** `"http://10.0.0.1:9000"`, `"unix:/run/app.sock"`. */
  readonly key: string;
  /** Less than configured during slow start. */
  readonly weight: number;
  /** Requests under way. */
  readonly active: number;
  /** Moving average of the time to a response head; 0 while unknown. */
  readonly latencyMs: number;
  /** False only while all are used because none is well. */
  readonly healthy: boolean;
}

/** Sends copies of requests to another upstream and ignores its answers. */
export interface MirrorConfig<U extends string = string> {
  /** Gets the copies. Its own field rules and `host` apply to them. */
  upstream: U;
  /** Part of the requests, above 0 and at most 1. Default 1. */
  share?: number;
  /** Copies under way; a request that comes when there are so many has none. Default 100. */
  maxRequests?: number;
  /** Most time that a copy may take. Default `"30s"`. */
  timeout?: Duration;
}

/** Divides requests between upstreams, as for a canary. */
export interface SplitUpstream<U extends string = string> {
  /** Upstreams (no splits, no more than 100) and their shares, as numbers relative to each other. 0 takes one out. */
  split: Readonly<Partial<Record<U, number>>>;
  /** Who is kept together. `"random"`: nobody, each request draws anew. Default `"client"`. */
  by?: BalanceKey | "random";
}
