import type { CacheView } from "./cache-config.ts";
import type { ResponseCompression } from "./compression-config.ts";
import type {
  BlockDecision,
  ChallengeDecision,
  DropDecision,
  ForwardDecision,
  ForwardOptions,
  RespondDecision,
} from "./decisions.ts";
import type { BodyInput, HeadersInput } from "./headers.ts";
import type { IpListView } from "./ip-list-config.ts";
import type { LoadView } from "./load.ts";
import type { LimitOutcome } from "./rate-limit-config.ts";
import type { RequestView } from "./request.ts";
import type { WafView } from "./waf-config.ts";

/** A client's certificate, verified against the authorities of the listener or host. */
export interface ClientCertificate {
  /** One `NAME=value` a line, as node writes it: `"O=Acme\nCN=ada"`. */
  readonly subject: string;
  /** Who signed it, in the form of `subject`. */
  readonly issuer: string;
  /** SHA-256 in hexadecimal, with colons. */
  readonly fingerprint256: string;
  /** Hexadecimal. */
  readonly serialNumber: string;
  /** ISO 8601. */
  readonly validTo: string;
  /** As node writes it: `"DNS:a.test, email:a@a.test"`. */
  readonly subjectAltName?: string;
}

/** Who is on the other end: after trusted proxies have been taken into account, the same value for every part. */
export interface ClientInfo {
  /** IPv4 dotted, or IPv6 in its canonical form (RFC 5952); IPv4-mapped addresses as IPv4; no zone. */
  readonly address: string;
  /** Port of the client's connection, or 0 if the address came from a trusted proxy that named none. */
  readonly port: number;
  /**
   * Address of the peer of the TCP connection: the client itself or the last proxy before us. On a listener with
   * `proxyProtocol` it is the peer that the connection's header names.
   */
  readonly peerAddress: string;
  /** TLS server name, if the connection is TLS and the client sent one. */
  readonly servername?: string;
  /**
   * The certificate that the client showed, if `tls.clientCertificates` asks for one and it was verified. A proxy in
   * front of us is a client: then it is the proxy's.
   */
  readonly certificate?: ClientCertificate;
  /** Protocol of the connection: `"HTTP/1.1"`, `"HTTP/2"`. */
  readonly protocol: string;
}

/** Structured logger: an optional object of fields first, then the message. Lines carry the request's id and the hook's name. */
export interface HookLog {
  /** Shown at `log.level: "debug"` only. */
  debug(fields: object, message?: string): void;
  debug(message: string): void;
  /** Shown by default. */
  info(fields: object, message?: string): void;
  info(message: string): void;
  /** For what works but should be looked at. */
  warn(fields: object, message?: string): void;
  warn(message: string): void;
  /** For what failed. Logging never fails a request. */
  error(fields: object, message?: string): void;
  error(message: string): void;
}

/** One reason why a request looks suspicious. */
export interface ScoreEntry {
  /** May be negative: it then speaks for the request. */
  readonly points: number;
  /** One sentence for the log. */
  readonly reason: string;
  /** Id of the rule that matched, if one did. */
  readonly rule?: string;
}

/** Suspicion collected by limits, lists, the WAF and your hooks. */
export interface Score {
  /** Sum of all points. */
  readonly total: number;
  /** In the order in which they were added. */
  readonly entries: readonly ScoreEntry[];
  /** Adds one entry. Points are kept for this request only; the access log shows their sum. */
  add(points: number, reason: string, rule?: string): void;
}

/** Per-request values of your own. Plugins add their keys by declaration merging. */
export interface RequestState {
  /** Names are shared by all hooks: prefix yours. */
  [key: string]: unknown;
}

/** Options of {@link Context.fetch}. */
export interface SubrequestInit {
  /** Default `"GET"`. */
  method?: string;
  /** Default: none of the request that is being served; nothing of it is passed on by itself. */
  headers?: HeadersInput;
  /** Default: none. */
  body?: BodyInput;
  /** Path and query when the first argument is an upstream's name. Default `"/"`. */
  path?: string;
  /** Ends the subrequest. The request's own `signal` ends it in any case. */
  signal?: AbortSignal;
}

/** How a target is doing at the moment. */
export interface TargetView {
  /** `http://10.0.0.1:9000`, `unix:/run/app.sock`. */
  readonly key: string;
  /**
   * `up`: takes requests. `down`: a health check says no. `ejected`: its answers were bad, it is left out for a while.
   * `open` and `half-open`: its circuit breaker.
   */
  readonly state: "up" | "down" | "ejected" | "open" | "half-open";
  /** It has left the upstream and ends what it has begun. */
  readonly draining: boolean;
  /** Connections. */
  readonly open: number;
  /** Connections that wait for a request. */
  readonly idle: number;
  /** Requests under way. */
  readonly active: number;
  /** As in the config. */
  readonly weight: number;
  /** As in the config. */
  readonly priority: number;
  /** Average time to a response head, milliseconds; 0 while unknown. */
  readonly latencyMs: number;
  /** The newest failure and its time, milliseconds since 1970; `undefined` while there was none. */
  readonly lastError: { readonly message: string; readonly at: number } | undefined;
}

/** How an upstream is doing at the moment: each reading looks anew. Of a split, its parts together. */
export interface UpstreamView {
  /** As in the config. */
  readonly name: string;
  /** Connections; for an app in this process, requests. */
  readonly open: number;
  /** Connections that wait for a request. */
  readonly idle: number;
  /** Requests under way. */
  readonly active: number;
  /** Requests that wait for a connection. */
  readonly queued: number;
  /** Empty for an app in this process. */
  readonly targets: readonly TargetView[];
}

/** One request's context: facts, decisions and capabilities. Lives as long as the request. */
export interface Context<U extends string = string> {
  /** The request's id, also sent as `X-Request-ID`. */
  readonly id: string;
  /** Who sent the request. */
  readonly client: ClientInfo;
  /** The request, in every phase: its method, path and fields also where a hook is given something else. */
  readonly request: RequestView;
  /** The matched route, or `undefined`. It does not change when a hook changes the request. */
  readonly route:
    | { readonly name: string; readonly params: Readonly<Record<string, string>> }
    | undefined;
  /** Name of the upstream chosen so far, or `undefined`. */
  readonly upstream: U | undefined;
  /** Values of your own, from the first hook to `onComplete`. */
  readonly state: RequestState;
  /** Suspicion so far. What follows from it is yours to decide. */
  readonly score: Score;
  /** Logger whose lines carry the request's id and the hook's name. */
  readonly log: HookLog;
  /** Fires when the client goes away, or when the running hook's time limit passes. */
  readonly signal: AbortSignal;
  /** Wall-clock time of the request's start, in milliseconds since 1970. */
  readonly now: number;
  /** Number of the config generation that serves this request. */
  readonly generation: number;

  /** Go to this upstream. Later hooks still run and may choose again. An unknown name is a compile error and, at run time, a 500. */
  forward(upstream: U, options?: ForwardOptions): ForwardDecision;
  /** Answer with this status. `RangeError` outside 200 to 599. */
  respond(status: number, body?: BodyInput, headers?: HeadersInput): RespondDecision;
  /** Answer with JSON. */
  json(value: unknown, status?: number, headers?: HeadersInput): RespondDecision;
  /**
   * Redirect. `location` is re-encoded, so it never breaks the head, and stays on this host unless it is an absolute
   * http(s) URL: `//evil.test` and `/\evil.test` become paths. Default status 302.
   */
  redirect(location: string, status?: 301 | 302 | 303 | 307 | 308): RespondDecision;
  /** Needs `challenge` in the config; throws where that is switched off. */
  challenge(policy?: string): ChallengeDecision;
  /** Refuse. `reason` is for the log. Default status 403. */
  block(reason: string, status?: number): BlockDecision;
  /** Close the connection without an answer. */
  drop(): DropDecision;

  /**
   * A subrequest through the shared upstream pools. `target` is an upstream's name (then `init.path` says where) or an
   * absolute http(s) URL. The response's content is decoded and its `Content-Encoding` removed, so it can be returned from a hook as it is.
   * One that nobody has begun to read when the request, and what it gave to `waitUntil`, is over is let go.
   */
  fetch(
    target: U | URL | `http://${string}` | `https://${string}`,
    init?: SubrequestInit,
  ): Promise<Response>;
  /** Keeps the work alive after the response; a rejection is logged. At shutdown it gets the drain's grace time. */
  waitUntil(promise: Promise<unknown>): void;
  /** Sends a 103 with these `Link` values (RFC 8297). Ignored for HTTP/1.0 clients and once the response head is out. */
  earlyHints(links: string | readonly string[]): void;

  /**
   * Counts this request by a rate limit of any scope, under the rule's key or the one that is given, and says what came
   * of it: nothing is refused by itself. Needs `rateLimits`. An unknown name is a 500.
   */
  limit(name: string, key?: string | readonly string[]): LimitOutcome;
  /** Whether the client is on this allowlist or blocklist. Needs one. An unknown name is a 500. */
  listed(list: string): boolean;
  /** A list of the config, to look at and to change at run time. Needs one. An unknown name is a 500. */
  list(name: string): IpListView;

  /** Live figures of the upstreams, by name: for decisions that depend on load and health. */
  readonly upstreams: Readonly<Record<U, UpstreamView>>;

  /** The cache's part in this request, and purges. Needs a route with `cache`; throws where there is none. */
  readonly cache: CacheView;
  /** How the content of this response is coded. */
  readonly compression: ResponseCompression;

  /** What the WAF found. Needs `waf`; throws where neither the config nor a route has it. */
  readonly waf: WafView;

  /** How busy this proxy is: for decisions that depend on load. */
  readonly load: LoadView;

  /** Names reserved for primitives that come with later parts: each throws "needs X, which is switched off". */
  readonly tls: never;
  readonly limits: never;
}
