import type { PurgeSelection } from "@gatewright/sdk";

import type { Clock } from "../clock.ts";
import type { ResolvedCache } from "../config/normalize-cache.ts";
import type { ResolvedConfig } from "../config/resolved-config.ts";
import {
  createCacheParts,
  type CacheParts,
  type CachePlan,
} from "../pipeline/cache/cache-parts.ts";
import { ResponseStore } from "../primitives/cache/response-store.ts";
import type { CacheFigures } from "../primitives/cache/route-figures.ts";
import type { ResourceRegistry } from "./resources.ts";

/** What operators do with the store. */
export interface CacheControl {
  readonly status: CacheFigures;
  /** Returns how many stored responses it reached. */
  purge(selection: PurgeSelection): number;
}

export interface ProvisionedCache {
  readonly parts: CacheParts;
  readonly control: CacheControl;
  readonly key: string;
  commit(): void;
}

/** One store for all routes and generations: a reload that leaves caching on loses nothing of it. */
export function provisionCache(
  config: ResolvedConfig,
  resources: ResourceRegistry,
  clock: Clock,
): ProvisionedCache | undefined {
  const names = config.routes.filter(({ cache }) => cache !== undefined).map(({ name }) => name);
  if (names.length === 0) return undefined;
  const { maxBytes, maxEntryBytes } = config.store;
  const key = JSON.stringify(["cache"]);
  const parts = resources.acquire(
    key,
    () => createCacheParts(new ResponseStore(maxBytes, maxEntryBytes)),
    (value) => value.store.clear(),
  );
  const { store } = parts;
  return {
    parts,
    key,
    control: {
      get status() {
        return store.status;
      },
      purge: (selection) => store.purge(selection, clock.now()),
    },
    commit() {
      store.adjust(maxBytes, maxEntryBytes);
      store.routes.keepOnly(new Set(names));
    },
  };
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
