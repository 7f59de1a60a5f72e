import type { ProxyRequest } from "./request.ts";
import type { Duration, Size } from "./units.ts";

/** How responses of a route are stored and reused (RFC 9111). */
export interface RouteCacheConfig {
  /** Fresh for this long where a response does not say it itself. Default: by `heuristic`. `no-store` and `private` hold. */
  ttl?: Duration;
  /**
   * Parts of the key beside scheme, host, path and query. Must not wait. Risk: what makes answers differ and is neither
   * here nor in the response's `Vary` is shown to the wrong client.
   */
  key?: (request: ProxyRequest) => string | readonly string[];
  /** Request fields that the key holds, as if every response named them in `Vary`. Default: none. */
  vary?: readonly string[];
  /** Requests that are answered from the store. Default `["GET", "HEAD"]`, which are also all that there are. */
  methods?: readonly ("GET" | "HEAD")[];
  /** Statuses that may be stored. Default: all that RFC 9110 calls cacheable, and what says how long it is fresh. */
  statuses?: readonly number[];
  /** Query parameters that make no difference; `true`: none does. Default: all do, as sent and in their order. */
  ignoreQuery?: boolean | readonly string[];
  /** Tags of every stored response, beside those of `Cache-Tag`, `Surrogate-Key` and `ctx.cache.tag`. Default: none. */
  tags?: readonly string[];
  /** Stale for up to this long: answered at once, fetched again in the background. Default: as the response says. */
  staleWhileRevalidate?: Duration;
  /** Stale for up to this long: answered where the upstream fails. Default: as the response says. */
  staleIfError?: Duration;
  /** Statuses that count as failure for `staleIfError`. Default `[500, 502, 503, 504]`. */
  errorStatuses?: readonly number[];
  /** Fresh for 10 % of the age of its `Last-Modified`, at most a day, where a response says nothing. Default true. */
  heuristic?: boolean;
  /** Responses with `Set-Cookie`. Default `"skip"`: not stored. `"strip"`: stored for all without it. */
  setCookie?: "skip" | "strip";
}

/** The store, and what holds where a route says nothing. */
export interface CacheConfig extends RouteCacheConfig {
  /** Of all that is stored. Default `"256mb"`. What was not used for longest makes room. */
  maxSize?: Size;
  /** Of one stored response. Default `"16mb"`. */
  maxEntry?: Size;
}

/**
 * What to remove from the store. `url` and `prefix` are absolute URLs as clients ask for them, their path and query byte
 * for byte; `tag` reaches what has at least one of them, of at most 64. `soft`: kept as stale.
 */
export type PurgeSelection =
  | { readonly url: string; readonly soft?: boolean }
  | { readonly prefix: string; readonly soft?: boolean }
  | { readonly tag: string | readonly string[]; readonly soft?: boolean }
  | { readonly all: true; readonly soft?: boolean };

/** The cache's part in this request. */
export interface CacheView {
  /**
   * How it took part so far: `"hit"`, `"stale"`, `"revalidated"`, `"miss"`, `"joined"` (another request's fetch),
   * `"bypass"`, or `undefined` before it was asked and where a route has none.
   */
  readonly status: "hit" | "stale" | "revalidated" | "miss" | "joined" | "bypass" | undefined;
  /** In `onRequest`: not answered from the store. In `onUpstreamResponse` too: not stored. */
  bypass(): void;
  /** Tags of the response that is stored, to purge it by. At most 64 of 256 characters. */
  tag(...tags: readonly string[]): void;
  /** In `onUpstreamResponse`: fresh for this long, whatever the response says. `no-store` and `private` hold. */
  ttl(duration: Duration): void;
  /**
   * Removes stored responses; with `soft` they are kept as stale. Returns how many. Also holds for what is being fetched.
   * A selection that is not one of the four is a 500: a misspelt one must not come to mean everything.
   */
  purge(selection: PurgeSelection): number;
  /** `purge` with `soft`: still there for `staleWhileRevalidate`, `staleIfError` and validation. */
  invalidate(selection: PurgeSelection): number;
}
