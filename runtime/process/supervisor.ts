// Over 400 lines: one queue of loads and the states between them.
/**
 * The role that decides: loads and watches the config, tells the worker role what to prepare and commit, serves the
 * admin listener. At most one load runs at a time; what changes during one causes exactly one more.
 */
import type { ConfigIssue, ConfigReport, LoadedConfig, LoadResult } from "../config/load.ts";
import { withPlaces } from "../config/placed-issues.ts";
import type { ResolvedConfig, ResolvedListen } from "../config/resolved-config.ts";
import { toPrepareIssues } from "../generation/prepare-error.ts";
import type { AdminSource, PurgeOutcome } from "../inspect/admin.ts";
import type { ListAnswer, ListRequest } from "../generation/list-requests.ts";
import type { ListOutcome } from "../inspect/list-endpoints.ts";
import { renderMetrics, type MetricsText } from "../inspect/metrics.ts";
import type { ProxyStatus, ReloadStatus } from "../inspect/status.ts";
import type { Log } from "../log.ts";
import { toPurge } from "../primitives/cache/purge-selection.ts";
import { toListChange } from "../primitives/ip-list/list-change.ts";
import { AdminSeat } from "./admin-seat.ts";
import { createBrokenContent } from "./broken-page.ts";
import { summaryOf } from "./config-summary.ts";
import { applyOverrides, defaultListen, type ListenOverrides } from "./default-listen.ts";
import type { Handover, SupervisorPort, ToSupervisor, WorkerStats } from "./messages.ts";

/** Where configs come from. */
export interface ConfigSource {
  /** Same code as `previousDigest`: `"unchanged"`. Never rejects for a fault of the config. */
  load(previousDigest: string | undefined): Promise<LoadResult>;
  close(): Promise<void>;
}

/** What tells that something of the last load changed on disk. */
export interface Watcher {
  /** What the last load read. A failed one may know less than the one before it: those stay watched. */
  update(inputs: readonly string[], packages: LoadedConfig["packages"] | undefined): void;
  /** Resolves when all that `update` named is being watched. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

export type Watch = (events: {
  onChange(): void;
  /** An npm package outside the bundle changed: only a restart can pick it up. */
  onPackageChange(name: string): void;
}) => Watcher;

export interface SupervisorOptions {
  readonly file: string;
  readonly mode: "dev" | "start";
  readonly version: string;
  readonly port: SupervisorPort;
  readonly handover: Handover;
  readonly source: ConfigSource;
  /** `undefined`: reloads only when asked to. */
  readonly watch: Watch | undefined;
  readonly log: Log;
  readonly overrides: ListenOverrides;
  /** A load failed in a way that was not reported just before. */
  readonly report: (report: ConfigReport) => void;
  /** A listener accepts connections. */
  readonly onListening: (url: string) => void;
  readonly onAdminListening: (url: string) => void;
  /** A config went live. */
  readonly onCommitted: (config: ResolvedConfig, generation: number) => void;
}

/** The first load failed and there is nothing to fall back on. */
export class StartError extends Error {
  readonly report: ConfigReport;

  constructor(report: ConfigReport) {
    super(report.issues.map((issue) => issue.message).join(" "));
    this.name = "StartError";
    this.report = report;
  }
}

const DEFAULT_DRAIN_MS = 30_000;

interface Attempt {
  readonly status: ReloadStatus;
  readonly problem: ConfigReport | undefined;
  /** Where the config that failed wanted to listen, if it got that far. */
  readonly listen: readonly ResolvedListen[] | undefined;
}

type Answer = Exclude<ToSupervisor, { type: "stats" | "purged" | "listed" | "released" }>;

export class Supervisor implements AdminSource {
  readonly #options: SupervisorOptions;
  readonly #log: Log;
  readonly #admin: AdminSeat;
  readonly #startedAt = Date.now();
  /** Packages that changed after this process had loaded them. */
  readonly #restartFor = new Set<string>();
  /** What the last config that loaded keeps outside its bundle. */
  #packages: ReadonlySet<string> = new Set();
  readonly #counts = new Map<number, (stats: WorkerStats) => void>();
  readonly #purges = new Map<number, (count: number | undefined) => void>();
  readonly #listings = new Map<number, (answer: ListAnswer) => void>();
  readonly #urls = new Set<string>();
  #watcher: Watcher | undefined;
  /** The next load takes effect whatever its digest. */
  #isForced = false;
  #live: { config: ResolvedConfig; digest: string; number: number; since: number } | undefined;
  #state: ProxyStatus["state"] = "starting";
  #lastReload: ReloadStatus | undefined;
  readonly #loads: Record<ReloadStatus["outcome"], number> = { live: 0, unchanged: 0, failed: 0 };
  #reported = "";
  #running: Promise<unknown> = Promise.resolve();
  #queued: Promise<ReloadStatus> | undefined;
  #drained: Promise<void> | undefined;
  #answer: ((message: Answer) => void) | undefined;
  #onDrained: (() => void) | undefined;
  #nextCount = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#admin = new AdminSeat(this, options.log, options.mode, options.onAdminListening);
    options.port.onMessage = (message) => this.#receive(message);
  }

  get urls(): readonly string[] {
    return [...this.#urls];
  }

  get adminUrl(): string | undefined {
    return this.#admin.url;
  }

  /** The first load. Rejects with a {@link StartError} after everything was closed again. */
  async start(): Promise<void> {
    this.#watcher = this.#options.watch?.({
      onChange: () => void this.#reloadChanged(),
      onPackageChange: (name) => this.#onPackageChange(name),
    });
    const first = this.#enqueue(() => this.#loadFirst());
    try {
      await first;
    } catch (error) {
      await this.drain(0);
      throw error;
    }
    if (this.#watcher === undefined || this.#isDraining) return;
    await this.#watcher.ready;
    // What was saved between the first load's reading and this moment made no event.
    void this.#reloadChanged();
  }

  /**
   * Loads again and goes live, also with the same code: who asks for it may have changed what the code reads, a file or
   * an environment variable. Never rejects: a failure is a result.
   */
  reload(): Promise<ReloadStatus> {
    this.#isForced = true;
    return this.#reloadChanged();
  }

  /** The same for a save: nothing happens if the code is what it was. */
  #reloadChanged(): Promise<ReloadStatus> {
    // One that waits already will read whatever is on disk when its turn comes.
    if (this.#queued !== undefined) return this.#queued;
    const queued = this.#enqueue(() => {
      this.#queued = undefined;
      return this.#load();
    });
    this.#queued = queued;
    return queued;
  }

  isReady(): boolean {
    return this.#state === "live";
  }

  async status(): Promise<ProxyStatus> {
    return this.#toStatus(await this.#count());
  }

  async metrics(): Promise<MetricsText> {
    const stats = await this.#count();
    return renderMetrics({
      status: this.#toStatus(stats),
      counts: stats.counts,
      reloads: this.#loads,
    });
  }

  #toStatus(stats: WorkerStats): ProxyStatus {
    const live = this.#live;
    return {
      version: this.#options.version,
      mode: this.#options.mode,
      state: this.#state,
      startedAt: new Date(this.#startedAt).toISOString(),
      uptimeMs: Date.now() - this.#startedAt,
      configFile: this.#options.file,
      generation: live && {
        number: live.number,
        digest: live.digest,
        since: new Date(live.since).toISOString(),
      },
      lastReload: this.#lastReload,
      restartToPickUp: [...this.#restartFor].filter((name) => this.#packages.has(name)),
      listeners: stats.listeners,
      upstreams: stats.upstreams,
      retiring: stats.retiring,
      traffic: stats.traffic,
      held: stats.held,
      cache: stats.cache,
      waf: stats.waf,
      limits: stats.limits,
      lists: stats.lists,
    };
  }

  async purge(given: unknown): Promise<PurgeOutcome> {
    const selection = toPurge(given);
    if (typeof selection === "string") return { kind: "refused", problem: selection };
    const id = this.#nextCount++;
    const purged = new Promise<number | undefined>((resolve) => this.#purges.set(id, resolve));
    this.#options.port.post({ type: "purge", id, selection });
    const count = await purged;
    if (count === undefined) return { kind: "off" };
    this.#log.info({ ...selection, count }, "purged");
    return { kind: "purged", count };
  }

  lists(): Promise<ListAnswer> {
    return this.#askLists({ kind: "all" });
  }

  list(name: string, address: string | undefined): Promise<ListAnswer> {
    return this.#askLists({ kind: "one", name, address });
  }

  async changeList(kind: "add" | "remove", name: string, given: unknown): Promise<ListOutcome> {
    const change = toListChange(given);
    if (typeof change === "string") return { kind: "refused", problem: change };
    const answer = await this.#askLists({ kind, name, ...change });
    if (answer.kind === "changed") {
      this.#log.info({ list: name, ...change }, kind === "add" ? "added to" : "taken out of");
    }
    return answer;
  }

  async #askLists(request: ListRequest): Promise<ListAnswer> {
    if (this.#state === "stopped") return { kind: "unknown", names: [] };
    const id = this.#nextCount++;
    const answered = new Promise<ListAnswer>((resolve) => this.#listings.set(id, resolve));
    this.#options.port.post({ type: "list", id, request });
    return answered;
  }

  /** Stops accepting, finishes what runs within the limit, disposes of everything. A second call waits for the first. */
  drain(limitMs?: number): Promise<void> {
    return (this.#drained ??= this.#drainOnce(
      limitMs ?? this.#live?.config.drainTimeoutMs ?? DEFAULT_DRAIN_MS,
    ));
  }

  async #drainOnce(limitMs: number): Promise<void> {
    this.#state = "draining";
    const done = new Promise<void>((resolve) => (this.#onDrained = resolve));
    this.#options.port.post({ type: "drain", limitMs });
    await this.#watcher?.close();
    await done;
    this.#state = "stopped";
    await this.#admin.close();
    await this.#options.source.close();
  }

  #enqueue<T>(load: () => Promise<T>): Promise<T> {
    const queued = this.#running.then(load);
    this.#running = queued.catch(() => {});
    return queued;
  }

  async #loadFirst(): Promise<void> {
    const { problem, listen } = await this.#attempt();
    if (problem === undefined || this.#isDraining) return;
    if (this.#options.mode === "start" || problem.stage === "listen") throw new StartError(problem);
    this.#reportOnce(problem);
    await this.#break(problem, listen ?? defaultListen(this.#options.overrides));
    await this.#admin.openDefault();
  }

  async #load(): Promise<ReloadStatus> {
    const { status, problem, listen } = await this.#attempt();
    if (problem !== undefined && !this.#isDraining) {
      this.#reportOnce(problem);
      if (this.#live === undefined) {
        await this.#break(problem, listen ?? defaultListen(this.#options.overrides)).catch(
          (error: StartError) => this.#options.report(error.report),
        );
      }
    }
    return status;
  }

  /** Saving a broken file again and again says nothing new. Frames do not count: they show whatever is on disk by then. */
  #reportOnce(problem: ConfigReport): void {
    const issues = problem.issues.map((issue) => ({ ...issue, frame: undefined }));
    const text = JSON.stringify({ ...problem, issues });
    if (text !== this.#reported) this.#options.report(problem);
    this.#reported = text;
  }

  /** One load from the file to the commit. */
  async #attempt(): Promise<Attempt> {
    const at = new Date().toISOString();
    const begin = performance.now();
    const isFirst = this.#live === undefined;
    const { outcome, problem, listen } = await this.#tryToGoLive();
    this.#loads[outcome] += 1;
    const durationMs = Math.round((performance.now() - begin) * 10) / 10;
    if (outcome === "live" && this.#live !== undefined && !isFirst) {
      const { number: generation, config } = this.#live;
      this.#log.info({ generation, durationMs, ...summaryOf(config) }, "reloaded");
    }
    const status: ReloadStatus = {
      at,
      outcome,
      durationMs,
      problem: problem && { stage: problem.stage, issues: problem.issues },
    };
    const hadProblem = this.#lastReload?.problem !== undefined;
    if (outcome === "unchanged" && hadProblem) this.#log.info("the config is as it was again");
    if (problem === undefined) this.#reported = "";
    // That nothing had changed is no news, unless it ends a problem.
    if (outcome !== "unchanged" || hadProblem) this.#lastReload = status;
    return { status, problem, listen };
  }

  async #tryToGoLive(): Promise<Omit<Attempt, "status"> & Pick<ReloadStatus, "outcome">> {
    const result = await this.#read();
    if (result.kind === "unchanged") {
      return { outcome: "unchanged", problem: undefined, listen: undefined };
    }
    if (result.kind === "failed") {
      return { outcome: "failed", problem: result.report, listen: undefined };
    }
    const { loaded } = result;
    const listen = applyOverrides(loaded.config.listen, this.#options.overrides);
    const problem = await this.#goLive(loaded, listen);
    return { outcome: problem === undefined ? "live" : "failed", problem, listen };
  }

  async #read(): Promise<LoadResult> {
    if (this.#isDraining) return this.#failed("read", [SHUTTING_DOWN]);
    try {
      const digest = this.#isForced ? undefined : this.#live?.digest;
      this.#isForced = false;
      const result = await this.#options.source.load(digest);
      const packages = result.kind === "loaded" ? result.loaded.packages : undefined;
      if (packages !== undefined) this.#packages = new Set(packages.map(({ name }) => name));
      if (!this.#isDraining) this.#watcher?.update(result.inputs, packages);
      return result;
    } catch (error) {
      // A fault of ours, not of the config: it must not end the process either.
      this.#log.error({ error }, "loading the config failed");
      return this.#failed("read", toPrepareIssues(error));
    }
  }

  #failed(stage: ConfigReport["stage"], issues: readonly ConfigIssue[]): LoadResult {
    return { kind: "failed", report: this.#reportOf(stage, issues), inputs: [] };
  }

  #reportOf(stage: ConfigReport["stage"], issues: readonly ConfigIssue[]): ConfigReport {
    const { file } = this.#options;
    return { stage, file, issues: withPlaces(issues, file) };
  }

  /** Prepare everywhere, then commit everywhere; or abort and leave all as it was. */
  async #goLive(
    loaded: LoadedConfig,
    listen: readonly ResolvedListen[],
  ): Promise<ConfigReport | undefined> {
    const { config, digest, slot } = loaded;
    const { generation } = slot;
    const { handover, port } = this.#options;
    handover.set(generation, loaded);
    port.post({ type: "prepare", generation, listen });
    const prepared = await this.#nextAnswer();
    if (prepared.type !== "prepared") {
      return this.#reportOf(...refusalOf(prepared));
    }
    const admin = await this.#admin.change(config.admin);
    if (admin.kind === "failed" || this.#isDraining) {
      if (admin.kind === "ready") admin.abort();
      port.post({ type: "abort", generation });
      await this.#nextAnswer();
      return this.#reportOf("listen", admin.kind === "failed" ? [admin.issue] : [SHUTTING_DOWN]);
    }
    port.post({ type: "commit", generation });
    const committed = await this.#nextAnswer();
    admin.commit();
    this.#live = { config, digest, number: generation, since: Date.now() };
    if (!this.#isDraining) this.#state = "live";
    if (committed.type === "committed") this.#announce(committed.urls);
    this.#options.onCommitted(config, generation);
    return undefined;
  }

  async #break(problem: ConfigReport, listen: readonly ResolvedListen[]): Promise<void> {
    this.#options.port.post({ type: "break", listen, page: createBrokenContent(problem) });
    const answer = await this.#nextAnswer();
    if (answer.type === "refused") throw new StartError(this.#reportOf(...refusalOf(answer)));
    if (!this.#isDraining) this.#state = "broken";
    if (answer.type === "breaking") this.#announce(answer.urls);
  }

  #announce(urls: readonly string[]): void {
    const added = urls.filter((url) => !this.#urls.has(url));
    this.#urls.clear();
    for (const url of urls) this.#urls.add(url);
    for (const url of added) this.#options.onListening(url);
  }

  #onPackageChange(name: string): void {
    if (this.#restartFor.has(name)) return;
    this.#restartFor.add(name);
    this.#log.warn({ package: name }, `restart to pick up ${name}`);
  }

  get #isDraining(): boolean {
    return this.#drained !== undefined;
  }

  /** The answer to the one message that waits for one: loads are serialised. */
  #nextAnswer(): Promise<Answer> {
    return new Promise((resolve) => (this.#answer = resolve));
  }

  #count(): Promise<WorkerStats> {
    if (this.#state === "stopped") return Promise.resolve(EMPTY_STATS);
    const id = this.#nextCount++;
    return new Promise((resolve) => {
      this.#counts.set(id, resolve);
      this.#options.port.post({ type: "count", id });
    });
  }

  #receive(message: ToSupervisor): void {
    switch (message.type) {
      case "stats":
        this.#counts.get(message.id)?.(message.stats);
        this.#counts.delete(message.id);
        break;
      case "listed":
        this.#listings.get(message.id)?.(message.answer);
        this.#listings.delete(message.id);
        break;
      case "purged":
        this.#purges.get(message.id)?.(message.count);
        this.#purges.delete(message.id);
        break;
      case "released":
        this.#log.debug({ generation: message.generation }, "a replaced generation is gone");
        break;
      case "drained":
        this.#onDrained?.();
        break;
      default:
        this.#answer?.(message);
        this.#answer = undefined;
    }
  }
}

const SHUTTING_DOWN: ConfigIssue = { path: "", message: "The proxy is shutting down." };

const EMPTY_STATS: WorkerStats = {
  listeners: [],
  upstreams: [],
  retiring: [],
  traffic: { leases: 0, background: 0, requests: 0, streams: 0, tunnels: 0 },
  counts: { refusals: {}, failedHandshakes: 0 },
};

function refusalOf(answer: Answer): [ConfigReport["stage"], readonly ConfigIssue[]] {
  if (answer.type === "refused") return [answer.stage, answer.issues];
  return ["prepare", [{ path: "", message: `The worker answered ${answer.type}.` }]];
}
