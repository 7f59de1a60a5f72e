import type { ProxyRequest, PurgeSelection } from "@gatewright/sdk";

import type { CachePolicy } from "../../primitives/cache/freshness.ts";
import type { ResponseStore } from "../../primitives/cache/response-store.ts";
import type { Flight } from "./flight.ts";

/** How a route caches. */
export interface CachePlan extends CachePolicy {
  /** Tells its stored responses from those of other routes, over reloads. */
  readonly identity: string;
  readonly key: ((request: ProxyRequest) => string | readonly string[]) | undefined;
  /** Lower case, sorted. */
  readonly vary: readonly string[];
  readonly methods: ReadonlySet<string>;
  readonly ignoreQuery: boolean | ReadonlySet<string>;
  readonly tags: readonly string[];
  readonly errorStatuses: ReadonlySet<number>;
}

/** What all routes and generations share. */
export interface CacheParts {
  readonly store: ResponseStore;
  /** Fetches under way, by key. */
  readonly flights: Map<string, Flight>;
  /** Fetches without a client. */
  refreshing: number;
  /** Tells other workers of a purge that began here. */
  readonly announce: ((selection: PurgeSelection) => void) | undefined;
}

export function createCacheParts(
  store: ResponseStore,
  announce?: CacheParts["announce"],
): CacheParts {
  return { store, flights: new Map(), refreshing: 0, announce };
}

/** A purge that begins here: in this store, and in those of other workers. Returns how many responses it reached here. */
export function purgeEverywhere(
  { store, announce }: CacheParts,
  selection: PurgeSelection,
  now: number,
): number {
  const count = store.purge(selection, now);
  announce?.(selection);
  return count;
}
