import type { CacheView, PurgeSelection } from "../cache-config.ts";
import type {
  ClientInfo,
  Context,
  RequestState,
  SubrequestInit,
  UpstreamView,
} from "../context.ts";
import type { LoadView } from "../load.ts";
import type { LimitOutcome } from "../rate-limit-config.ts";
import type { RequestView } from "../request.ts";
import type { Duration, MaybePromise } from "../units.ts";
import type { WafMatch, WafView } from "../waf-config.ts";
import type { LoggedLine } from "./log.ts";

/** What becomes of a request that `ctx.limit` counts: allowed so many times, always the same, or as a function says. */
export type LimitStub =
  | number
  | LimitOutcome
  | ((key: string | readonly string[] | undefined) => LimitOutcome);

/** Answers `ctx.fetch`. */
export type FetchStub = (target: string, init: SubrequestInit) => MaybePromise<Response>;

/** What {@link makeContext} takes. What is absent is switched off, and asking for it throws as it does in the proxy. */
export interface ContextOptions {
  /** Default `"test"`. */
  readonly id?: string;
  /** Default: 127.0.0.1, port 50000, HTTP/1.1. */
  readonly client?: Partial<ClientInfo>;
  /** As from {@link makeRequest}, which also takes a path or URL. Default `"/"`. */
  readonly request?: RequestView | string;
  /** Name, or name and parameters. Default: no route has matched. */
  readonly route?: string | Context["route"];
  /** Chosen so far. Default: none. */
  readonly upstream?: string;
  /** Names of the config, or figures by name. Default: any name passes. */
  readonly upstreams?: readonly string[] | Readonly<Record<string, Partial<UpstreamView>>>;
  /** What earlier hooks have left. */
  readonly state?: RequestState;
  /** Points that were given before. */
  readonly score?: number;
  /** Default: the present. */
  readonly now?: number;
  /** Default 1. */
  readonly generation?: number;
  /** Default: one that never fires. */
  readonly signal?: AbortSignal;
  /** Default: `ctx.fetch` rejects. */
  readonly fetch?: FetchStub;
  /** By name. A number is how often the request is allowed. */
  readonly limits?: Readonly<Record<string, LimitStub>>;
  /** Addresses by list. They are compared as texts; ranges are not taken apart. */
  readonly lists?: Readonly<Record<string, readonly string[]>>;
  /** True, or the names of the policies. */
  readonly challenge?: boolean | readonly string[];
  /** True, or the status. */
  readonly cache?: boolean | CacheView["status"];
  /** True, or what it has found. */
  readonly waf?:
    | boolean
    | { readonly mode?: WafView["mode"]; readonly matches?: readonly WafMatch[] };
  /** Figures; others are 0. */
  readonly load?: Partial<LoadView>;
}

/** What a hook has done with its context, beside what it returned. */
export interface ContextRecord {
  /** Lines of `ctx.log`. */
  readonly logs: readonly LoggedLine[];
  /** Calls of `ctx.fetch`. */
  readonly fetches: readonly { readonly target: string; readonly init: SubrequestInit }[];
  /** Calls of `ctx.limit`. */
  readonly limits: readonly {
    readonly name: string;
    readonly key: string | readonly string[] | undefined;
  }[];
  /** Values of `Link` in 103s. */
  readonly earlyHints: readonly string[];
  /** Promises given to `ctx.waitUntil`. */
  readonly waits: readonly Promise<unknown>[];
  /** What was changed in lists. */
  readonly listChanges: readonly {
    readonly list: string;
    readonly change: "add" | "remove";
    readonly range: string;
    readonly duration: Duration | undefined;
  }[];
  /** Calls of `ctx.cache`. */
  readonly cache: {
    readonly bypassed: boolean;
    readonly tags: readonly string[];
    readonly ttl: Duration | undefined;
    readonly purges: readonly PurgeSelection[];
  };
  /** `ctx.compression.off()` was called. */
  readonly compressionOff: boolean;
}

/** A context for one hook, and what the hook did with it. */
export interface TestContext extends Context {
  readonly seen: ContextRecord;
  /** Resolves when what was given to `waitUntil` is over; rejects where one of them does. */
  settled(): Promise<void>;
}
