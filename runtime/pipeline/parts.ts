import type { AccessRecord, Hooks } from "@gatewright/sdk";

import type { Clock, DeadlineWheel } from "../clock.ts";
import type { ForwardedWriter } from "../http/forwarded-fields.ts";
import type { RawFields } from "../http/raw-fields.ts";
import type { Log } from "../log.ts";
import type { ClientAddressResolver } from "../primitives/client-address.ts";
import type { Compression } from "../primitives/compress/compression.ts";
import type { ContentLimits } from "../primitives/content-buffer/guarded-content.ts";
import type {
  ContentStore,
  RequestBufferOptions,
} from "../primitives/content-buffer/request-buffer.ts";
import type { BalanceRequest } from "../upstream/balance/balancer.ts";
import type { AttemptPolicy } from "../upstream/retry/retry-policy.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { LoadMeter } from "../primitives/load-meter.ts";
import type { TrafficTally } from "../primitives/traffic-tally.ts";
import type { ChallengePlan, ChallengePolicy } from "./challenge-plan.ts";
import type { CacheParts, CachePlan } from "./cache/cache-parts.ts";
import type { IpListPlan } from "./ip-lists.ts";
import type { LimitPlan, LimitUse } from "./rate-limits.ts";
import type { SlowReaders } from "./slow-readers.ts";
import type { RouteTable } from "./routing/route-table.ts";
import type { RewriteRule } from "./routing/rewrite.ts";
import type { WafParts, WafPlan } from "./waf-plan.ts";

/**
 * Everything that one generation's request path runs on. `generation/provision.ts` makes it from options; nothing here
 * is an option any more.
 */
export interface PipelineParts {
  readonly generation: number;
  readonly routes: RouteTable<RoutePlan>;
  readonly upstreams: ReadonlyMap<string, UpstreamChoice>;
  /** Where requests go that neither a hook nor a route directs, if there is exactly one upstream. */
  readonly onlyUpstream: UpstreamChoice | undefined;
  /** For absolute URLs in `ctx.fetch` that belong to no configured upstream. */
  readonly originFor: (origin: URL) => Upstream;
  readonly hooks: HookChains;
  /** A response hook edits content: Range is withheld from upstreams, so that it never sees a part as the whole. */
  readonly withholdRange: boolean;
  readonly globalRules: DirectionRules;
  /** Absent: none. */
  readonly ipLists?: IpListPlan | undefined;
  /** Absent: none. */
  readonly limits?: LimitPlan | undefined;
  readonly clientAddress: ClientAddressResolver;
  /** Absent: nobody is challenged. */
  readonly challenge?: ChallengePlan | undefined;
  /** Absent: nothing is inspected. */
  readonly waf?: WafParts | undefined;
  /** Absent: no CA is answered. */
  readonly challengeAnswers?: ChallengeAnswers;
  /** Adds `Forwarded` and `X-Forwarded-*`, dropping those that no trusted proxy sent. */
  readonly forwarded: ForwardedWriter;
  /** Pseudonym for `Via`, or `undefined` if switched off. */
  readonly via: string | undefined;
  readonly trace: boolean;
  readonly encodedSlash: "refuse" | "keep";
  /** Protocols that may be upgraded where no route says otherwise, lower case. */
  readonly upgrades: ReadonlySet<string>;
  /** Where no route says otherwise. */
  readonly requestContent: RequestContentPlan;
  readonly contentStore: ContentStore;
  readonly responseContentMemory: number;
  /** Of all generations together. */
  readonly slowReaders: SlowReaders;
  /** Where no route says otherwise. Absent: off. */
  readonly compression?: Compression | undefined;
  /** Absent: no route caches. */
  readonly cache?: CacheParts | undefined;
  readonly hookTimeoutMs: number;
  readonly timeouts: {
    readonly connectMs: number;
    readonly responseHeadMs: number;
    /** Absent: a response may be silent for as long as it likes. */
    readonly idleMs?: number | undefined;
  };
  /** Of all generations together. */
  readonly load: LoadMeter;
  /** Of all generations together. Absent: nobody can ask for it. */
  readonly tally?: TrafficTally | undefined;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly log: Log;
  readonly accessLog: ((record: AccessRecord) => void) | undefined;
  /** Path and query without secrets, for logs. */
  readonly redactTarget: (target: string) => string;
  readonly redactUrl: (url: string) => string;
  /** A thrown value for the log: message, mapped stack, place. */
  readonly describeError: (error: unknown) => object;
  readonly lease: { acquire(): void; release(): void };
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

/** Pending http-01 challenges of ACME (RFC 8555 §8.3). */
export interface ChallengeAnswers {
  /** `undefined`: that path is none of ours. Costs next to nothing while none is pending. */
  answerFor(rawPath: string): string | undefined;
}

/** How requests' content is taken. */
export interface RequestContentPlan extends ContentLimits, RequestBufferOptions {
  /** All of it before an upstream's connection is taken. */
  readonly buffer: boolean;
}

export type FieldRule = (fields: RawFields) => void;

export interface DirectionRules {
  readonly request: FieldRule | undefined;
  readonly response: FieldRule | undefined;
}

/** One route, compiled. */
export interface RoutePlan {
  readonly index: number;
  readonly name: string;
  readonly action: RouteAction;
  readonly rewrite: RewriteRule | undefined;
  readonly rules: DirectionRules;
  /** `"preserve"`, `"target"`, a text, or `undefined` for the upstream's. */
  readonly host: string | undefined;
  readonly connectMs: number | undefined;
  readonly responseHeadMs: number | undefined;
  readonly idleMs?: number | undefined;
  /** By the upstream's name; one that is missing attempts once. Absent: as each upstream does. */
  readonly attempts?: ReadonlyMap<string, AttemptPolicy> | undefined;
  readonly upgrades: ReadonlySet<string>;
  /** False: `challenge.when` is not asked. Absent: as everywhere. */
  readonly challenge?: ChallengePolicy | false | undefined;
  /** Absent: that of all requests. `null`: nothing is inspected. */
  readonly waf?: WafPlan | null;
  /** Absent: that of all requests. */
  readonly requestContent?: RequestContentPlan;
  /** Absent: the upstream's. */
  readonly mirror?: MirrorPlan | undefined;
  /** Those that count its requests beside those for all. */
  readonly limits?: readonly LimitUse[];
  /** In place of those for all, where the route has a mode of its own. */
  readonly limitsForAll?: readonly LimitUse[];
  /** Absent: that of all requests. `null`: off. */
  readonly compression?: Compression | null;
  /** Absent: nothing is stored. */
  readonly cache?: CachePlan;
}

export type RouteAction =
  | { readonly kind: "upstream"; readonly upstream: string }
  | { readonly kind: "redirect"; readonly to: string; readonly status: number }
  | {
      readonly kind: "respond";
      readonly status: number;
      readonly fields: readonly string[];
      readonly body: Uint8Array;
    }
  | { readonly kind: "none" };

/** What a name of the config leads to. */
export type UpstreamChoice = UpstreamPlan | SplitPlan;

/** Several upstreams behind one name. */
export interface SplitPlan {
  readonly name: string;
  readonly plans: readonly UpstreamPlan[];
  choose(request: BalanceRequest): UpstreamPlan;
}

export interface MirrorPlan {
  readonly upstream: UpstreamPlan;
  /** Part of the requests, up to 1. */
  readonly share: number;
  readonly maxRequests: number;
  readonly timeoutMs: number;
  readonly state: { underWay: number };
}

export interface UpstreamPlan {
  readonly name: string;
  readonly upstream: Upstream;
  readonly host: string;
  /** How a target is chosen, in words. Absent: there is nothing to choose. */
  readonly balance?: string | undefined;
  readonly rules: DirectionRules;
  readonly connectMs: number | undefined;
  readonly responseHeadMs: number | undefined;
  readonly idleMs?: number | undefined;
  /** Absent: once, and straight to the upstream. */
  readonly attempts?: AttemptPolicy | undefined;
  /** Requests share its connections. */
  readonly http2?: boolean;
  /** Functions of the config look at the request when a target is chosen. */
  readonly showsRequest?: boolean;
  readonly mirror?: MirrorPlan | undefined;
}

/** A hook with the name that logs and errors call it by. */
export interface NamedHook<F> {
  /** `"config"` or the plugin's name. */
  readonly owner: string;
  readonly run: F;
}

type Hook<K extends keyof Hooks> = NonNullable<Hooks[K]>;

/** All hooks of a generation in running order: request hooks forwards, response hooks backwards. */
export interface HookChains {
  readonly request: readonly NamedHook<Hook<"onRequest">>[];
  readonly upgrade: readonly NamedHook<Hook<"onUpgrade">>[];
  readonly upstreamResponse: readonly NamedHook<Hook<"onUpstreamResponse">>[];
  readonly response: readonly NamedHook<Hook<"onResponse">>[];
  readonly error: readonly NamedHook<Hook<"onError">>[];
  readonly complete: readonly NamedHook<Hook<"onComplete">>[];
}
