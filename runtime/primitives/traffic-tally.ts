/**
 * What was served since the process began, by route, upstream, status class and the cache's part. Counters of fixed
 * shape, so that a request costs a few additions; they become text only when somebody asks.
 */

/** Upper ends in seconds; above the last one is +Inf. Those of Prometheus' clients, and one more for a proxy's own time. */
export const DURATION_BOUNDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Label sets that are kept apart. Names come from the config, but every reload may bring others. */
const MAX_SERIES = 2_000;
/** Stands for whatever comes beyond that. */
export const OTHER = "other";

/** How a request ended, as far as it is counted. */
export interface Served {
  /** Its name; empty without one. */
  readonly route: string;
  /** The one that was chosen, also where the cache answered; empty without one. */
  readonly upstream: string;
  /** 0: dropped without an answer. */
  readonly status: number;
  readonly cache: string | undefined;
  readonly outcome: string;
  readonly error: string | undefined;
  readonly refusedBy: RefusedBy | undefined;
  /** It was served although it has collected points. */
  readonly flagged: boolean;
  readonly attempts: number;
  readonly totalMs: number;
  readonly hooksMs: number;
  /** From the dispatch to the head; 0: there was none. */
  readonly upstreamMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export type RefusedBy = "ip-list" | "rate-limit" | "waf" | "challenge" | "hook";

/** A histogram: observations by bucket, the last of them above all bounds. */
export interface Distribution {
  /** Upper ends; there is one bucket more. */
  readonly bounds: readonly number[];
  readonly buckets: readonly number[];
  readonly count: number;
  readonly sum: number;
}

export interface SeriesFigures {
  readonly route: string;
  readonly upstream: string;
  /** `2xx`, or `dropped`. */
  readonly status: string;
  readonly cache: string;
  readonly seconds: Distribution;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** Plain data: it crosses threads. */
export interface TallyFigures {
  readonly series: readonly SeriesFigures[];
  /** Seconds to the response head, by upstream. */
  readonly upstreamHeads: readonly { readonly upstream: string; readonly seconds: Distribution }[];
  readonly retries: readonly { readonly upstream: string; readonly count: number }[];
  /** Seconds in hooks, of requests that had some. */
  readonly hooks: Distribution;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly flagged: number;
}

export class TrafficTally {
  readonly #routes = new Map<string, Map<string, Map<string, Series>>>();
  readonly #upstreams = new Map<string, UpstreamCounts>();
  readonly #outcomes = new Map<string, number>();
  readonly #errors = new Map<string, number>();
  readonly #refused = new Map<string, number>();
  #size = 0;
  #flagged = 0;
  readonly #hooks = new Histogram();

  count(served: Served): void {
    this.#seriesOf(served).add(served);
    if (served.upstream !== "") {
      const counts = this.#upstreamOf(served.upstream);
      if (served.upstreamMs > 0) counts.heads.observe(served.upstreamMs / 1000);
      if (served.attempts > 1) counts.retries += served.attempts - 1;
    }
    if (served.hooksMs > 0) this.#hooks.observe(served.hooksMs / 1000);
    increase(this.#outcomes, served.outcome);
    if (served.error !== undefined) increase(this.#errors, served.error);
    if (served.refusedBy !== undefined) increase(this.#refused, served.refusedBy);
    if (served.flagged) this.#flagged += 1;
  }

  get figures(): TallyFigures {
    const series: SeriesFigures[] = [];
    for (const [route, upstreams] of this.#routes) {
      for (const [upstream, byAnswer] of upstreams) {
        for (const one of byAnswer.values()) series.push({ route, upstream, ...one.figures });
      }
    }
    const upstreams = [...this.#upstreams];
    return {
      series,
      upstreamHeads: upstreams.map(([upstream, { heads }]) => ({
        upstream,
        seconds: heads.figures,
      })),
      retries: upstreams.map(([upstream, { retries }]) => ({ upstream, count: retries })),
      hooks: this.#hooks.figures,
      outcomes: Object.fromEntries(this.#outcomes),
      errors: Object.fromEntries(this.#errors),
      refused: Object.fromEntries(this.#refused),
      flagged: this.#flagged,
    };
  }

  #seriesOf({ route, upstream, status, cache }: Served): Series {
    const answer = ANSWERS[Math.trunc(status / 100)]?.[cache ?? "none"] ?? UNKNOWN;
    const known = this.#routes.get(route)?.get(upstream)?.get(answer.key);
    if (known !== undefined) return known;
    return this.#size < MAX_SERIES
      ? this.#create(route, upstream, answer)
      : (this.#routes.get(OTHER)?.get(OTHER)?.get(answer.key) ??
          this.#create(OTHER, OTHER, answer));
  }

  #create(route: string, upstream: string, answer: Answer): Series {
    const series = new Series(answer);
    const upstreams = entry(this.#routes, route, () => new Map<string, Map<string, Series>>());
    entry(upstreams, upstream, () => new Map<string, Series>()).set(answer.key, series);
    this.#size += 1;
    return series;
  }

  #upstreamOf(name: string): UpstreamCounts {
    const key = this.#upstreams.size < MAX_SERIES || this.#upstreams.has(name) ? name : OTHER;
    return entry(this.#upstreams, key, () => ({ heads: new Histogram(), retries: 0 }));
  }
}

/** Status class and the cache's part, with a key that is made once. */
interface Answer {
  readonly key: string;
  readonly status: string;
  readonly cache: string;
}

const STATUSES = ["dropped", "1xx", "2xx", "3xx", "4xx", "5xx"];
const CACHE_PARTS = ["none", "hit", "stale", "revalidated", "joined", "miss", "bypass"];
const ANSWERS: readonly Readonly<Record<string, Answer>>[] = STATUSES.map((status) =>
  Object.fromEntries(
    CACHE_PARTS.map((cache) => [cache, { key: `${status} ${cache}`, status, cache }]),
  ),
);
const UNKNOWN: Answer = { key: "other", status: OTHER, cache: "none" };

interface UpstreamCounts {
  readonly heads: Histogram;
  retries: number;
}

class Histogram {
  readonly #buckets = new Float64Array(DURATION_BOUNDS.length + 1);
  #sum = 0;

  observe(seconds: number): void {
    let at = 0;
    while (at < DURATION_BOUNDS.length && seconds > (DURATION_BOUNDS[at] as number)) at += 1;
    this.#buckets[at] = (this.#buckets[at] as number) + 1;
    this.#sum += seconds;
  }

  get figures(): Distribution {
    const buckets = [...this.#buckets];
    return {
      bounds: DURATION_BOUNDS,
      buckets,
      count: buckets.reduce((sum, one) => sum + one, 0),
      sum: this.#sum,
    };
  }
}

class Series {
  readonly #answer: Answer;
  readonly #seconds = new Histogram();
  #requestBytes = 0;
  #responseBytes = 0;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  add({ totalMs, requestBytes, responseBytes }: Served): void {
    this.#seconds.observe(totalMs / 1000);
    this.#requestBytes += requestBytes;
    this.#responseBytes += responseBytes;
  }

  get figures(): Omit<SeriesFigures, "route" | "upstream"> {
    return {
      status: this.#answer.status,
      cache: this.#answer.cache,
      seconds: this.#seconds.figures,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
    };
  }
}

function entry<V>(map: Map<string, V>, key: string, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
