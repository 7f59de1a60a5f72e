// Over 300 lines: one interface, member by member, of a line or two each.
import type { CacheView, PurgeSelection } from "../cache-config.ts";
import type {
  ClientInfo,
  Context,
  RequestState,
  SubrequestInit,
  UpstreamView,
} from "../context.ts";
import type {
  BlockDecision,
  ChallengeDecision,
  DropDecision,
  ForwardDecision,
  ForwardOptions,
  RespondDecision,
} from "../decisions.ts";
import type { BodyInput, HeadersInput } from "../headers.ts";
import type { IpListView } from "../ip-list-config.ts";
import type { LoadView } from "../load.ts";
import type { LimitOutcome } from "../rate-limit-config.ts";
import type { RequestView } from "../request.ts";
import type { Duration } from "../units.ts";
import type { WafView } from "../waf-config.ts";
import type { ContextOptions, ContextRecord, TestContext } from "./context-options.ts";
import { valueText } from "./fields.ts";
import {
  decisionError,
  decisionRangeError,
  decisionTypeError,
  switchedOff,
  type HookError,
} from "./hook-error.ts";
import { createLog, type LoggedLine } from "./log.ts";
import { makeRequest } from "./request.ts";
import { TestScore } from "./score.ts";
import { safeLocation } from "./target.ts";

/**
 * A context for one hook, without a proxy. Decisions, their checks and their errors are those of the runtime; everything
 * that needs a proxy behind it answers from the options.
 *
 * @example
 * ```ts
 * const ctx = makeContext({ client: { address: "203.0.113.7" }, limits: { login: 1 } });
 * const decision = await plugin.onRequest?.(makeRequest("/login"), ctx);
 * ```
 */
export function makeContext(options: ContextOptions = {}): TestContext {
  return new ContextUnderTest(options);
}

class ContextUnderTest implements TestContext {
  readonly id: string;
  readonly client: ClientInfo;
  readonly request: RequestView;
  readonly route: Context["route"];
  readonly upstream: string | undefined;
  readonly state: RequestState;
  readonly score: TestScore;
  readonly log: Context["log"];
  readonly signal: AbortSignal;
  readonly now: number;
  readonly generation: number;
  readonly load: LoadView;
  readonly upstreams: Readonly<Record<string, UpstreamView>>;
  readonly compression: Context["compression"];
  readonly seen: ContextRecord;
  readonly #options: ContextOptions;
  readonly #names: readonly string[] | undefined;
  readonly #counts = new Map<string, number>();
  readonly #lists: ReadonlyMap<string, Set<string>> | undefined;
  readonly #seen = {
    logs: [] as LoggedLine[],
    fetches: [] as { target: string; init: SubrequestInit }[],
    limits: [] as ContextRecord["limits"][number][],
    earlyHints: [] as string[],
    waits: [] as Promise<unknown>[],
    listChanges: [] as ContextRecord["listChanges"][number][],
    cache: {
      bypassed: false,
      tags: [] as string[],
      ttl: undefined as Duration | undefined,
      purges: [] as PurgeSelection[],
    },
    compressionOff: false,
  };

  constructor(options: ContextOptions) {
    this.#options = options;
    this.seen = this.#seen;
    this.id = options.id ?? "test";
    const address = options.client?.address ?? "127.0.0.1";
    this.client = {
      address,
      port: 50_000,
      peerAddress: address,
      protocol: "HTTP/1.1",
      ...options.client,
    };
    const { request = "/", route } = options;
    this.request = typeof request === "string" ? makeRequest(request) : request;
    this.route = typeof route === "string" ? { name: route, params: {} } : route;
    this.upstream = options.upstream;
    this.state = options.state ?? {};
    this.score = new TestScore(options.score ?? 0);
    this.log = createLog(this.#seen.logs);
    this.signal = options.signal ?? new AbortController().signal;
    this.now = options.now ?? Date.now();
    this.generation = options.generation ?? 1;
    this.load = { requestsPerSecond: 0, p95Ms: 0, inFlight: 1, loopDelayMs: 0, ...options.load };
    this.#names = namesOf(options.upstreams);
    this.upstreams = viewsOf(options.upstreams);
    this.compression = { off: () => void (this.#seen.compressionOff = true) };
    this.#lists =
      options.lists &&
      new Map(Object.entries(options.lists).map(([name, ranges]) => [name, new Set(ranges)]));
  }

  forward(upstream: string, options?: ForwardOptions): ForwardDecision {
    this.#checkUpstream(upstream);
    return options === undefined
      ? { kind: "forward", upstream }
      : { kind: "forward", upstream, options };
  }

  respond(status: number, body?: BodyInput, headers?: HeadersInput): RespondDecision {
    if (!isStatus(status, 200)) throw badStatus("ctx.respond", status, "200 to 599");
    return {
      kind: "respond",
      status,
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
    };
  }

  json(value: unknown, status = 200, headers?: HeadersInput): RespondDecision {
    const body = JSON.stringify(value) as string | undefined;
    if (body === undefined) throw decisionTypeError(`ctx.json cannot send ${typeof value}`);
    return this.respond(status, body, withJsonType(headers));
  }

  redirect(location: string, status: 301 | 302 | 303 | 307 | 308 = 302): RespondDecision {
    if (![301, 302, 303, 307, 308].includes(status)) {
      throw badStatus("ctx.redirect", status, "301, 302, 303, 307 or 308");
    }
    const safe = typeof location === "string" ? safeLocation(location) : undefined;
    if (safe === undefined) throw decisionTypeError("ctx.redirect needs a path or an http(s) URL");
    return { kind: "respond", status, headers: { location: safe } };
  }

  challenge(policy?: string): ChallengeDecision {
    const { challenge } = this.#options;
    if (challenge === undefined || challenge === false) {
      throw switchedOff("ctx.challenge()", "challenge");
    }
    if (policy === undefined) return { kind: "challenge" };
    const names = challenge === true ? [] : challenge;
    if (names.includes(policy)) return { kind: "challenge", policy };
    throw decisionError(
      `ctx.challenge names ${JSON.stringify(policy)}, which is no policy; there are: ${names.join(", ")}`,
    );
  }

  block(reason: string, status?: number): BlockDecision {
    if (typeof reason !== "string") throw decisionTypeError("ctx.block needs a reason for the log");
    if (status === undefined) return { kind: "block", reason };
    if (!isStatus(status, 400)) throw badStatus("ctx.block", status, "400 to 599");
    return { kind: "block", reason, status };
  }

  drop(): DropDecision {
    return { kind: "drop" };
  }

  async fetch(target: string | URL, init: SubrequestInit = {}): Promise<Response> {
    const text = String(target);
    if (this.#names?.includes(text) !== true) {
      const url = URL.parse(text);
      if (url === null) this.#checkUpstream(text);
      else if (url.protocol !== "http:" && url.protocol !== "https:") {
        throw decisionTypeError(`ctx.fetch takes http(s) URLs, not ${url.protocol}`);
      }
    }
    this.#seen.fetches.push({ target: text, init });
    const { fetch } = this.#options;
    if (fetch === undefined) {
      throw new Error(`ctx.fetch(${JSON.stringify(text)}): give makeContext a \`fetch\` for it`);
    }
    return fetch(text, init);
  }

  waitUntil(promise: Promise<unknown>): void {
    const wait = Promise.resolve(promise);
    wait.catch(() => {});
    this.#seen.waits.push(wait);
  }

  async settled(): Promise<void> {
    // Work may give more work.
    for (let at = 0; at < this.#seen.waits.length; at++) await this.#seen.waits[at];
  }

  earlyHints(links: string | readonly string[]): void {
    const list = typeof links === "string" ? [links] : links;
    this.#seen.earlyHints.push(...list.map((link) => valueText("link", link)));
  }

  limit(name: string, key?: string | readonly string[]): LimitOutcome {
    const { limits } = this.#options;
    if (limits === undefined) throw switchedOff("ctx.limit()", "rateLimits");
    const stub = limits[name];
    if (stub === undefined) {
      throw decisionError(
        `there is no rate limit ${JSON.stringify(name)} (known: ${Object.keys(limits).join(", ")})`,
      );
    }
    this.#seen.limits.push({ name, key });
    if (typeof stub === "function") return stub(key);
    if (typeof stub === "object") return stub;
    const used = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, used);
    const allowed = used <= stub;
    return { allowed, remaining: Math.max(0, stub - used), retryAfterMs: allowed ? 0 : 1000 };
  }

  listed(list: string): boolean {
    if (this.#lists === undefined) throw switchedOff("ctx.listed()", "blocklists");
    return this.#listView(list).has();
  }

  list(name: string): IpListView {
    if (this.#lists === undefined) throw switchedOff("ctx.list()", "blocklists");
    return this.#listView(name);
  }

  get cache(): CacheView {
    const { cache } = this.#options;
    if (cache === undefined || cache === false) throw switchedOff("ctx.cache", "cache");
    const record = this.#seen.cache;
    const purge = (selection: PurgeSelection): number => record.purges.push(selection);
    return {
      status: cache === true ? undefined : cache,
      bypass: () => void (record.bypassed = true),
      tag: (...tags) => void record.tags.push(...tags),
      ttl: (duration) => void (record.ttl = duration),
      purge,
      invalidate: (selection) => purge({ ...selection, soft: true }),
    };
  }

  get waf(): WafView {
    const { waf } = this.#options;
    if (waf === undefined || waf === false) throw switchedOff("ctx.waf", "waf");
    const { mode = "block", matches = [] } = waf === true ? {} : waf;
    const points = matches.reduce((sum, match) => sum + match.points, 0);
    return { mode, matches, points, inspect: () => Promise.resolve(matches) };
  }

  get tls(): never {
    throw switchedOff("ctx.tls", "tls");
  }

  get limits(): never {
    throw switchedOff("ctx.limits", "limits");
  }

  #checkUpstream(name: string): void {
    const names = this.#names;
    if (names === undefined ? typeof name === "string" : names.includes(name)) return;
    const listed =
      names === undefined || names.length === 0 ? "none is configured" : names.join(", ");
    throw decisionError(
      `upstream the string ${JSON.stringify(name)} does not exist (known: ${listed})`,
    );
  }

  #listView(name: string): IpListView {
    const list = this.#lists?.get(name);
    if (list === undefined) {
      throw decisionError(
        `there is no IP list ${JSON.stringify(name)} (known: ${[...(this.#lists?.keys() ?? [])].join(", ")})`,
      );
    }
    const change = (kind: "add" | "remove", range: string, duration?: Duration): boolean => {
      this.#seen.listChanges.push({ list: name, change: kind, range, duration });
      if (kind === "add") list.add(range);
      else list.delete(range);
      return true;
    };
    return {
      has: (address = this.client.address) => list.has(address),
      add: (range, duration) => change("add", range, duration),
      remove: (range, duration) => change("remove", range, duration),
    };
  }
}

function isStatus(status: unknown, from: number): status is number {
  return typeof status === "number" && Number.isInteger(status) && status >= from && status <= 599;
}

function badStatus(name: string, status: unknown, allowed: string): RangeError & HookError {
  return decisionRangeError(`${name} takes a status of ${allowed}, got ${String(status)}`);
}

/** The caller's fields with a JSON type, unless they name one. */
function withJsonType(headers: HeadersInput | undefined): HeadersInput {
  if (headers === undefined) return { "content-type": "application/json" };
  const isList = Symbol.iterator in headers;
  const pairs = isList ? [...headers] : Object.entries(headers);
  for (const [name] of pairs) if (String(name).toLowerCase() === "content-type") return headers;
  return isList
    ? [...(pairs as (readonly [string, string])[]), ["content-type", "application/json"]]
    : { ...(headers as Readonly<Record<string, string>>), "content-type": "application/json" };
}

function namesOf(upstreams: ContextOptions["upstreams"]): readonly string[] | undefined {
  if (upstreams === undefined) return undefined;
  return Array.isArray(upstreams) ? (upstreams as readonly string[]) : Object.keys(upstreams);
}

function viewsOf(upstreams: ContextOptions["upstreams"]): Readonly<Record<string, UpstreamView>> {
  const given = (Array.isArray(upstreams) ? {} : (upstreams ?? {})) as Readonly<
    Record<string, Partial<UpstreamView>>
  >;
  const views: Record<string, UpstreamView> = {};
  for (const name of namesOf(upstreams) ?? []) {
    views[name] = { name, open: 0, idle: 0, active: 0, queued: 0, targets: [], ...given[name] };
  }
  return views;
}
