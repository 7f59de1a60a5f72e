import type { CacheView } from "@gatewright/sdk";

/** How the cache took part in a request that is over. */
export type CacheOutcome = NonNullable<CacheView["status"]>;

/** What one route has stored, and how its requests were answered since the store began. */
export interface RouteCacheFigures {
  readonly route: string;
  readonly entries: number;
  readonly bytes: number;
  readonly requests: Readonly<Record<CacheOutcome, number>>;
  /** Part of the requests that was answered from the store, fresh or stale; those that bypassed it do not count. */
  readonly hitRatio: number | undefined;
}

/** The store's figures. Plain data: it crosses threads and becomes JSON. */
export interface CacheFigures {
  /** Of stored responses, with their coded variants and what they are found by. */
  readonly bytes: number;
  /** Of contents on their way in, and of removed ones that somebody still reads. */
  readonly reservedBytes: number;
  /** Of both together. */
  readonly maxBytes: number;
  readonly entries: number;
  readonly hitRatio: number | undefined;
  /** Those of the live config, and those before it that have something stored, by name. */
  readonly routes: readonly RouteCacheFigures[];
}

/** Counts by what tells routes apart; their names may change. */
export class RouteFigures {
  readonly #routes = new Map<string, Tally>();

  answered(route: string, outcome: CacheOutcome): void {
    this.#of(route).requests[outcome] += 1;
  }

  /** Entries and bytes that came; negative: that went. */
  changed(route: string, entries: number, bytes: number): void {
    const tally = this.#of(route);
    tally.entries += entries;
    tally.bytes += bytes;
  }

  /**
   * What the routes of the live config are called. Those that are gone keep their names while something of theirs is
   * stored, and are forgotten then: else each edit would add some.
   */
  name(names: ReadonlyMap<string, string>): void {
    for (const [route, { entries }] of this.#routes)
      if (entries === 0 && !names.has(route)) this.#routes.delete(route);
    for (const [route, name] of names) this.#of(route).name = name;
  }

  get all(): readonly RouteCacheFigures[] {
    return [...this.#routes]
      .map(([route, { name = route, entries, bytes, requests }]) => ({
        route: name,
        entries,
        bytes,
        requests: { ...requests },
        hitRatio: hitRatio([requests]),
      }))
      .sort((one, other) => (one.route < other.route ? -1 : 1));
  }

  get hitRatio(): number | undefined {
    return hitRatio([...this.#routes.values()].map(({ requests }) => requests));
  }

  #of(route: string): Tally {
    let tally = this.#routes.get(route);
    if (tally === undefined) {
      tally = {
        name: undefined,
        entries: 0,
        bytes: 0,
        requests: { hit: 0, stale: 0, revalidated: 0, joined: 0, miss: 0, bypass: 0 },
      };
      this.#routes.set(route, tally);
    }
    return tally;
  }
}

interface Tally {
  name: string | undefined;
  entries: number;
  bytes: number;
  readonly requests: Record<CacheOutcome, number>;
}

function hitRatio(all: readonly Tally["requests"][]): number | undefined {
  let hits = 0;
  let asked = 0;
  for (const { hit, stale, revalidated, joined, miss } of all) {
    hits += hit + stale;
    asked += hit + stale + revalidated + joined + miss;
  }
  return asked === 0 ? undefined : Math.round((hits / asked) * 10_000) / 10_000;
}
