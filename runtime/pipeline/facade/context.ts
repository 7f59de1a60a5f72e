import type {
  BlockDecision,
  BodyInput,
  CacheView,
  ChallengeDecision,
  ClientInfo,
  Context,
  DropDecision,
  ForwardDecision,
  ForwardOptions,
  HeadersInput,
  HookLog,
  IpListView,
  LimitOutcome,
  RequestState,
  RequestView,
  RespondDecision,
  Score,
  SubrequestInit,
  WafView,
} from "@gatewright/sdk";

import { ProxyError } from "../../errors.ts";
import { safeLocation } from "../../http/location.ts";
import { isFinalStatus, isRefusal, unknownUpstream } from "./decision.ts";
import { fieldValueText } from "./field-checks.ts";
import { hookRangeError, hookTypeError } from "./field-error.ts";
import { listView } from "./list-view.ts";
import type { ContextOwner } from "./context-owner.ts";
import { RequestScore } from "./request-score.ts";

const JSON_TYPE = "application/json";
const JSON_HEADERS = Object.freeze({ "content-type": JSON_TYPE });
const DROP: DropDecision = Object.freeze({ kind: "drop" });
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** One request's context for hooks. Decisions are plain objects; everything else is the owner's. */
export class ContextFacade implements Context {
  readonly #owner: ContextOwner;
  #state: RequestState | undefined = undefined;
  #score: RequestScore | undefined = undefined;
  #log: HookLog | undefined = undefined;
  #waf: WafView | undefined = undefined;
  #compression: Context["compression"] | undefined = undefined;

  constructor(owner: ContextOwner) {
    this.#owner = owner;
  }

  /** For a fetch on behalf of the same request: it starts with what hooks have kept so far, and changes nothing of it. */
  copyFor(owner: ContextOwner): ContextFacade {
    const copy = new ContextFacade(owner);
    if (this.#state !== undefined) copy.#state = { ...this.#state };
    return copy;
  }

  get id(): string {
    return this.#owner.id;
  }

  get client(): ClientInfo {
    return this.#owner.client;
  }

  get request(): RequestView {
    return this.#owner.request;
  }

  get route(): Context["route"] {
    return this.#owner.route;
  }

  get upstream(): string | undefined {
    return this.#owner.upstreamName;
  }

  get state(): RequestState {
    return (this.#state ??= {});
  }

  get score(): Score {
    return (this.#score ??= new RequestScore());
  }

  /** For the access log: makes no score where none was asked for. */
  get scoreTotal(): number {
    return this.#score?.total ?? 0;
  }

  /** The same for the rules behind it. */
  get scoredBy(): readonly string[] | undefined {
    return this.#score?.rules;
  }

  get log(): HookLog {
    return (this.#log ??= this.#owner.createHookLog());
  }

  get signal(): AbortSignal {
    return this.#owner.signal;
  }

  get now(): number {
    return this.#owner.startedAt;
  }

  get generation(): number {
    return this.#owner.generationNumber;
  }

  forward(upstream: string, options?: ForwardOptions): ForwardDecision {
    const { upstreamNames } = this.#owner;
    if (!upstreamNames.has(upstream)) throw unknownUpstream(upstream, upstreamNames);
    return options === undefined
      ? { kind: "forward", upstream }
      : { kind: "forward", upstream, options };
  }

  respond(status: number, body?: BodyInput, headers?: HeadersInput): RespondDecision {
    if (!isFinalStatus(status)) throw badStatus("ctx.respond", status, "200 to 599");
    return {
      kind: "respond",
      status,
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
    };
  }

  json(value: unknown, status = 200, headers?: HeadersInput): RespondDecision {
    const body = JSON.stringify(value) as string | undefined;
    if (body === undefined) {
      throw hookTypeError("PROXY_HOOK_DECISION", `ctx.json cannot send ${typeof value}`);
    }
    return this.respond(status, body, headers === undefined ? JSON_HEADERS : withJsonType(headers));
  }

  redirect(location: string, status: 301 | 302 | 303 | 307 | 308 = 302): RespondDecision {
    if (!REDIRECTS.has(status)) {
      throw badStatus("ctx.redirect", status, "301, 302, 303, 307 or 308");
    }
    const safe = typeof location === "string" ? safeLocation(location) : undefined;
    if (safe === undefined) {
      throw hookTypeError("PROXY_HOOK_DECISION", "ctx.redirect needs a path or an http(s) URL");
    }
    return { kind: "respond", status, headers: { location: safe } };
  }

  challenge(policy?: string): ChallengeDecision {
    const { challenges } = this.#owner;
    if (challenges === undefined) throw switchedOff("ctx.challenge()", "challenge");
    if (policy === undefined) return { kind: "challenge" };
    if (challenges.has(policy)) return { kind: "challenge", policy };
    throw new ProxyError("PROXY_HOOK_DECISION", {
      message: `ctx.challenge names ${JSON.stringify(policy)}, which is no policy; there are: ${[...challenges.keys()].join(", ")}`,
    });
  }

  block(reason: string, status?: number): BlockDecision {
    if (typeof reason !== "string") {
      throw hookTypeError("PROXY_HOOK_DECISION", "ctx.block needs a reason for the log");
    }
    if (status === undefined) return { kind: "block", reason };
    if (!isRefusal(status)) throw badStatus("ctx.block", status, "400 to 599");
    return { kind: "block", reason, status };
  }

  drop(): DropDecision {
    return DROP;
  }

  async fetch(target: string | URL, init: SubrequestInit = {}): Promise<Response> {
    const owner = this.#owner;
    if (typeof target === "string" && owner.upstreamNames.has(target)) {
      return owner.fetch(target, init);
    }
    return owner.fetch(absoluteUrl(target, owner), init);
  }

  waitUntil(promise: Promise<unknown>): void {
    this.#owner.waitUntil(Promise.resolve(promise));
  }

  earlyHints(links: string | readonly string[]): void {
    const list = typeof links === "string" ? [links] : links;
    this.#owner.earlyHints(list.map((link) => fieldValueText("link", link)));
  }

  limit(name: string, key?: string | readonly string[]): LimitOutcome {
    if (!this.#owner.limits) throw switchedOff("ctx.limit()", "rateLimits");
    return this.#owner.limit(name, key);
  }

  listed(name: string): boolean {
    if (this.#owner.ipLists === undefined) throw switchedOff("ctx.listed()", "blocklists");
    return listView(this.#owner, name).has();
  }

  list(name: string): IpListView {
    if (this.#owner.ipLists === undefined) throw switchedOff("ctx.list()", "blocklists");
    return listView(this.#owner, name);
  }

  get cache(): CacheView {
    const view = this.#owner.cacheFacade;
    if (view === undefined) throw switchedOff("ctx.cache", "cache");
    return view;
  }

  get waf(): WafView {
    const view = (this.#waf ??= this.#owner.wafView);
    if (view === undefined) throw switchedOff("ctx.waf", "waf");
    return view;
  }

  get compression(): Context["compression"] {
    return (this.#compression ??= { off: () => this.#owner.switchCompressionOff() });
  }

  get tls(): never {
    throw switchedOff("ctx.tls", "tls");
  }

  get upstreams(): Context["upstreams"] {
    return this.#owner.upstreamViews;
  }

  get load(): Context["load"] {
    return this.#owner.load;
  }

  get limits(): never {
    throw switchedOff("ctx.limits", "limits");
  }
}

function switchedOff(name: string, option: string): ProxyError {
  return new ProxyError("PROXY_CAPABILITY_OFF", {
    message: `${name} needs \`${option}\`, which is switched off`,
  });
}

function badStatus(name: string, status: unknown, allowed: string): RangeError {
  return hookRangeError(
    "PROXY_HOOK_DECISION",
    `${name} takes a status of ${allowed}, got ${String(status)}`,
  );
}

/** The caller's fields with a JSON type, unless they name one. */
function withJsonType(headers: HeadersInput): HeadersInput {
  const isList = typeof (headers as Partial<Iterable<unknown>>)[Symbol.iterator] === "function";
  const pairs = isList
    ? [...(headers as Iterable<readonly [string, string]>)]
    : Object.entries(headers as Readonly<Record<string, string>>);
  for (const [name] of pairs) {
    if (String(name).toLowerCase() === "content-type") return headers;
  }
  return isList
    ? [...(pairs as (readonly [string, string])[]), ["content-type", JSON_TYPE]]
    : { ...(headers as Readonly<Record<string, string>>), "content-type": JSON_TYPE };
}

function absoluteUrl(target: string | URL, owner: ContextOwner): URL {
  const url = URL.parse(String(target));
  if (url === null) throw unknownUpstream(target, owner.upstreamNames);
  // file: and the like would let a value from a request read what no client may.
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw hookTypeError("PROXY_HOOK_DECISION", `ctx.fetch takes http(s) URLs, not ${url.protocol}`);
  }
  return url;
}
