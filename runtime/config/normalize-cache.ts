import type { CacheConfig, ProxyRequest, RouteCacheConfig } from "@gatewright/sdk";

import { parseDuration, parseSize } from "../units.ts";

/** How a route caches: every default filled in. */
export interface ResolvedCache {
  readonly ttlMs: number | undefined;
  readonly key: ((request: ProxyRequest) => string | readonly string[]) | undefined;
  /** Lower case, sorted. */
  readonly vary: readonly string[];
  readonly methods: readonly string[];
  /** Absent: what RFC 9111 §3 allows. */
  readonly statuses: readonly number[] | undefined;
  readonly ignoreQuery: boolean | readonly string[];
  readonly tags: readonly string[];
  readonly staleWhileRevalidateMs: number | undefined;
  readonly staleIfErrorMs: number | undefined;
  readonly errorStatuses: readonly number[];
  readonly heuristic: boolean;
  readonly setCookie: "skip" | "strip";
}

export interface ResolvedStore {
  readonly maxBytes: number;
  readonly maxEntryBytes: number;
}

export function toStore(config: CacheConfig = {}): ResolvedStore {
  const maxBytes = parseSize(config.maxSize) ?? 256 * 1024 ** 2;
  return Object.freeze({
    maxBytes,
    maxEntryBytes: Math.min(parseSize(config.maxEntry) ?? 16 * 1024 ** 2, maxBytes),
  });
}

/** `undefined`: this route has no cache. */
export function toRouteCache(
  own: RouteCacheConfig | boolean | undefined,
  base: RouteCacheConfig = {},
): ResolvedCache | undefined {
  if (own === undefined || own === false) return undefined;
  const config: RouteCacheConfig = own === true ? base : { ...base, ...own };
  return Object.freeze({
    ttlMs: parseDuration(config.ttl),
    key: config.key,
    vary: Object.freeze([...new Set((config.vary ?? []).map((name) => name.toLowerCase()))].sort()),
    methods: Object.freeze([...(config.methods ?? ["GET", "HEAD"])]),
    statuses: config.statuses && Object.freeze([...config.statuses]),
    ignoreQuery: config.ignoreQuery ?? false,
    tags: Object.freeze([...(config.tags ?? [])]),
    staleWhileRevalidateMs: parseDuration(config.staleWhileRevalidate),
    staleIfErrorMs: parseDuration(config.staleIfError),
    errorStatuses: Object.freeze([...(config.errorStatuses ?? [500, 502, 503, 504])]),
    heuristic: config.heuristic ?? true,
    setCookie: config.setCookie ?? "skip",
  });
}
