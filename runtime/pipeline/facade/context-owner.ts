import type {
  CacheView,
  ClientInfo,
  Context,
  HookLog,
  LimitOutcome,
  RequestView,
  SubrequestInit,
  WafView,
} from "@gatewright/sdk";

import type { IpListPlan } from "../ip-lists.ts";

/** What a hook's context stands on. The flow implements it. */
export interface ContextOwner {
  readonly id: string;
  readonly client: ClientInfo;
  readonly request: RequestView;
  readonly route: Context["route"];
  /** The upstream chosen so far. */
  readonly upstreamName: string | undefined;
  /** Names that `forward` and `fetch` accept. */
  readonly upstreamNames: { has(name: string): boolean; keys(): IterableIterator<string> };
  readonly upstreamViews: Context["upstreams"];
  /** Wall clock at the request's start. */
  readonly startedAt: number;
  readonly generationNumber: number;
  /** Fires when the client goes away or the running hook's time is up. Made by the first access. */
  readonly signal: AbortSignal;
  /** A child logger with the request's id; called once for each request at most. Lines name the running hook. */
  createHookLog(): HookLog;
  /** `target` is a known upstream's name or an absolute http(s) URL: already checked. Content comes back decoded. */
  fetch(target: string | URL, init: SubrequestInit): Promise<Response>;
  waitUntil(promise: Promise<unknown>): void;
  /** The response's content goes out as it is. */
  switchCompressionOff(): void;
  /** Absent: no route caches. */
  readonly cacheFacade: CacheView | undefined;
  /** Absent: nothing is inspected. */
  readonly wafView: WafView | undefined;
  /** Absent: there are none. */
  readonly ipLists: IpListPlan | undefined;
  readonly load: Context["load"];
  /** Policies by name. Absent: nobody is challenged. */
  readonly challenges: ReadonlyMap<string, unknown> | undefined;
  /** There are rate limits. */
  readonly limits: boolean;
  limit(name: string, key: string | readonly string[] | undefined): LimitOutcome;
  /** `Link` values, already checked. */
  earlyHints(links: readonly string[]): void;
}
