import type { ProxyRequest } from "@gatewright/sdk";

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
}

export function createCacheParts(store: ResponseStore): CacheParts {
  return { store, flights: new Map(), refreshing: 0 };
}
