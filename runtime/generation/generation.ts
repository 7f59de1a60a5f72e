import { systemClock, type TimerClock } from "../clock.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { ResolvedConfig } from "../config/resolved-config.ts";
import type { StackMapper } from "../config/stack-mapper.ts";
import type { Exchange } from "../downstream/exchange.ts";
import type { Log } from "../log.ts";
import type { IpListPlan } from "../pipeline/ip-lists.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { createClientAddress, type ClientAddressResolver } from "../primitives/client-address.ts";
import type { TallyFigures } from "../primitives/traffic-tally.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { HeldStatus } from "./held-status.ts";
import type { LimitStatus } from "./limit-status.ts";
import { setUpPlugins, type PluginSetup } from "./plugin-setup.ts";
import type { CacheControl } from "./provision-cache.ts";
import type { WafStatus } from "./waf-status.ts";
import type { Provision, Provisioned } from "./provision.ts";
import type { ResourceRegistry } from "./resources.ts";

export type GenerationState = "prepared" | "live" | "retiring" | "retired";

export interface GenerationOptions {
  readonly loaded: LoadedConfig;
  readonly resources: ResourceRegistry;
  readonly log: Log;
  readonly provision: Provision;
  readonly stackMapper: StackMapper;
  readonly clock?: TimerClock;
}

/** Sets up a generation beside the living one. Rejects without leaving anything behind. */
export async function prepareGeneration(options: GenerationOptions): Promise<Generation> {
  const { loaded, resources, stackMapper, clock = systemClock } = options;
  const number = loaded.slot.generation;
  const log = options.log.child({ generation: number });
  const uses = new UseCounter(log, stackMapper, clock);
  let provisioned: Provisioned | undefined;
  try {
    provisioned = await options.provision({
      loaded,
      resources,
      log: options.log,
      lease: uses,
      waitUntil: (promise) => uses.waitUntil(promise),
    });
    // After provision: what `setup` does outside this process should only happen for a config that is otherwise sound.
    const plugins = await setUpPlugins({
      plugins: loaded.config.plugins,
      generation: number,
      dataDir: loaded.config.dataDir,
      resources,
      log: options.log,
      slot: loaded.slot,
      stackMapper,
    });
    return new Generation({ loaded, provisioned, plugins, uses, log, stackMapper, clock });
  } catch (error) {
    loaded.slot.retire();
    if (provisioned !== undefined) await giveBack({ provisioned, loaded, log, stackMapper });
    else loaded.slot.dispose();
    throw error;
  }
}

interface GenerationParts {
  readonly loaded: LoadedConfig;
  readonly provisioned: Provisioned;
  readonly plugins: PluginSetup;
  readonly uses: UseCounter;
  /** Its lines name the generation. */
  readonly log: Log;
  readonly stackMapper: StackMapper;
  readonly clock: TimerClock;
}

/**
 * One accepted config, compiled and running. Requests lease it from their start to the point where they no longer need
 * its code; when it has been replaced and the leases are back, nothing may hold it any more: with a reload every few
 * seconds, whatever is left over adds up.
 *
 * It ends in two steps. *Taken down*: disposers have run, timers are cleared. *Released*: its resources are given back
 * and its source map is dropped. The first waits for requests only so long, the second always: a request that is still
 * sending its content must find its upstream.
 */
export class Generation {
  readonly number: number;
  readonly config: ResolvedConfig;
  readonly digest: string;
  readonly #parts: GenerationParts;
  readonly #clientOf: ClientAddressResolver;
  #state: GenerationState = "prepared";
  #takenDown: Promise<void> | undefined;
  #released: Promise<void> | undefined;

  constructor(parts: GenerationParts) {
    this.number = parts.loaded.slot.generation;
    this.config = parts.loaded.config;
    this.digest = parts.loaded.digest;
    this.#parts = parts;
    this.#clientOf = createClientAddress(parts.loaded.config.trustedProxies);
  }

  get pipeline(): Pipeline {
    return this.#parts.provisioned.pipeline;
  }

  /** Whether a connection of this peer is taken. */
  admits(address: string): boolean {
    return this.#parts.provisioned.admits?.(address) ?? true;
  }

  /** Whether the peer is a trusted proxy, which speaks for many clients. */
  trusts(address: string): boolean {
    return this.#clientOf([], address, 0).trusted;
  }

  get upgradeTokens(): ReadonlySet<string> {
    return this.#parts.provisioned.upgradeTokens;
  }

  /** What contents take at present. */
  get held(): HeldStatus | undefined {
    return this.#parts.provisioned.held?.();
  }

  /** Absent: none. */
  get ipLists(): IpListPlan | undefined {
    return this.#parts.provisioned.ipLists;
  }

  /** Absent: nothing is counted. */
  get limits(): readonly LimitStatus[] | undefined {
    return this.#parts.provisioned.limits?.();
  }

  /** Absent: nothing is inspected. */
  get waf(): WafStatus | undefined {
    return this.#parts.provisioned.waf?.();
  }

  /** Absent: no route caches. */
  get cache(): CacheControl | undefined {
    return this.#parts.provisioned.cache;
  }

  /** What all generations have served. */
  get served(): TallyFigures | undefined {
    return this.#parts.provisioned.served?.();
  }

  get upstreams(): readonly Upstream[] {
    return this.#parts.provisioned.upstreams;
  }

  /** TLS of each listener, in the config's order. */
  get tls(): Provisioned["tls"] {
    return this.#parts.provisioned.tls;
  }

  get state(): GenerationState {
    return this.#state;
  }

  /** Requests that need this generation. */
  get leases(): number {
    return this.#parts.uses.leases;
  }

  /** Pieces of work given to `waitUntil` that have not settled. */
  get background(): number {
    return this.#parts.uses.background;
  }

  serve(exchange: Exchange): void {
    this.#parts.provisioned.pipeline.serve(exchange);
  }

  /** Takes traffic from now on. */
  commit(): void {
    this.#state = "live";
    this.#parts.provisioned.commit();
  }

  /**
   * Replaced by another generation: taken down when its leases are back or after `retireAfterMs`, whichever is first;
   * released when its leases are back. Resolves then, and does not wait for resources to close: a pool that a tunnel
   * runs through may take a week.
   */
  async retire(): Promise<void> {
    this.#state = "retiring";
    const { closeStreamsAfterMs, retireAfterMs } = this.config;
    if (closeStreamsAfterMs !== undefined) {
      cutStreamsAfter(this.pipeline, closeStreamsAfterMs, this.#parts.clock);
    }
    await this.idleWithin(retireAfterMs);
    await this.takeDown();
    await this.#parts.uses.leasesBack();
    void this.#release();
  }

  /** Ends all of it now, whatever still runs: a preparation that is given up, or shutdown. Never rejects. */
  async end(): Promise<void> {
    await this.takeDown();
    await this.#release();
  }

  /** Runs the disposers and clears the timers. Never rejects. */
  takeDown(): Promise<void> {
    return (this.#takenDown ??= this.#takeDownOnce());
  }

  /** Resolves when nothing leases it and no background work runs, or after this time. */
  idleWithin(limitMs: number): Promise<void> {
    return this.#parts.uses.idleWithin(limitMs);
  }

  async #takeDownOnce(): Promise<void> {
    this.#state = "retiring";
    await this.#parts.plugins.dispose();
    // After the disposers: they may need a timer to say goodbye within a time limit.
    this.#parts.loaded.slot.retire();
    // Background work has no timers any more and may never settle: it holds nothing back from here on.
    this.#parts.uses.forgetBackground();
    this.#state = "retired";
  }

  #release(): Promise<void> {
    return (this.#released ??= giveBack(this.#parts));
  }
}

/** No method, so that a slow close does not hold the generation. */
function giveBack(
  parts: Pick<GenerationParts, "provisioned" | "loaded" | "log" | "stackMapper">,
): Promise<void> {
  const { provisioned, loaded, log, stackMapper } = parts;
  loaded.slot.dispose();
  return provisioned.dispose().catch((error: unknown) => {
    log.error(stackMapper.errorFields(error), "a generation's resources could not be given back");
  });
}

/** Plain integers: a lease is taken and given back for every request. */
class UseCounter {
  leases = 0;
  background = 0;
  readonly #log: Log;
  readonly #stackMapper: StackMapper;
  readonly #clock: TimerClock;
  #countsBackground = true;
  /** Those who wait for an end. Called after each use that ends while no lease is out; they remove themselves. */
  readonly #waiting = new Set<() => void>();

  constructor(log: Log, stackMapper: StackMapper, clock: TimerClock) {
    this.#clock = clock;
    this.#log = log;
    this.#stackMapper = stackMapper;
  }

  acquire(): void {
    this.leases += 1;
  }

  release(): void {
    this.leases -= 1;
    if (this.leases === 0 && this.#waiting.size > 0) this.#wake();
  }

  waitUntil(promise: Promise<unknown>): void {
    if (this.#countsBackground) this.background += 1;
    promise.then(this.#settled, (error: unknown) => {
      this.#log.error(this.#stackMapper.errorFields(error), "work given to waitUntil failed");
      this.#settled();
    });
  }

  forgetBackground(): void {
    this.#countsBackground = false;
    this.background = 0;
    this.#wake();
  }

  idleWithin(limitMs: number): Promise<void> {
    return this.#until(() => this.leases === 0 && this.background === 0, limitMs);
  }

  leasesBack(): Promise<void> {
    return this.#until(() => this.leases === 0);
  }

  #until(condition: () => boolean, limitMs?: number): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer?.clear();
        this.#waiting.delete(check);
        resolve();
      };
      const check = (): void => {
        if (condition()) done();
      };
      // Not held by the loop: where nothing but this wait is left, the process may end.
      const timer = limitMs === undefined ? undefined : this.#clock.setTimer(done, limitMs);
      this.#waiting.add(check);
    });
  }

  #wake(): void {
    for (const check of [...this.#waiting]) check();
  }

  readonly #settled = (): void => {
    if (!this.#countsBackground) return;
    this.background -= 1;
    if (this.leases === 0 && this.background === 0) this.#wake();
  };
}

/** How often a pipeline is asked whether there is anything left to cut. */
const STREAM_CHECK_MS = 10_000;

/** Cuts the streams of a replaced pipeline after a time; lets go of it earlier when there are none left. */
function cutStreamsAfter(pipeline: Pipeline, afterMs: number, clock: TimerClock): void {
  const due = clock.monotonic() + afterMs;
  const check = (): void => {
    const { streams, tunnels, requests } = pipeline.stats;
    if (streams + tunnels + requests === 0) return;
    const leftMs = due - clock.monotonic();
    if (leftMs <= 0) pipeline.cutStreams();
    else clock.setTimer(check, Math.min(leftMs, STREAM_CHECK_MS));
  };
  check();
}
