import type { StackMapper } from "../config/stack-mapper.ts";
import { createListener, type Listener } from "../downstream/listener.ts";
import type { Refusal } from "../downstream/refusal.ts";
import type { ListenerTls, TicketKeySource } from "../downstream/tls-terms.ts";
import type { ResolvedListen } from "../config/resolved-config.ts";
import type { Exchange } from "../downstream/exchange.ts";
import { type Generation, prepareGeneration } from "../generation/generation.ts";
import { answerListRequest, listStatuses } from "../generation/list-requests.ts";
import { PrepareError, toPrepareIssues } from "../generation/prepare-error.ts";
import type { Provision } from "../generation/provision.ts";
import { createResourceRegistry } from "../generation/resources.ts";
import { GenerationSwitch } from "../generation/switch.ts";
import { settledWithin } from "../generation/time-limit.ts";
import type { TrafficStatus } from "../inspect/status.ts";
import type { Log } from "../log.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { createTicketKeys } from "../primitives/tls/ticket-keys.ts";
import { serveBroken, serveNothing } from "./broken-page.ts";
import { ListenerSet, toPeerTest, type ListenChange } from "./listen.ts";
import type { BrokenContent, Handover, ToWorker, WorkerPort, WorkerStats } from "./messages.ts";

export interface WorkerOptions {
  readonly port: WorkerPort;
  readonly handover: Handover;
  readonly provision: Provision;
  readonly stackMapper: StackMapper;
  readonly log: Log;
}

/** Time that WebSockets and responses get to leave with a proper end after they were told to. */
const CUT_GRACE_MS = 1_000;
/** A plugin's `setup` that shutdown interrupts gets this long, so that it can be disposed of. */
const PREPARE_GRACE_MS = 2_000;
/** Most that shutdown waits for disposers, whatever their number. */
const END_LIMIT_MS = 15_000;
/** How often pipelines without a generation are asked whether their last stream has ended. */
const STREAM_SWEEP_MS = 30_000;
const HEADER_WARNING_MS = 60_000;

/** The role that serves: listeners, the current generation, and those on their way out. */
export function startWorker(options: WorkerOptions): void {
  const worker = new Worker(options);
  options.port.onMessage = (message) => worker.receive(message);
}

interface Prepared {
  readonly generation: Generation;
  readonly listeners: ListenChange;
}

class Worker {
  readonly #options: WorkerOptions;
  readonly #port: WorkerPort;
  readonly #log: Log;
  readonly #resources;
  readonly #listeners: ListenerSet;
  /** One for all listeners; threads will be given theirs. */
  readonly #ticketKeys: TicketKeySource = createTicketKeys();
  readonly #switch = new GenerationSwitch((exchange) => this.#serveWithout(exchange));
  readonly #retiring = new Set<Generation>();
  /** Pipelines of released generations whose streams and tunnels go on: shutdown must still reach them. */
  readonly #streaming = new Set<Pipeline>();
  #sweeper: NodeJS.Timeout | undefined;
  #prepared: Prepared | undefined;
  #preparing: Promise<void> = Promise.resolve();
  #broken: BrokenContent | undefined;
  #draining = false;
  #warnedOfHeaderAt = -HEADER_WARNING_MS;
  /** Malformed requests by code. */
  readonly #refusals = new Map<string, number>();
  #failedHandshakes = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#log = options.log;
    this.#resources = createResourceRegistry(options.log);
    this.#listeners = new ListenerSet(
      (listen, tls, redirectPort) => this.#listen(listen, tls, redirectPort),
      options.log,
    );
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case "prepare":
        this.#preparing = this.#prepare(message.generation, message.listen);
        break;
      case "commit":
        this.#commit(message.generation);
        break;
      case "abort":
        void this.#abort(message.generation);
        break;
      case "break":
        void this.#break(message.listen, message.page);
        break;
      case "drain":
        void this.#drain(message.limitMs);
        break;
      case "count":
        this.#port.post({ type: "stats", id: message.id, stats: this.#stats() });
        break;
      case "list": {
        const answer = answerListRequest(this.#switch.current?.ipLists, message.request);
        this.#port.post({ type: "listed", id: message.id, answer });
        break;
      }
      case "purge": {
        const count = this.#switch.current?.cache?.purge(message.selection);
        this.#port.post({ type: "purged", id: message.id, count });
        break;
      }
    }
  }

  async #prepare(number: number, listen: readonly ResolvedListen[]): Promise<void> {
    let stage: "prepare" | "listen" = "prepare";
    let generation: Generation | undefined;
    try {
      const loaded = this.#options.handover.get(number);
      this.#options.handover.delete(number);
      if (loaded === undefined) throw new Error(`generation ${number} was not handed over`);
      const { provision, stackMapper } = this.#options;
      generation = await prepareGeneration({
        loaded,
        provision,
        stackMapper,
        resources: this.#resources,
        log: this.#log,
      });
      stage = "listen";
      this.#refuseWhileDraining();
      // Where nothing is served yet, connections to a port that is open already must not find an empty switch.
      const isFirst = this.#switch.current === undefined && this.#broken === undefined;
      if (isFirst) this.#switch.swap(generation);
      let listeners: ListenChange;
      try {
        listeners = await this.#listeners.change(listen, generation.tls);
      } catch (error) {
        if (isFirst) this.#switch.swap(undefined);
        throw error;
      }
      if (this.#draining) await listeners.abort();
      this.#refuseWhileDraining();
      this.#prepared = { generation, listeners };
      this.#port.post({ type: "prepared", generation: number });
    } catch (error) {
      await generation?.end();
      const issues = toPrepareIssues(error);
      this.#port.post({ type: "refused", generation: number, stage, issues });
    }
  }

  #refuseWhileDraining(): void {
    if (this.#draining) {
      throw new PrepareError([{ path: "", message: "The proxy is shutting down." }]);
    }
  }

  #commit(number: number): void {
    const prepared = this.#prepared;
    if (prepared?.generation.number !== number) {
      this.#log.error({ generation: number }, "a generation was committed that is not prepared");
      return;
    }
    this.#prepared = undefined;
    const { generation, listeners } = prepared;
    generation.commit();
    const previous = this.#switch.swap(generation);
    this.#broken = undefined;
    listeners.commit();
    if (previous !== undefined && previous !== generation) void this.#retire(previous);
    this.#port.post({ type: "committed", generation: number, urls: this.#listeners.urls });
  }

  async #abort(number: number): Promise<void> {
    const prepared = this.#prepared;
    if (prepared?.generation.number === number) {
      this.#prepared = undefined;
      if (this.#switch.current === prepared.generation) this.#switch.swap(undefined);
      await prepared.listeners.abort();
      await prepared.generation.end();
    }
    this.#port.post({ type: "aborted", generation: number });
  }

  async #break(listen: readonly ResolvedListen[], page: BrokenContent): Promise<void> {
    this.#broken = page;
    try {
      this.#refuseWhileDraining();
      const listeners = await this.#listeners.change(listen);
      listeners.commit();
      this.#port.post({ type: "breaking", urls: this.#listeners.urls });
    } catch (error) {
      const issues = toPrepareIssues(error);
      this.#port.post({ type: "refused", generation: undefined, stage: "listen", issues });
    }
  }

  async #retire(generation: Generation): Promise<void> {
    this.#retiring.add(generation);
    await generation.retire();
    this.#retiring.delete(generation);
    this.#keepStreams(generation.pipeline);
    this.#port.post({ type: "released", generation: generation.number });
  }

  #keepStreams(pipeline: Pipeline): void {
    if (!isCarrying(pipeline)) return;
    this.#streaming.add(pipeline);
    this.#sweeper ??= setInterval(() => this.#sweepStreams(), STREAM_SWEEP_MS).unref();
  }

  #sweepStreams(): void {
    for (const pipeline of this.#streaming) {
      if (!isCarrying(pipeline)) this.#streaming.delete(pipeline);
    }
    if (this.#streaming.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  async #drain(limitMs: number): Promise<void> {
    this.#draining = true;
    const generations = this.#generations();
    if (this.#prepared !== undefined) generations.push(this.#prepared.generation);
    this.#prepared = undefined;
    const closed = this.#listeners.close();
    await settledWithin(
      Promise.all([
        closed,
        settledWithin(this.#preparing, PREPARE_GRACE_MS),
        ...generations.map((generation) => generation.idleWithin(limitMs)),
      ]),
      limitMs,
    );
    for (const pipeline of this.#pipelines()) pipeline.cutStreams();
    await settledWithin(closed, Math.min(CUT_GRACE_MS, limitMs));
    this.#listeners.cutAll();
    this.#switch.swap(undefined);
    clearInterval(this.#sweeper);
    this.#streaming.clear();
    const ends = generations.map((generation) => generation.end());
    await settledWithin(Promise.all([closed, ...ends]), END_LIMIT_MS);
    this.#port.post({ type: "drained" });
  }

  #generations(): Generation[] {
    const current = this.#switch.current;
    return current === undefined ? [...this.#retiring] : [current, ...this.#retiring];
  }

  #pipelines(): Pipeline[] {
    return [...this.#generations().map((generation) => generation.pipeline), ...this.#streaming];
  }

  #stats(): WorkerStats {
    this.#sweepStreams();
    const current = this.#switch.current;
    let traffic: TrafficStatus = {
      leases: current?.leases ?? 0,
      background: current?.background ?? 0,
      requests: 0,
      streams: 0,
      tunnels: 0,
    };
    for (const { stats } of this.#pipelines()) {
      traffic = {
        ...traffic,
        requests: traffic.requests + stats.requests,
        streams: traffic.streams + stats.streams,
        tunnels: traffic.tunnels + stats.tunnels,
      };
    }
    return {
      listeners: this.#listeners.status(),
      upstreams: (current?.upstreams ?? []).map((one) => ({
        name: one.name,
        ...one.stats(),
        stateChanges: { ...one.stateChanges },
        targets: one.targetStats?.() ?? [],
      })),
      retiring: [...this.#retiring].map(({ number, leases, background }) => ({
        number,
        leases,
        background,
      })),
      traffic,
      held: current?.held,
      cache: current?.cache?.status,
      limits: current?.limits,
      lists: current?.ipLists && listStatuses(current.ipLists),
      counts: {
        served: current?.served,
        refusals: Object.fromEntries(this.#refusals),
        failedHandshakes: this.#failedHandshakes,
      },
      waf: current?.waf,
    };
  }

  #serveWithout(exchange: Exchange): void {
    if (this.#broken === undefined || this.#draining) serveNothing(exchange);
    else serveBroken(exchange, this.#broken);
  }

  #listen(
    listen: ResolvedListen,
    tls: ListenerTls | undefined,
    redirectPort: number | undefined,
  ): Listener {
    const { host, port, h2c, limits } = listen;
    return createListener({
      host,
      port,
      h2c,
      limits,
      tls,
      redirectPort,
      mayProxy: toPeerTest(listen),
      ticketKeys: this.#ticketKeys,
      serve: this.#switch.serve,
      admits: (address) => this.#switch.current?.admits(address) ?? true,
      isTrusted: (address) => this.#switch.current?.trusts(address) === true,
      mayUpgrade: (token) => this.#switch.current?.upgradeTokens.has(token) === true,
      onError: (error) =>
        this.#log.error(this.#options.stackMapper.errorFields(error), "a listener failed"),
      onRefused: (refusal) => this.#logRefusal(refusal),
      onHandshakeFailed: (client, reason) => {
        this.#failedHandshakes += 1;
        this.#log.debug({ client, reason }, "a TLS handshake failed");
      },
    });
  }

  #logRefusal({ code, message, peerAddress, method, target }: Refusal): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
    if (code === "PROXY_PROTOCOL_HEADER") {
      this.#logNoHeader(peerAddress, message);
      return;
    }
    // Debug: a client that sends noise must not be able to fill the log.
    this.#log.debug({ code, client: peerAddress, method, target }, "refused a malformed request");
  }

  /** A balancer that does not fit the config loses every connection: said now and then, not each time. */
  #logNoHeader(peer: string, reason: string): void {
    const now = performance.now();
    const level = now - this.#warnedOfHeaderAt < HEADER_WARNING_MS ? "debug" : "warn";
    if (level === "warn") this.#warnedOfHeaderAt = now;
    const fields = { code: "PROXY_PROTOCOL_HEADER", peer, reason };
    this.#log[level](fields, "closed a connection without a valid PROXY header");
  }
}

function isCarrying(pipeline: Pipeline): boolean {
  const { requests, streams, tunnels } = pipeline.stats;
  return requests + streams + tunnels > 0;
}
