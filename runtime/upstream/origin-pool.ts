import type { Clock, DeadlineWheel } from "../clock.ts";
import type { PoolLimits } from "./target-pool.ts";
import { createNetworkUpstream } from "./network-upstream.ts";
import type { Network } from "./network.ts";
import type { UpstreamTls } from "./open-socket.ts";
import type { Target } from "./target.ts";
import type { Upstream, UpstreamStats } from "./upstream.ts";

export interface OriginPoolOptions extends Partial<PoolLimits> {
  readonly wheel: DeadlineWheel;
  /** Default 64. Beyond it the origin used longest ago is closed, an idle one if there is any. */
  readonly maxOrigins?: number;
  readonly tls?: UpstreamTls;
  /** Default: the real one. */
  readonly network?: Network | undefined;
  /** For what its upstreams time by themselves. */
  readonly clock?: Clock | undefined;
  readonly onFault?: (error: unknown) => void;
}

/** Upstreams made on demand, one for each origin: for requests of hooks to addresses that the config does not name. */
export interface OriginPool {
  /**
   * The upstream for an http or https URL; only its origin counts. Dispatch to it at once: it may be closed when another
   * origin is asked for.
   */
  upstreamFor(url: URL): Upstream;
  /** Over all origins. */
  stats(): UpstreamStats & { readonly origins: number };
  close(): Promise<void>;
}

const DEFAULT_LIMITS: PoolLimits = {
  maxConnections: 64,
  maxQueue: 1024,
  queueTimeoutMs: 10_000,
  idleTimeoutMs: 10_000,
};

export function createOriginPool(options: OriginPoolOptions): OriginPool {
  return new OriginUpstreams(options);
}

class OriginUpstreams implements OriginPool {
  readonly #options: OriginPoolOptions;
  readonly #maxOrigins: number;
  /** Used longest ago first. */
  readonly #upstreams = new Map<string, Upstream>();
  /** Evicted while requests ran. */
  readonly #closing = new Set<Promise<void>>();

  constructor(options: OriginPoolOptions) {
    this.#options = options;
    this.#maxOrigins = Math.max(1, options.maxOrigins ?? 64);
  }

  upstreamFor(url: URL): Upstream {
    const { origin } = url;
    let upstream = this.#upstreams.get(origin);
    if (upstream === undefined) {
      upstream = this.#create(url);
      if (this.#upstreams.size >= this.#maxOrigins) this.#evict();
    } else {
      this.#upstreams.delete(origin);
    }
    this.#upstreams.set(origin, upstream);
    return upstream;
  }

  stats(): UpstreamStats & { readonly origins: number } {
    const total = { open: 0, idle: 0, active: 0, queued: 0, origins: this.#upstreams.size };
    for (const upstream of this.#upstreams.values()) {
      const stats = upstream.stats();
      total.open += stats.open;
      total.idle += stats.idle;
      total.active += stats.active;
      total.queued += stats.queued;
    }
    return total;
  }

  async close(): Promise<void> {
    for (const upstream of this.#upstreams.values()) this.#retire(upstream);
    this.#upstreams.clear();
    await Promise.all(this.#closing);
  }

  #evict(): void {
    let chosen: string | undefined;
    for (const [origin, upstream] of this.#upstreams) {
      chosen ??= origin;
      const { active, queued } = upstream.stats();
      if (active > 0 || queued > 0) continue;
      chosen = origin;
      break;
    }
    if (chosen === undefined) return;
    const upstream = this.#upstreams.get(chosen);
    this.#upstreams.delete(chosen);
    if (upstream !== undefined) this.#retire(upstream);
  }

  #retire(upstream: Upstream): void {
    const closed = upstream.close();
    this.#closing.add(closed);
    void closed.finally(() => this.#closing.delete(closed));
  }

  #create(url: URL): Upstream {
    const { wheel, clock, tls, network, onFault } = this.#options;
    return createNetworkUpstream({
      name: url.origin,
      targets: [targetOf(url)],
      maxConnections: this.#options.maxConnections ?? DEFAULT_LIMITS.maxConnections,
      maxQueue: this.#options.maxQueue ?? DEFAULT_LIMITS.maxQueue,
      queueTimeoutMs: this.#options.queueTimeoutMs ?? DEFAULT_LIMITS.queueTimeoutMs,
      idleTimeoutMs: this.#options.idleTimeoutMs ?? DEFAULT_LIMITS.idleTimeoutMs,
      wheel,
      clock,
      tls,
      open: network?.openerFor(url.origin, "requests"),
      ...(onFault === undefined ? {} : { onFault }),
    });
  }
}

function targetOf(url: URL): Target {
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`cannot fetch ${url.protocol} addresses, only http: and https:`);
  }
  const scheme = url.protocol === "https:" ? "https" : "http";
  const { hostname, host: authority } = url;
  const port = url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port);
  const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  return { scheme, hostname: bare, port, authority, weight: 1 };
}
