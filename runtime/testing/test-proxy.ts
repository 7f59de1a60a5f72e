import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { AccessRecord, Duration } from "@gatewright/sdk";

import { createAccessLog } from "../access-log.ts";
import { systemClock, type TimerClock } from "../clock.ts";
import type { ConfigReport } from "../config/load.ts";
import { formatReport } from "../config/report.ts";
import { createStackMapper } from "../config/stack-mapper.ts";
import { prepareGeneration, type Generation } from "../generation/generation.ts";
import { toPrepareIssues } from "../generation/prepare-error.ts";
import { createProvision } from "../generation/provision.ts";
import { createResourceRegistry } from "../generation/resources.ts";
import type { LogLevel } from "../log.ts";
import type { Explanation } from "../pipeline/explain.ts";
import { settled } from "./activity.ts";
import { FakeNetwork } from "./fake-network.ts";
import { Fakes, targetKeyOf, type FakeCall, type FakeUpstream } from "./fakes.ts";
import { createTestClock, SteppedClock, toMs, type TestClock } from "./test-clock.ts";
import { TestLog, type LogLine } from "./test-log.ts";
import { loadTestConfig, type TestConfig, type TestListen } from "./test-config.ts";
import { WebExchange } from "./web-exchange.ts";
import { toExchangeRequest, type TestClient, type TestRequestInit } from "./web-request.ts";

export interface TestProxyOptions {
  /**
   * Who stands behind the proxy: by name as in the config's `upstreams`, or by origin (`"https://id.example"`) for what
   * hooks fetch by URL, lists and verifications of challenges. What is asked for and has none refuses connections; apps
   * of the config (`{ fetch }`) answer themselves unless they have one.
   */
  readonly upstreams?: Readonly<Record<string, FakeUpstream>>;
  /** Default: one of its own, which begins at the present second. `"system"`: the time of day. */
  readonly clock?: TestClock | "system";
  /** Who asks, unless a request says otherwise. */
  readonly client?: TestClient;
  /**
   * Scheme and host of requests that are given as a path. Default `"http://localhost"`, or `"https://localhost"` where
   * the config's first listener that does not redirect everything has TLS.
   */
  readonly origin?: string;
  /** Environment of a config that is a function or a file. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * Time that the clock goes on by itself while `fetch` waits for an answer and nothing else moves: as long as the pauses
   * of retries are. Default `"1s"`; 0: none.
   */
  readonly patience?: Duration;
  /** From this level on, lines are kept in `logs`. Default `"debug"`. */
  readonly logLevel?: LogLevel;
  /** The config's `dataDir`. Default: a folder of its own, which is removed with `close`. */
  readonly dataDir?: string;
}

/** The request that {@link TestProxy.explain} explains. */
export interface ExplainInit {
  readonly headers?: Readonly<Record<string, string>>;
  readonly client?: TestClient;
}

/** A proxy in this process, without ports. */
export interface TestProxy extends AsyncDisposable {
  /**
   * Sends a request down the real pipeline and gives what the client would get: redirects are not followed, content is
   * as coded as the request's Accept-Encoding allows. Rejects with a TypeError where the connection was closed without an
   * answer, as `ctx.drop()` does.
   */
  fetch(input: string | URL | Request, init?: TestRequestInit): Promise<Response>;
  /** Where the request would go and why, step by step, without sending it: as `gatewright explain` does. */
  explain(method: string, url: string, init?: ExplainInit): Promise<Explanation>;
  /** The clock goes on: see {@link TestClock.advance}. */
  advance(duration: Duration): Promise<void>;
  /** Resolves when everything that is under way waits for time or for the test. */
  settled(): Promise<void>;
  /** Goes live with another config, as a reload does: pools, caches and counts stay. */
  reload(config: TestConfig): Promise<void>;
  /** Breaks connections to this target (its URL as in the config) and refuses new ones. */
  disconnect(target: string): void;
  /** Takes connections to it again. */
  reconnect(target: string): void;
  /** Absent with `clock: "system"`. */
  readonly clock: TestClock | undefined;
  /** Lines of the log so far, the newest 10,000. */
  readonly logs: readonly LogLine[];
  /** Finished requests, the newest 10,000: what the access log and `onComplete` get. */
  readonly requests: readonly AccessRecord[];
  /** Requests that reached a fake or an app of the config so far, the newest 10,000. */
  readonly upstreamCalls: readonly FakeCall[];
  /** Requests of health checks that reached a fake. */
  readonly healthChecks: readonly FakeCall[];
  /** Cuts what runs, disposes of plugins, closes everything. Nothing is left that would hold the process. */
  close(): Promise<void>;
}

/**
 * Runs a config in this process for tests: everything from the client's request to the upstream's connection is the real
 * thing, but no port is opened and nothing leaves the process. TLS, PROXY headers, WebSockets and DNS are left out.
 *
 * @example
 * ```ts
 * await using proxy = await createTestProxy(config, {
 *   upstreams: { api: (request) => new Response(`hello ${request.headers.get("x-user")}`) },
 * });
 * const response = await proxy.fetch("/account");
 * ```
 */
export async function createTestProxy(
  config: TestConfig,
  options: TestProxyOptions = {},
): Promise<TestProxy> {
  const proxy = new ProxyUnderTest(options);
  try {
    await proxy.reload(config);
  } catch (error) {
    await proxy.close();
    throw error;
  }
  return proxy;
}

const MAX_RECORDS = 10_000;

class ProxyUnderTest implements TestProxy {
  readonly clock: TestClock | undefined;
  readonly requests: AccessRecord[] = [];
  readonly #options: TestProxyOptions;
  readonly #timers: TimerClock;
  readonly #dataDir: string;
  readonly #patienceMs: number;
  readonly #log: TestLog;
  readonly #fakes: Fakes;
  readonly #network: FakeNetwork;
  readonly #stackMapper = createStackMapper();
  readonly #resources;
  readonly #provision;
  readonly #exchanges = new Set<WebExchange>();
  readonly #retiring = new Set<Generation>();
  #generations = 0;
  #current: Generation | undefined;
  #listen: TestListen[] = [];
  #closed: Promise<void> | undefined;

  constructor(options: TestProxyOptions) {
    const clock = toClock(options.clock);
    this.#options = options;
    this.#patienceMs = toMs(options.patience ?? "1s", "patience");
    this.clock = clock;
    this.#timers = clock ?? systemClock;
    this.#dataDir = options.dataDir ?? join(tmpdir(), `gatewright-test-${randomUUID()}`);
    this.#log = new TestLog(options.logLevel ?? "debug", () => this.#timers.now());
    this.#fakes = new Fakes(options.upstreams ?? {});
    this.#network = new FakeNetwork(this.#fakes, this.#log.root);
    this.#resources = createResourceRegistry(this.#log.root);
    const writeAccess = createAccessLog(this.#log.root, this.#timers);
    this.#provision = createProvision({
      accessLog: (record) => {
        if (this.requests.length >= MAX_RECORDS) this.requests.shift();
        this.requests.push(record);
        writeAccess(record);
      },
      describeError: (error) => this.#stackMapper.errorFields(error),
      clock: this.#timers,
      // What comes at intervals comes exactly at them.
      ...(clock === undefined ? {} : { wheel: clock.wheel, random: () => 0.5 }),
      network: this.#network,
    });
  }

  get logs(): readonly LogLine[] {
    return this.#log.lines;
  }

  get upstreamCalls(): readonly FakeCall[] {
    return this.#fakes.calls;
  }

  get healthChecks(): readonly FakeCall[] {
    return this.#fakes.checks;
  }

  async fetch(input: string | URL | Request, init: TestRequestInit = {}): Promise<Response> {
    const request = await toExchangeRequest(input, init, {
      origin: this.#origin,
      client: this.#options.client ?? {},
      redirectPort: (scheme, port) => redirectPort(this.#listen, scheme, port),
      now: () => this.#timers.now(),
    });
    request.signal?.throwIfAborted();
    const exchange = new WebExchange(request);
    this.#exchanges.add(exchange);
    void exchange.closed.then(() => this.#exchanges.delete(exchange));
    this.#live.serve(exchange);
    if (this.#patienceMs > 0) void this.#passShortWaits(exchange);
    const response = await exchange.response;
    // What is complete at once is over when it is seen: logged, counted, stored.
    await Promise.race([exchange.closed, settled()]);
    return response;
  }

  /** Else a retry's pause, which the clock would have to be moved over, held up every test of one. */
  async #passShortWaits(exchange: WebExchange): Promise<void> {
    const { clock } = this;
    const limitMs = this.#timers.monotonic() + this.#patienceMs;
    await settled();
    while (clock instanceof SteppedClock && exchange.waits && (await clock.nudge(limitMs)));
  }

  explain(method: string, url: string, init: ExplainInit = {}): Promise<Explanation> {
    const { address } = { ...this.#options.client, ...init.client };
    return this.#live.pipeline.explain({
      method,
      url: url.startsWith("/") ? this.#origin + url : url,
      fields: Object.entries(init.headers ?? {}).flat(),
      ...(address === undefined ? {} : { clientAddress: address }),
    });
  }

  advance(duration: Duration): Promise<void> {
    if (this.clock === undefined) {
      return Promise.reject(
        new TypeError("This proxy runs by the system's clock: nothing advances it."),
      );
    }
    return this.clock.advance(duration);
  }

  settled(): Promise<void> {
    return settled();
  }

  async reload(config: TestConfig): Promise<void> {
    if (this.#closed !== undefined) throw new Error(CLOSED);
    this.#generations += 1;
    const { loaded, listen } = await loadTestConfig(config, {
      generation: this.#generations,
      env: this.#options.env ?? process.env,
      dataDir: this.#dataDir,
      fakes: this.#fakes,
      stackMapper: this.#stackMapper,
      log: this.#log.root,
    });
    const generation = await prepareGeneration({
      loaded,
      provision: this.#provision,
      stackMapper: this.#stackMapper,
      resources: this.#resources,
      log: this.#log.root,
      clock: this.#timers,
    }).catch((error: unknown) => {
      throw new Error(formatReport(toPrepareReport(error, loaded.config.file)), { cause: error });
    });
    const previous = this.#current;
    this.#log.root.configure(loaded.config.log);
    generation.commit();
    this.#current = generation;
    this.#listen = [...listen];
    if (previous === undefined) return;
    this.#retiring.add(previous);
    void previous.retire().then(() => this.#retiring.delete(previous));
  }

  disconnect(target: string): void {
    this.#network.unplug(targetKeyOf(target));
  }

  reconnect(target: string): void {
    this.#network.plugIn(targetKeyOf(target));
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#closeOnce());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #closeOnce(): Promise<void> {
    const generations = [...this.#retiring];
    if (this.#current !== undefined) generations.push(this.#current);
    this.#current = undefined;
    for (const exchange of this.#exchanges) exchange.abort();
    for (const { pipeline } of generations) pipeline.cutStreams();
    const ended = Promise.all(generations.map((generation) => generation.end()));
    this.#network.close();
    await ended;
    if (this.#options.dataDir === undefined) {
      await rm(this.#dataDir, { recursive: true, force: true });
    }
  }

  get #live(): Generation {
    if (this.#current === undefined) throw new Error(CLOSED);
    return this.#current;
  }

  get #origin(): string {
    const serving = this.#listen.find(({ redirectToHttps }) => redirectToHttps === false);
    const isSecure = serving?.isSecure === true;
    return (this.#options.origin ?? (isSecure ? "https://localhost" : "http://localhost")).replace(
      /\/+$/,
      "",
    );
  }
}

const CLOSED = "This test proxy is closed.";

function toClock(clock: TestProxyOptions["clock"]): SteppedClock | undefined {
  if (clock === "system") return undefined;
  const made = clock ?? createTestClock();
  if (made instanceof SteppedClock) return made;
  throw new TypeError('clock: expected one made with createTestClock, or "system".');
}

function toPrepareReport(error: unknown, file: string): ConfigReport {
  return { stage: "prepare", file, issues: toPrepareIssues(error) };
}

/** Where the listener that such a URL means sends everybody to. */
function redirectPort(
  listen: readonly TestListen[],
  scheme: "http" | "https",
  port: number,
): number | undefined {
  if (scheme === "https") return undefined;
  const plain = listen.filter((one) => !one.isSecure);
  const own = plain.find((one) => one.port === port) ?? plain[0];
  if (own === undefined || own.redirectToHttps === false) return undefined;
  if (own.redirectToHttps !== true) return own.redirectToHttps;
  return listen.find((one) => one.isSecure)?.port;
}
