import type { PurgeSelection } from "@gatewright/sdk";

import type { Clock } from "../clock.ts";
import type { ResolvedCache } from "../config/normalize-cache.ts";
import type { ResolvedConfig, ResolvedRoute } from "../config/resolved-config.ts";
import {
  createCacheParts,
  type CacheParts,
  type CachePlan,
} from "../pipeline/cache/cache-parts.ts";
import { ResponseStore } from "../primitives/cache/response-store.ts";
import type { CacheFigures } from "../primitives/cache/route-figures.ts";
import { cacheIdentities } from "./cache-identity.ts";
import type { ResourceRegistry } from "./resources.ts";

/** What operators do with the store. */
export interface CacheControl {
  readonly status: CacheFigures;
  /** In this worker alone. Returns how many stored responses it reached. */
  purge(selection: PurgeSelection): number;
}

export interface ProvisionedCache {
  /** Of a route, to be put into its plan. */
  planOf(route: ResolvedRoute): { cache?: CachePlan };
  readonly parts: CacheParts;
  readonly control: CacheControl;
  readonly key: string;
  commit(): void;
}

/** One store for all routes and generations: a reload that leaves caching on loses nothing of it. */
export function provisionCache(
  config: ResolvedConfig,
  digest: string,
  resources: ResourceRegistry,
  clock: Clock,
  announce: CacheParts["announce"],
): ProvisionedCache | undefined {
  const identities = cacheIdentities(config.routes, digest);
  if (identities.size === 0) return undefined;
  const { maxBytes, maxEntryBytes } = config.store;
  const key = JSON.stringify(["cache"]);
  const parts = resources.acquire(
    key,
    () => createCacheParts(new ResponseStore(maxBytes, maxEntryBytes), announce),
    (value) => value.store.clear(),
  );
  const { store } = parts;
  return {
    parts,
    key,
    planOf: (route) => cachePlan(route.cache, identities.get(route)),
    control: {
      get status() {
        return store.status;
      },
      purge: (selection) => store.purge(selection, clock.now()),
    },
    commit() {
      store.adjust(maxBytes, maxEntryBytes);
      store.routes.name(new Map([...identities].map(([{ name }, identity]) => [identity, name])));
    },
  };
}

function cachePlan(
  resolved: ResolvedCache | undefined,
  identity: string | undefined,
): { cache?: CachePlan } {
  if (resolved === undefined || identity === undefined) return {};
  const { ignoreQuery } = resolved;
  return {
    cache: {
      ...resolved,
      identity,
      methods: new Set(resolved.methods),
      ignoreQuery: typeof ignoreQuery === "boolean" ? ignoreQuery : new Set(ignoreQuery),
      errorStatuses: new Set(resolved.errorStatuses),
    },
  };
}
