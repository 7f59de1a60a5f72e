// Over 400 lines: the one object of a request: many members of a line or two each, while the phases live in files of their own.
import type {
  ClientInfo,
  ForwardOptions,
  HookLog,
  LimitOutcome,
  ProxyResponse,
  SubrequestInit,
  Context,
} from "@gatewright/sdk";
import type { Duplex } from "node:stream";

import { Deadline } from "../clock.ts";
import { isProxyError, ProxyError } from "../errors.ts";
import type { Exchange, ExchangeReceiver } from "../downstream/exchange.ts";
import type { ContentSource } from "../http/content.ts";
import type { LinkedSet } from "../linked-set.ts";
import { type Linked } from "../linked-set.ts";
import { removeField, type RawFields, type ReadonlyRawFields } from "../http/raw-fields.ts";
import type { RequestBuffer } from "../primitives/content-buffer/request-buffer.ts";
import type { IpListPlan } from "./ip-lists.ts";
import type { UpstreamCall, UpstreamReceiver } from "../upstream/upstream.ts";
import type { CacheUse } from "./cache/cache-use.ts";
import { RequestCacheView } from "./cache/cache-view.ts";
import { explainCache } from "./cache/explain-cache.ts";
import { joinOrLead, lookUp } from "./cache/look-up.ts";
import { complete } from "./complete.ts";
import { settleDecision, type FinalDecision } from "./decide.ts";
import type { ExplainStep } from "./explain.ts";
import { ContextFacade } from "./facade/context.ts";
import type { ContextOwner } from "./facade/context-owner.ts";
import { ProxyRequestFacade } from "./facade/proxy-request.ts";
import { ProxyResponseFacade } from "./facade/proxy-response.ts";
import type { RequestState } from "./facade/request-state.ts";
import { viewsOf } from "./facade/upstream-views.ts";
import { fail, hookTimedOut } from "./fail.ts";
import type { LentContent } from "./lent-content.ts";
import type { OutgoingResponse } from "./outgoing-response.ts";
import { forward } from "./forward.ts";
import { bufferContent, takeContent } from "./request-content.ts";
import { hookLog } from "./hook-log.ts";
import { outgoingFields } from "./outgoing-fields.ts";
import type { PipelineParts, RoutePlan, UpstreamChoice, UpstreamPlan } from "./parts.ts";
import { limitByHook, type LimitState } from "./rate-limits.ts";
import {
  receiveData,
  receiveEnd,
  receiveError,
  receiveHead,
  receiveInformational,
} from "./receive.ts";
import { respond, respondWeb } from "./respond.ts";
import { runResponseHooks, runUpstreamResponseHooks } from "./response-phase.ts";
import type { SendAhead } from "./send-ahead.ts";
import type { SentChunks } from "./sent-chunks.ts";
import { drained, send } from "./send.ts";
import { subrequest, type Subrequest } from "./subrequest.ts";
import { openTunnel } from "./tunnel.ts";
import type { UpstreamContent } from "./upstream-content.ts";
import type { WafUse } from "./waf-plan.ts";
import { RequestWafView } from "./waf-view.ts";

/** Where a request is on its path. */
export type Stage = "request" | "content" | "forward" | "response" | "send" | "tunnel" | "over";

/** What the live flows of a pipeline share: counts, and the list that `cutStreams` walks. */
export interface FlowRegistry {
  readonly live: LinkedSet<Flow>;
  tunnels: number;
}

/** What a stream or a tunnel can be cut by. */
export interface Cut {
  cut(): void;
}

/**
 * One request: the facts, the decisions so far and the two connections. The phases are functions in files of their own
 * that take a flow; this class only holds what they share and passes on what the connections report, so that a request
 * costs one object and no closures.
 */
export class Flow
  implements ExchangeReceiver, UpstreamReceiver, RequestState, ContextOwner, Linked
{
  readonly parts: PipelineParts;
  readonly exchange: Exchange;
  readonly registry: FlowRegistry;

  // Among the live ones.
  previousLinked: this | null = null;
  nextLinked: this | null = null;

  stage: Stage = "request";
  /** Goes up whenever what was awaited no longer matters; continuations compare it. */
  turn = 0;

  // Facts of the request, set by begin.
  id = "";
  readonly startedAt: number;
  readonly startedTick: number;
  clientAddress = "";
  clientPort = 0;
  peerTrusted = false;
  scheme: "http" | "https";
  method: string;
  rawPath = "";
  rawSearch = "";
  normalizedPath = "";
  routePlan: RoutePlan | undefined = undefined;
  params: Readonly<Record<string, string>> = NO_PARAMS;

  // What hooks changed and decided.
  newPath: string | undefined = undefined;
  newSearch: string | undefined = undefined;
  newHost: string | undefined = undefined;
  content: ContentSource | undefined;
  buffer: RequestBuffer | undefined = undefined;
  contentReplaced = false;
  chosen: UpstreamChoice | undefined = undefined;
  forwardOptions: ForwardOptions | undefined = undefined;
  blockReason: string | undefined = undefined;
  limitState: LimitState | undefined = undefined;
  /** The list or limit that lets the client go on only with a clearance. */
  challengedBy: string | undefined = undefined;
  /** Absent: the WAF does not look at it. */
  wafUse: WafUse | undefined = undefined;
  compressionOff = false;
  cacheUse: CacheUse | undefined = undefined;
  cacheView: RequestCacheView | undefined = undefined;
  /** A fetch of the cache that no client waits for. */
  isBackground = false;

  // The upstream's side.
  upstreamPlan: UpstreamPlan | undefined = undefined;
  call: UpstreamCall | undefined = undefined;
  target: string | undefined = undefined;
  /** Targets that it was sent to, or that no connection could be made to. */
  attempts = 0;
  /** Brings the client back to this target. */
  targetCookie: string | undefined = undefined;
  /** Answered under an address of ours: no hook and no field rule has to do with it. */
  isOwn = false;
  upgrading = false;
  /** The client's content was handed to an upstream as a stream: it cannot be sent again. */
  contentSpent = false;
  lent: LentContent | undefined = undefined;
  fallbackUsed = false;

  // The response's side.
  response: OutgoingResponse | undefined = undefined;
  upstreamContent: UpstreamContent | undefined = undefined;
  /** Upstream chunks go straight to the client. */
  direct = false;
  /** Content of the response is on its way and has not ended. */
  sendsContent = false;
  /** Whose memory goes back early. */
  sent: SentChunks | undefined = undefined;
  /** What waits for a client that has no room. */
  ahead: SendAhead | undefined = undefined;
  /** Who is paused while the client is slow, if not the upstream's call. */
  sending: ContentSource | undefined = undefined;
  errorHooksDone = false;
  responseHooksDone = false;
  error: ProxyError | undefined = undefined;
  outcome: "complete" | "aborted" | "cut" | "dropped" = "complete";
  tunnel: Cut | undefined = undefined;

  // Times, monotonic milliseconds.
  hookMs = 0;
  dispatchedAt = 0;
  headAt = 0;

  /** Name of the hook that runs now, for logs. */
  hookOwner = "";
  /** Steps for `explain`, or null in normal life. */
  trace: ExplainStep[] | null = null;

  leased = true;
  #outgoing: RawFields | undefined;
  /** The list holds Host and Content-Length for hooks to read. */
  #shown = false;
  #request: ProxyRequestFacade | undefined;
  #context: ContextFacade | undefined;
  #view: ProxyResponseFacade | undefined;
  #viewed: OutgoingResponse | undefined;
  #client: ClientInfo | undefined;
  #abort: AbortController | undefined;
  #subrequests: Set<Subrequest> | undefined;
  /** Promises given to `ctx.waitUntil` that are pending. */
  #work = 0;
  #hookDeadline: Deadline | undefined;
  /** When the wait for the present hook began; -1 if there is none. */
  #hookBegan = -1;

  constructor(parts: PipelineParts, exchange: Exchange, registry: FlowRegistry) {
    this.parts = parts;
    this.exchange = exchange;
    this.registry = registry;
    this.startedAt = parts.clock.now();
    this.startedTick = parts.clock.monotonic();
    this.scheme = exchange.scheme;
    this.method = exchange.method;
    this.content = exchange.content;
  }

  // ---- facades, made when the first hook runs ----

  get request(): ProxyRequestFacade {
    return (this.#request ??= new ProxyRequestFacade(this));
  }

  get context(): ContextFacade {
    return (this.#context ??= new ContextFacade(this));
  }

  /** Undefined if no hook was ever run: then nobody can have added to it. */
  get madeContext(): ContextFacade | undefined {
    return this.#context;
  }

  /** The current response as hooks see it. */
  get responseView(): ProxyResponseFacade {
    const response = this.response as OutgoingResponse;
    if (this.#viewed !== response || this.#view === undefined) {
      this.#viewed = response;
      this.#view = new ProxyResponseFacade(response);
    }
    return this.#view;
  }

  // ---- RequestState ----

  get authority(): string {
    return this.exchange.authority;
  }

  get protocol(): Exchange["protocol"] {
    return this.exchange.protocol;
  }

  bufferContent(content: ContentSource): RequestBuffer {
    return bufferContent(this, content);
  }

  /**
   * What will be forwarded, as hooks see it: hop-by-hop fields and untrusted claims are gone, ours are added. Host and
   * Content-Length are listed for reading, though the upstream's connection writes them.
   */
  get fields(): ReadonlyRawFields {
    return this.ownFields();
  }

  ownFields(): RawFields {
    const fields = (this.#outgoing ??= outgoingFields(this));
    if (!this.#shown) {
      this.#shown = true;
      if (this.exchange.authority !== "") fields.unshift("Host", this.exchange.authority);
      const length = this.exchange.content?.length;
      if (length !== undefined) fields.push("Content-Length", String(length));
    }
    return fields;
  }

  /** What the upstream gets: without what its connection writes itself. `keep`: hooks' view of it is still needed. */
  dispatchFields(keep: boolean): RawFields {
    const fields = (this.#outgoing ??= outgoingFields(this));
    if (this.#shown) {
      this.#shown = false;
      removeField(fields, "host");
      removeField(fields, "content-length");
    }
    // A fallback applies its own upstream's rules to the same start.
    return keep || this.parts.hooks.error.length > 0 ? [...fields] : fields;
  }

  /** What tells variants of a stored response apart: as sent, unless hooks have looked at them. */
  get selectingFields(): ReadonlyRawFields {
    return this.#outgoing ?? this.exchange.fields;
  }

  /** The same request, with what hooks made of it. */
  #follow(flow: Flow): void {
    this.isBackground = true;
    this.responseHooksDone = true;
    this.id = flow.id;
    this.clientAddress = flow.clientAddress;
    this.clientPort = flow.clientPort;
    this.peerTrusted = flow.peerTrusted;
    this.scheme = flow.scheme;
    this.rawPath = flow.rawPath;
    this.rawSearch = flow.rawSearch;
    this.normalizedPath = flow.normalizedPath;
    this.routePlan = flow.routePlan;
    this.params = flow.params;
    this.newPath = flow.newPath;
    this.newSearch = flow.newSearch;
    this.newHost = flow.newHost;
    this.forwardOptions = flow.forwardOptions;
    this.#shown = flow.#shown;
    this.#outgoing = flow.#outgoing && [...flow.#outgoing];
    this.#context = flow.#context?.copyFor(this);
    this.cacheView = flow.cacheView?.copyFor(this);
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.stage === "over" && this.outcome !== "complete") this.#abort.abort(this.error);
    return this.#abort.signal;
  }

  /** What was started under the signal stops. Later phases (an error hook's subrequest) get a signal of their own. */
  fireSignal(reason: Error): void {
    this.#abort?.abort(reason);
    this.#abort = undefined;
  }

  // ---- ContextOwner ----

  get client(): ClientInfo {
    if (this.#client === undefined) {
      const { connection } = this.exchange;
      const { peerAddress, servername, clientCertificate: certificate } = connection;
      this.#client = {
        address: this.clientAddress,
        port: this.clientPort,
        peerAddress,
        protocol: this.exchange.protocol,
        ...(servername === undefined ? {} : { servername }),
        ...(certificate === undefined ? {} : { certificate }),
      };
    }
    return this.#client;
  }

  get route():
    | { readonly name: string; readonly params: Readonly<Record<string, string>> }
    | undefined {
    return this.routePlan === undefined
      ? undefined
      : { name: this.routePlan.name, params: this.params };
  }

  get upstreamName(): string | undefined {
    return (this.upstreamPlan ?? this.chosen)?.name;
  }

  get upstreamNames(): ReadonlyMap<string, UpstreamChoice> {
    return this.parts.upstreams;
  }

  get upstreamViews(): Context["upstreams"] {
    return viewsOf(this.parts.upstreams);
  }

  get generationNumber(): number {
    return this.parts.generation;
  }

  createHookLog(): HookLog {
    const log = this.parts.log.child({ id: this.id, generation: this.parts.generation });
    return hookLog(log, () => this.hookOwner);
  }

  fetch(target: string | URL, init: SubrequestInit): Promise<Response> {
    return subrequest(this, target, init);
  }

  waitUntil(promise: Promise<unknown>): void {
    this.#work += 1;
    this.parts.waitUntil(
      promise
        .catch((error: unknown) => {
          this.parts.log.error(
            { id: this.id, ...this.parts.describeError(error) },
            "a promise given to ctx.waitUntil was rejected",
          );
        })
        .then(() => {
          this.#work -= 1;
          this.discardUnreadIfOver();
        }),
    );
  }

  addSubrequest(subrequest: Subrequest): void {
    (this.#subrequests ??= new Set()).add(subrequest);
  }

  removeSubrequest(subrequest: Subrequest): void {
    this.#subrequests?.delete(subrequest);
  }

  /**
   * A response of `ctx.fetch` that nobody reads would hold its connection for ever. Not at once: whoever has just got it
   * begins to read in a later microtask.
   */
  discardUnreadIfOver(): void {
    if (this.#subrequests === undefined || this.stage !== "over" || this.#work > 0) return;
    setImmediate(() => {
      if (this.#work > 0) return;
      for (const one of this.#subrequests ?? []) one.discardUnread();
    });
  }

  switchCompressionOff(): void {
    this.compressionOff = true;
  }

  get ipLists(): IpListPlan | undefined {
    return this.parts.ipLists;
  }

  get load(): Context["load"] {
    return this.parts.load;
  }

  get challenges(): ReadonlyMap<string, unknown> | undefined {
    return this.parts.challenge?.named;
  }

  get limits(): boolean {
    return this.parts.limits !== undefined;
  }

  limit(name: string, key: string | readonly string[] | undefined): LimitOutcome {
    return limitByHook(this, name, key);
  }

  earlyHints(links: readonly string[]): void {
    const fields: RawFields = [];
    for (const link of links) fields.push("Link", link);
    this.exchange.writeInformational(103, fields);
  }

  // ---- hook deadline: one for each flow, armed only while a hook's promise is pending ----

  armHookDeadline(): void {
    this.#hookDeadline ??= new Deadline(() => hookTimedOut(this));
    this.parts.wheel.arm(this.#hookDeadline, this.parts.hookTimeoutMs);
    this.#hookBegan = this.parts.clock.monotonic();
  }

  /** However the wait ends, its time was the hook's. */
  disarmHookDeadline(): void {
    if (this.#hookDeadline === undefined || this.#hookBegan === -1) return;
    this.parts.wheel.disarm(this.#hookDeadline);
    this.hookMs += this.parts.clock.monotonic() - this.#hookBegan;
    this.#hookBegan = -1;
  }

  /** Lets go of the upstream: nothing more of it arrives. Whoever reads its content learns why. */
  dropUpstream(reason: Error | undefined): void {
    const reader = this.cacheUse?.reader;
    // Before the head a hook may wait for it; after that nobody but who lets go here.
    if (reason === undefined || this.exchange.headSent) reader?.cancel();
    else reader?.fail(reason);
    if (this.cacheUse?.isFilling === true) {
      // Others read it too, and the store wants it: it goes on without this client.
      this.call = undefined;
      return;
    }
    const call = this.call;
    this.call = undefined;
    this.direct = false;
    const content = this.upstreamContent;
    this.upstreamContent = undefined;
    call?.abort();
    if (reason !== undefined && content?.opened === true) content.fail(reason);
  }

  // ---- lease ----

  releaseLease(): void {
    if (!this.leased) return;
    this.leased = false;
    this.parts.lease.release();
  }

  // ---- ExchangeReceiver ----

  onDrain(): void {
    drained(this);
  }

  onClose(complete_: boolean): void {
    complete(this, complete_);
  }

  // ---- UpstreamReceiver ----

  onTarget(address: string, cookie?: string): void {
    this.target = address;
    this.attempts += 1;
    this.targetCookie = cookie;
  }

  onInformational(status: number, fields: RawFields): void {
    if (this.stage === "forward") receiveInformational(this, status, fields);
  }

  onHead(status: number, fields: RawFields): void {
    if (this.stage === "forward") receiveHead(this, status, fields);
  }

  onData(chunk: Uint8Array): void {
    receiveData(this, chunk);
  }

  onEnd(trailers: RawFields, whole = true): void {
    if (this.cacheUse !== undefined) this.cacheUse.whole = whole;
    receiveEnd(this, trailers);
  }

  onUpgrade(fields: RawFields, stream: Duplex): void {
    openTunnel(this, fields, stream);
  }

  onError(error: ProxyError): void {
    receiveError(this, error);
  }

  // ---- the ways from phase to phase: phases know the flow, only the flow knows the phases ----

  forward(choice: UpstreamChoice): void {
    const plan = this.routePlan?.cache;
    if (this.trace !== null) explainCache(this, choice);
    if (this.content !== undefined) takeContent(this, choice);
    else if (
      plan === undefined ||
      this.parts.cache === undefined ||
      this.upgrading ||
      this.trace !== null
    )
      forward(this, choice);
    else lookUp(this, this.parts.cache, plan, choice);
  }

  /** To the upstream, past the store. */
  dispatch(choice: UpstreamChoice): void {
    forward(this, choice);
  }

  /** A fetch on behalf of this one, over an exchange without a client. */
  branch(exchange: Exchange): Flow {
    const branch = new Flow(this.parts, exchange, this.registry);
    branch.#follow(this);
    this.registry.live.add(branch);
    this.parts.lease.acquire();
    this.parts.load.begin(branch.startedTick);
    return branch;
  }

  /** Another request's fetch that this one waited for is gone. */
  joinOrLead(choice: UpstreamChoice): void {
    joinOrLead(this, choice);
  }

  /** For `ctx.cache`; `undefined`: no route caches. */
  get cacheFacade(): RequestCacheView | undefined {
    const { cache } = this.parts;
    if (cache === undefined) return undefined;
    return (this.cacheView ??= new RequestCacheView(this, cache));
  }

  /** For `ctx.waf`; `undefined`: nothing is inspected anywhere. */
  get wafView(): RequestWafView | undefined {
    return this.parts.waf === undefined ? undefined : new RequestWafView(this);
  }

  /** Carries out a hook's decision that ends the request. */
  settle(decision: FinalDecision, owner: string): void {
    settleDecision(this, decision, owner);
  }

  /** Answers without an upstream. Takes `fields` over. */
  respond(
    status: number,
    fields: RawFields,
    content: ContentSource | Uint8Array | undefined,
    source: ProxyResponse["source"],
  ): void {
    respond(this, status, fields, content, source);
  }

  respondWeb(response: Response): void {
    respondWeb(this, response);
  }

  runUpstreamResponseHooks(): void {
    runUpstreamResponseHooks(this);
  }

  runResponseHooks(): void {
    runResponseHooks(this);
  }

  send(): void {
    send(this);
  }

  fail(error: ProxyError): void {
    fail(this, error);
  }

  /** Something of ours threw: never let it out, never leave the client waiting. */
  failInternal(error: unknown): void {
    // Functions of the config that steps call fail by a code of their own.
    fail(this, isProxyError(error) ? error : new ProxyError("PROXY_INTERNAL", { cause: error }));
  }
}

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({});
