import type { ResolvedCache } from "../config/normalize-cache.ts";
import type { ResolvedConfig } from "../config/resolved-config.ts";
import {
  createCacheParts,
  type CacheParts,
  type CachePlan,
} from "../pipeline/cache/cache-parts.ts";
import { ResponseStore } from "../primitives/cache/response-store.ts";
import type { ResourceRegistry } from "./resources.ts";

/** One store for all routes and generations: a reload that leaves caching on loses nothing of it. */
export function provisionCache(
  config: ResolvedConfig,
  resources: ResourceRegistry,
): { readonly cache: CacheParts; readonly key: string; commit(): void } | undefined {
  if (config.routes.every((route) => route.cache === undefined)) return undefined;
  const { maxBytes, maxEntryBytes } = config.store;
  const key = JSON.stringify(["cache"]);
  const cache = resources.acquire(
    key,
    () => createCacheParts(new ResponseStore(maxBytes, maxEntryBytes)),
    (parts) => parts.store.clear(),
  );
  return { cache, key, commit: () => cache.store.adjust(maxBytes, maxEntryBytes) };
}

export function cachePlan(resolved: ResolvedCache | undefined): { cache?: CachePlan } {
  if (resolved === undefined) return {};
  const { ignoreQuery } = resolved;
  return {
    cache: {
      ...resolved,
      methods: new Set(resolved.methods),
      ignoreQuery: typeof ignoreQuery === "boolean" ? ignoreQuery : new Set(ignoreQuery),
      errorStatuses: new Set(resolved.errorStatuses),
    },
  };
}
