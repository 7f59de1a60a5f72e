import type { Context } from "./context.ts";
import type { ErrorDecision, RequestDecision, ResponseDecision } from "./decisions.ts";
import type { ProxyRequest } from "./request.ts";
import type { ProxyResponse } from "./response.ts";
import type { MaybePromise } from "./units.ts";
import type { WafMatch } from "./waf-config.ts";

/** What `onError` sees of a failure. Private causes stay in the log. */
export interface ProxyErrorView {
  /** Stable code, for example `"PROXY_UPSTREAM_CONNECT"`. All codes: docs/errors.md. */
  readonly code: string;
  /** Status that the client gets unless the hook decides otherwise. */
  readonly status: number;
  /** Where it went wrong: at the client, at the upstream, in a hook, in the config, or in the proxy itself. */
  readonly source: "downstream" | "upstream" | "hook" | "config" | "internal";
  /** What happened, in one sentence for the log. It may name hooks and targets: do not send it to clients. */
  readonly message: string;
  /** True if the same request may safely be tried again. */
  readonly retryable: boolean;
}

/** One finished request, as the access log has it. Times are milliseconds. */
export interface AccessRecord {
  /** The request's id, as in `X-Request-ID`. */
  readonly id: string;
  /** Number of the config generation that served it. */
  readonly generation: number;
  /** The client's address, trusted proxies taken into account. */
  readonly client: string;
  /** Method as the client sent it. */
  readonly method: string;
  /** By the connection, or by a trusted proxy's word. */
  readonly scheme: "http" | "https";
  /** Host that the client asked for, with its port if it named one. */
  readonly host: string;
  /** Path and query with secrets redacted. */
  readonly path: string;
  /** `"HTTP/1.1"`, `"HTTP/2"`. */
  readonly protocol: string;
  /** Name of the route that matched, if any. */
  readonly route: string | undefined;
  /** Name of the upstream that was chosen, if any. */
  readonly upstream: string | undefined;
  /** Address of the target that answered, if any. */
  readonly target: string | undefined;
  /** Attempts that got as far as a target: 1 unless one was made again, 0 if no upstream was asked. */
  readonly attempts: number;
  /** Status sent, or 499 if the client went away before a head was sent, or 0 if the connection was dropped by decision. */
  readonly status: number;
  /** `"complete"`, `"aborted"` (the client went away), `"cut"` (the response broke off after its head) or `"dropped"`. */
  readonly outcome: "complete" | "aborted" | "cut" | "dropped";
  /** Code of the error, if one was answered or cut the message. */
  readonly error: string | undefined;
  /** Reason given with a block decision. */
  readonly reason: string | undefined;
  /** Bytes of the request's content that were read. */
  readonly requestBytes: number;
  /** Bytes of the response's content that were sent; of a tunnel, those towards the client. */
  readonly responseBytes: number;
  /** Sum of the points in `ctx.score`. */
  readonly score: number;
  /** Rules that added to it, the first 16: `"list:bad"`, `"limit:perIp"`, those that hooks name. `undefined`: none. */
  readonly scoredBy: readonly string[] | undefined;
  /** What the WAF found, at most 16. `undefined` where it found nothing. */
  readonly waf: readonly WafMatch[] | undefined;
  /** What the cache made of it: `hit`, `miss`, … as in `ctx.cache.status`. `undefined` where the route has no cache. */
  readonly cache: string | undefined;
  /** Why the response was not stored, in a word: `private`, `set-cookie`, … as `Cache-Status` says it. Absent where it was, or was not fetched. */
  readonly notStored?: string | undefined;
  /** Milliseconds, with fractions. */
  readonly times: {
    /** From the request's head to the last byte handed to the socket. */
    readonly total: number;
    /** Spent in request hooks. */
    readonly hooks: number;
    /** From dispatch to the upstream's response head. */
    readonly upstream: number;
  };
  /** As sent; the log escapes control bytes. */
  readonly userAgent: string | undefined;
  /** As sent, secrets in its query redacted. */
  readonly referer: string | undefined;
}

/**
 * The phases that user code can join. All are optional. A hook that throws or exceeds its time limit
 * (`timeouts.hook`, default 30 s) fails that request only: 500 or 504, with the hook's name in the log.
 */
export interface Hooks<U extends string = string> {
  /**
   * Declares that response hooks here edit content (`response.transform`, `setBody`): Range is then withheld from
   * upstreams, so that an edit always sees the whole. Default false: a 206 passes untransformed with a warning.
   */
  transforms?: boolean;
  /** After the built-in gates, before anything is sent to an upstream. May answer, refuse, choose the upstream or change the request. */
  onRequest?(
    request: ProxyRequest,
    ctx: Context<U>,
  ): MaybePromise<RequestDecision | Response | void>;
  /** When an upstream's response head is there, before the cache stores it. Changes here are shared by all clients of a stored response. */
  onUpstreamResponse?(response: ProxyResponse, ctx: Context<U>): MaybePromise<void>;
  /** Before any response is sent: upstream's, cached, your own, errors too. Per client. */
  onResponse?(
    response: ProxyResponse,
    ctx: Context<U>,
  ): MaybePromise<ResponseDecision | Response | void>;
  /** After `onRequest`, for requests that ask for an upgrade the config allows. */
  onUpgrade?(
    request: ProxyRequest,
    ctx: Context<U>,
  ): MaybePromise<RequestDecision | Response | void>;
  /** When the request failed. The decision, if any, replaces the error answer. */
  onError?(error: ProxyErrorView, ctx: Context<U>): MaybePromise<ErrorDecision | Response | void>;
  /** Exactly once for every request, when everything is over. Must not return a promise: use `ctx.waitUntil`. */
  onComplete?(record: AccessRecord, ctx: Context<U>): void;
}
