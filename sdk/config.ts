// Over 400 lines: the whole configuration in one place, as users look it up; most lines are doc comments.
import type { BalanceConfig, MirrorConfig, PickTarget, SplitUpstream } from "./balance.ts";
import type { CacheConfig, RouteCacheConfig } from "./cache-config.ts";
import type { ChallengeConfig, ChallengePolicyConfig } from "./challenge-config.ts";
import type { CompressionConfig } from "./compression-config.ts";
import type { Context } from "./context.ts";
import type { HeadersInput } from "./headers.ts";
import type { BlocklistConfig, IpListConfig } from "./ip-list-config.ts";
import type { RateLimitConfig, RateLimitMode } from "./rate-limit-config.ts";
import type { BreakerConfig, HealthCheckConfig, OutlierConfig } from "./health.ts";
import type { Hooks } from "./hooks.ts";
import type { Plugin } from "./plugin.ts";
import type { ProxyRequest } from "./request.ts";
import type { HedgeConfig, RetryBudgetConfig, RetryConfig, RetryFunction } from "./retry.ts";
import type { Duration, MaybePromise, Size } from "./units.ts";
import type { WafConfig } from "./waf-config.ts";

/** One address to accept connections on. */
export interface ListenConfig {
  /** 0 picks a free port, which the `listening` line names. */
  port: number;
  /** Default `"127.0.0.1"`. Use `"0.0.0.0"` or `"::"` to be reachable from other machines. */
  host?: string;
  /**
   * Speak TLS here. `"dev"` makes certificates on the fly, signed by an authority of your own that your browser has to
   * trust once. Default: plain text.
   */
  tls?: "dev" | TlsConfig;
  /**
   * Answer every request with a redirect (308) to the same address under `https`. `true` names the port of the first
   * listener with `tls`; a number names that port, for when the outside sees another one. Default false.
   */
  redirectToHttps?: boolean | number;
  /**
   * Take the PROXY protocol, versions 1 and 2, from these addresses and CIDR ranges: those of your balancer. A
   * connection must then come from one of them and begin with a header, which says who the client is; every other one is
   * closed. Default: none.
   */
  proxyProtocol?: { from: readonly string[] };
  /**
   * Take HTTP/2 without TLS too, from clients that know beforehand (`curl --http2-prior-knowledge`, a load balancer, gRPC
   * in a private network). HTTP/1.1 stays. Default false. With `tls`, HTTP/2 is negotiated and needs no option.
   */
  h2c?: boolean;
}

/** A certificate and its private key. Both are PEM: the text itself, or the path of a file, which is then watched. */
export interface CertificateConfig {
  /** The certificate first, then the intermediate ones. Its host names are those of its subjectAltName. */
  cert: string;
  /** Its private key. Risk: who reads it can be the host; keep the file readable by the proxy alone. */
  key: string;
  /** Of an encrypted key. */
  passphrase?: string;
}

/**
 * A folder, which is watched: `NAME.pem` or `NAME.crt` with `NAME.key` (or `NAME-key.pem`) beside it, a `.pem` with
 * both in it, and folders below that hold `fullchain.pem` and `privkey.pem`.
 */
export interface CertificateFolder {
  /** Relative to the config file's folder. */
  folder: string;
  /** Of encrypted keys in it. */
  passphrase?: string;
}

/** Whom to believe when a client shows a certificate. */
export interface ClientCertificatesConfig {
  /** `"require"`: no connection without a valid one. `"request"`: hooks decide by `ctx.client.certificate`. */
  mode: "request" | "require";
  /** PEM of the authorities that issue them: text or path. The system's authorities are not asked. */
  ca: string | readonly string[];
}

/** What may differ between the hosts of one listener. */
export interface TlsHostConfig {
  /** Default: the listener's. */
  minVersion?: "TLSv1.2" | "TLSv1.3";
  /** `false`: ask for none here, although the listener does. */
  clientCertificates?: ClientCertificatesConfig | false;
}

/**
 * Certificates from a CA that speaks ACME (RFC 8555): ordered, stored in `dataDir`, renewed after two thirds of their
 * life. A CA that fails never takes the site down: certificates that are there stay in use.
 */
export interface AcmeConfig {
  /** You agree to the CA's terms of service. */
  agreeTos: true;
  /** Where the CA writes to if something is wrong. Default: none. */
  email?: string;
  /** Default: Let's Encrypt. For attempts use its staging directory: the real one locks out who fails too often. */
  directory?: string;
  /** PEM (text or path) of who signed the directory's own certificate, for a CA of your own. Default: the known ones. */
  directoryCa?: string;
  /** For CAs that want an account of theirs (external account binding, RFC 8555 §7.3.4). */
  externalAccount?: { kid: string; hmacKey: string };
  /**
   * How the CA may verify that a name is yours: `"http-01"` needs a plain-text listener that the outside reaches on port
   * 80, `"tls-alpn-01"` this one on port 443. After a failure the next one is tried. Default: `"http-01"` where there is
   * a plain-text listener, then `"tls-alpn-01"`.
   */
  challenges?: readonly ("http-01" | "tls-alpn-01")[];
  /** Each name has a certificate of its own; names in a list share one. No `*`: that needs DNS. */
  hosts?: readonly (string | readonly string[])[];
  /**
   * Asked for names that no certificate covers, before one is ordered, and before one is renewed; `name` is lower-case
   * ASCII. Only `true` allows it. Say yes to names that you know, such as those in your database: anybody can make up
   * others, and the CA counts. A refusal holds for a minute. Limits: 5 s for each call, 5,000 names.
   */
  onDemand?(name: string): MaybePromise<boolean>;
  /** Orders in any hour; more wait. On demand at most three quarters. Default 80. Let's Encrypt allows 300 in three. */
  ordersPerHour?: number;
}

/** TLS on a listener. At least one certificate, `acme` or `onServerName`. */
export interface TlsConfig {
  /**
   * Found by the name that the client asks for: exact first, then `*.` for one label. For one name there can be an
   * ECDSA and an RSA certificate. The first one is also the default.
   */
  certificates?: readonly (CertificateConfig | CertificateFolder)[];
  /**
   * Asked for names that no certificate covers; `name` is lower-case ASCII. What it returns is kept for an hour, a
   * refusal (`undefined`) for a minute. Limits: 5 s for each call, 1,000 names.
   */
  onServerName?(name: string): MaybePromise<CertificateConfig | undefined>;
  /** Certificates from a CA. With several, the first that has one for a name serves it. */
  acme?: AcmeConfig | readonly AcmeConfig[];
  /** For a name that nobody knows. Default `"default"`: the default certificate. `"refuse"`: the alert `unrecognized_name`. */
  unknownName?: "default" | "refuse";
  /** Default `"TLSv1.2"`. */
  minVersion?: "TLSv1.2" | "TLSv1.3";
  /** Default: none are asked for. */
  clientCertificates?: ClientCertificatesConfig;
  /** Rules for single hosts (`"a.test"`, `"*.a.test"`): each key replaces the listener's own. */
  hosts?: Readonly<Record<string, TlsHostConfig>>;
  /** From accept to the end of the handshake. Default `"10s"`. */
  handshakeTimeout?: Duration;
}

/** The admin listener: health, readiness, status, reload. */
export interface AdminConfig {
  /** Default 9901. */
  port?: number;
  /** Default `"127.0.0.1"`. Any address that is not loopback needs `token`. */
  host?: string;
  /** Bearer token. Required off loopback; at least 16 characters. */
  token?: string;
  /** Host names besides loopback ones that requests may name (against DNS rebinding). Default none. */
  hosts?: readonly string[];
}

/** Changes of header fields. `remove` runs first, then `set`, `append` and `default` (set only if absent). */
export interface FieldRules {
  /** Replaces the field, or adds it. */
  set?: Readonly<Record<string, string>>;
  /** Adds one more line of the field. */
  append?: Readonly<Record<string, string>>;
  /** Adds the field where it is absent. */
  default?: Readonly<Record<string, string>>;
  /** Names of fields to remove. */
  remove?: readonly string[];
}

/** Field rules in both directions. Global, upstream's and route's rules add up in this order. */
export interface HeaderRules {
  /** Towards the upstream. Default: none. */
  request?: FieldRules;
  /** Towards the client. Default: none. */
  response?: FieldRules;
}

/** Time limits towards an upstream. */
export interface UpstreamTimeouts {
  /** Until the TCP (and TLS) connection stands. Default `"10s"`. Error: `PROXY_UPSTREAM_CONNECT_TIMEOUT` (504). */
  connect?: Duration;
  /** From dispatch to the response head. Default `"5m"`, so that long polls live. Error: `PROXY_UPSTREAM_HEAD_TIMEOUT` (504). */
  responseHead?: Duration;
  /**
   * Longest silence within the response's content. Default `"5m"`. Not for `text/event-stream`, gRPC and upgrades, nor
   * while the client is slower than the upstream. Error: `PROXY_UPSTREAM_IDLE_TIMEOUT` (504; the message is cut).
   */
  idle?: Duration;
  /**
   * For all attempts and the whole response, upgrades excepted. `false`: none, where an upstream or the top level has
   * one. Default: none. Error: `PROXY_UPSTREAM_TOTAL_TIMEOUT` (504; after the head the message is cut).
   */
  total?: Duration | false;
}

/** One address of an upstream. */
export interface TargetConfig {
  /** `http://` or `https://` origin (a path is refused), or a Unix domain socket: `unix:/run/app.sock`. */
  url: string;
  /** Share of the traffic relative to the others. Whole number of at least 1. Default 1. */
  weight?: number;
  /**
   * Targets with 0 are used first; those with 1 only while too few with 0 are healthy (`spillBelow` of the upstream), and
   * so on. Whole number up to 100. Default 0.
   */
  priority?: number;
  /** Most connections to this target, below the upstream's own `maxConnections`. Default: no cap of its own. */
  maxConnections?: number;
}

/** Where the targets of an upstream are found, when their list itself changes. */
export interface ResolveConfig {
  /**
   * `"lookup"`: every address that the system knows for a name is a target of its own. `"dns"`: the same by A and AAAA
   * records, for as long as they hold (1 s to 1 h). `"srv"`: the names are those of SRV records, which say where and with
   * which weight and priority. A function returns the list itself.
   */
  by: "lookup" | "dns" | "srv" | (() => MaybePromise<readonly (string | TargetConfig)[]>);
  /** Of `"dns"` and `"srv"`: name servers, `"192.0.2.53"` or `"192.0.2.53:5353"`. Default: the system's. */
  servers?: readonly string[];
  /** Longest time until the next look. Default `"30s"`. */
  interval?: Duration;
}

/** TLS towards the targets of an upstream. Everything is PEM: the text itself, or the path of a file. */
export interface UpstreamTlsConfig {
  /** Authorities to trust instead of the system's. */
  ca?: string | readonly string[];
  /** The name to ask for and to find in the certificate. Default: the target's host. */
  serverName?: string;
  /** A certificate of our own, for targets that ask who we are. Needs `key`. */
  cert?: string;
  /** Private key of `cert`. */
  key?: string;
  /** Of an encrypted key. */
  passphrase?: string;
  /** Default true. With false anybody on the way can read and change everything. */
  verify?: boolean;
}

/** An upstream on the network. */
export interface NetworkUpstream<U extends string = string> {
  /** At least one. */
  targets: readonly (string | TargetConfig)[];
  /** How a target is chosen. Default `"round-robin"`: in turn, by weight. */
  balance?: BalanceConfig;
  /**
   * Chooses a target in code: one of `targets`, or nothing, and then `balance` chooses. Runs for each request and must
   * answer at once (no promise). If it throws, `balance` chooses and the log says so, once a minute.
   */
  pick?(
    targets: readonly PickTarget[],
    request: ProxyRequest,
    ctx: Context,
  ): PickTarget | undefined;
  /**
   * How the list of targets is kept up to date. Default: it is as written, and a name is one target, looked up again every
   * 30 s and when a connection fails. `"lookup"`, `"dns"` and `"srv"` make every address a target; a function returns the
   * list itself (`targets` is then what is used before its first answer, and may be empty). While there is no answer,
   * the last good one stays. At most 1,000 targets.
   */
  resolve?: ResolveConfig["by"] | ResolveConfig;
  /** TLS towards `https://` targets. Default: verified against the system's authorities. */
  tls?: UpstreamTlsConfig;
  /**
   * Below this share of healthy targets all are used, healthy or not: a check that fails nearly everywhere is more likely
   * wrong than right. Default 0: only when none is healthy.
   */
  panicThreshold?: number;
  /**
   * When a request is sent again. Default: only where no connection could be made, or a kept one turned out to be closed.
   * A function is `{ when }`; `budget` bounds how much of the traffic that may be.
   */
  retry?: (RetryConfig & { budget?: RetryBudgetConfig }) | RetryFunction | false;
  /** A second attempt beside a slow one. Default: none. */
  hedge?: HedgeConfig | false;
  /** Below this share of healthy targets in one `priority`, those of the next one are used too. Default 0.7. */
  spillBelow?: number;
  /** Send copies of requests to another upstream, whose answers are ignored. Default: none. */
  mirror?: MirrorConfig<U>;
  /**
   * How targets are checked. Default `{ type: "tcp" }`: a connect every 10 s while connections to the target lie idle.
   * False: not at all.
   */
  healthCheck?: HealthCheckConfig | false;
  /**
   * Leaves out targets whose answers to requests are bad. Default: after 5 errors in a row, at most half of the targets;
   * with `breaker`, false.
   */
  outliers?: OutlierConfig | false;
  /** A circuit breaker for each target. Default false. Error, with none left: `PROXY_UPSTREAM_UNAVAILABLE` (503). */
  breaker?: BreakerConfig | false;
  /**
   * How long a target's share of the requests grows after it has come back or joined others, from a tenth to all of it.
   * Default: it has its whole share at once.
   */
  slowStart?: Duration;
  /** Most connections over all targets, old and new generation together. Default 100. */
  maxConnections?: number;
  /** Requests that wait for a connection; beyond that 503. Default 1000. */
  maxQueue?: number;
  /** Longest wait for a connection. Default `"30s"`. Error: `PROXY_UPSTREAM_QUEUE_TIMEOUT` (503). */
  queueTimeout?: Duration;
  /** How long an unused connection is kept. Default `"60s"`. */
  idleTimeout?: Duration;
  /** A connection that is older takes no more requests, so that all of them are made anew in time. Default: no limit. */
  maxConnectionAge?: Duration;
  /** Requests that a connection serves in its life. Default: no limit. */
  maxRequestsPerConnection?: number;
  /**
   * Speak HTTP/2 to the targets: negotiated by ALPN where they are `https://`, with prior knowledge where they are
   * `http://`. gRPC needs it. A target that does not speak it is an error, not a reason to go back to HTTP/1.1.
   * Default false.
   */
  http2?: boolean;
  /** With `http2`: most requests at once on one connection; the target may allow fewer. Default 100. */
  maxStreams?: number;
  /**
   * Begin each connection with a PROXY header of this version, which tells the targets who the client is. Connections
   * are then not shared between clients. Default: none.
   */
  proxyProtocol?: "v1" | "v2";
  /** The Host that the upstream sees. Default `"preserve"`: the client's. */
  host?: "preserve" | "target" | (string & {});
  /** Field rules for requests to it and responses from it. Default: none. */
  headers?: HeaderRules;
  /** Default: the config's `timeouts`. */
  timeouts?: UpstreamTimeouts;
}

/** What a `{ fetch }` upstream gets as its third argument, as in Workers. */
export interface FetchExecutionContext {
  /** Keeps the work alive after the response, as `ctx.waitUntil` does in hooks. */
  waitUntil(promise: Promise<unknown>): void;
  /** There for code written for Workers; does nothing here: what throws is answered with an error. */
  passThroughOnException(): void;
}

/** An upstream in this process: a Hono app, a Workers-style `export default { fetch }`, or any function of that shape. */
export interface FetchUpstream {
  /**
   * Answers a request. What it throws is answered with 502. `env` is an empty object, one for each app and generation:
   * wrap the app to bind something to it. `ctx` is a {@link FetchExecutionContext}.
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- frameworks type env and context in ways of their own
  fetch(request: Request, env?: any, ctx?: any): MaybePromise<Response>;
  /** As of {@link NetworkUpstream.host}; read only where the app is a plain object. */
  host?: "preserve" | "target" | (string & {});
  /** As of {@link NetworkUpstream.headers}; read only where the app is a plain object. */
  headers?: HeaderRules;
  /** As of {@link NetworkUpstream.timeouts}; read only where the app is a plain object. */
  timeouts?: UpstreamTimeouts;
}

/** Where requests go: targets on the network, an app in this process, or a split over other upstreams. */
export type UpstreamConfig<U extends string = string> =
  | NetworkUpstream<U>
  | FetchUpstream
  | SplitUpstream<U>;

/** A text that must be equal, a pattern that must match, or `true` for "present". */
export type ValueMatch = string | RegExp | true;

/** When a route applies. All given conditions must hold; lists are alternatives. */
export interface RouteMatch {
  /** `"a.test"`, `"*.a.test"` (exactly one label more) or `"**.a.test"` (one or more). The port is ignored. */
  host?: string | readonly string[];
  /** `"/a"`, `"/users/:id"` (one segment) or `"/api/*"` (`/api` and everything below it). */
  path?: string | readonly string[];
  /** Compared exactly: methods are case-sensitive. `"GET"` takes HEAD too. */
  method?: string | readonly string[];
  /** By field name, in any case. Of several lines with one name, any may match. */
  headers?: Readonly<Record<string, ValueMatch>>;
  /** By parameter name. Of several with one name, any may match. */
  query?: Readonly<Record<string, ValueMatch>>;
  /** Any condition. Runs only when the others hold. A route with nothing but `when` is tried after all indexed routes. */
  when?: (request: ProxyRequest) => boolean;
}

/** A change of the path before forwarding. The query stays as sent. */
export interface Rewrite {
  /** Removed from the start of the path if it is there, on a segment boundary. */
  stripPrefix?: string;
  /** Put before the path, after `stripPrefix`. */
  addPrefix?: string;
  /** Replaces what the pattern matches, after the prefixes. */
  replace?: { pattern: RegExp; with: string };
}

/** One route. The first one in the list that matches is taken. */
export interface RouteConfig<U extends string = string> {
  /** Shown in logs, `explain` and `ctx.route`. Default: made from its position and match. */
  name?: string;
  /** Default: every request. */
  match?: RouteMatch;
  /** Name in `upstreams`. Default: the choice of `onRequest`, else the only upstream, else 404. */
  upstream?: U;
  /** Default: the path is forwarded as it came. */
  rewrite?: Rewrite;
  /** Answer with a redirect. `:name` and `*` of the path pattern can be used in it. Default status 308. */
  redirect?: string | { to: string; status?: 301 | 302 | 303 | 307 | 308 };
  /** Answer with this, without an upstream. Default status 200. */
  respond?: { status?: number; headers?: HeadersInput; body?: string };
  /** Field rules, after the global and the upstream's ones. Default: none. */
  headers?: HeaderRules;
  /** The Host that the upstream sees. Default: the upstream's `host`. */
  host?: "preserve" | "target" | (string & {});
  /** Over those of the upstream and the config, key by key. */
  timeouts?: UpstreamTimeouts;
  /** Each key replaces that of the top level. Default: the top level's. */
  requestContent?: RequestContentConfig;
  /**
   * Store responses and answer from the store (RFC 9111). `true`: as the top level's `cache` says; keys replace its keys.
   * Default false. Risk: answers that differ by more than URL and `Vary` need `key`.
   */
  cache?: boolean | RouteCacheConfig;
  /** Each key replaces that of the top level; `false`: none here. Default: the top level's. */
  compression?: CompressionConfig | false;
  /** Its keys replace the upstream's one by one; `false`: none here. Default: the upstream's. */
  retry?: RetryConfig | RetryFunction | false;
  /** Its keys replace the upstream's one by one; `false`: none here. Default: the upstream's. */
  hedge?: Partial<HedgeConfig> | false;
  /** Rate limits with the scope `"named"` that count this route's requests, beside those for all. Default: none. */
  rateLimits?: readonly string[];
  /** What limits may do to this route's requests, those for all too. Default: the top level's. */
  rateLimitMode?: RateLimitMode;
  /** Protocols that may be upgraded here. Default: the config's `upgrades`. */
  upgrades?: readonly string[];
  /** Its keys replace those of the top level one by one; `false`: `when` is not asked here. Default: the top level's. */
  challenge?: ChallengePolicyConfig | false;
  /** Its keys replace those of the top level one by one; `false`: nothing is inspected here. Default: the top level's. */
  waf?: WafConfig | false;
  /** Send copies of this route's requests to another upstream, whose answers are ignored. Default: the upstream's `mirror`. */
  mirror?: MirrorConfig<U>;
}

/** Bounds of what one client may send. Every one is on by default. */
export interface LimitsConfig {
  /** Request line and fields together. Default `"16kb"`. Answer 431. */
  head?: Size;
  /** Request-target. Default `"8kb"`. Answer 414. */
  target?: Size;
  /** From the first byte of a request (or from accept) to the end of its head. Default `"10s"`. Answer 408. */
  headTime?: Duration;
  /** Longest pause within request content. Default `"60s"`. Answer 408 and close. There is no limit on the total time. */
  contentIdle?: Duration;
  /**
   * How long a client may take nothing at all of what waits for it: a response, events, a tunnel's bytes. Then its
   * connection is cut, over HTTP/2 its stream. A paused video is such a client. Default `"60s"`.
   */
  sendIdle?: Duration;
  /**
   * Bytes a second that a client must take of a response, if others wait for the upstream's connection or for the memory
   * that it holds. Who takes less for two seconds is cut then, those that wait longest first; while nobody waits, nobody
   * is. Default 1000; 0: never. _Risk_ of a high one: honest clients on slow lines are cut when you are busy.
   */
  sendRate?: Size;
  /** How long a client's connection may be unused. Default `"60s"`. */
  keepAlive?: Duration;
  /** Open connections for each listener; more are closed at accept. Default 10000. */
  connections?: number;
  /**
   * Open connections of one client address at each listener, IPv6 by its /64; more are closed at accept. Trusted proxies
   * are exempt. Default: any number. _Risk_ of a low one: many honest clients share an address (NAT).
   */
  connectionsPerAddress?: number;
  /** Requests of one connection that may wait behind the running one; beyond that it is closed. Default 16. */
  pipelined?: number;
  /** What holds for HTTP/2 only. Its connections also have `head`, `target`, `contentIdle`, `sendIdle`, `keepAlive` and `connections`. */
  http2?: Http2LimitsConfig;
}

/** Bounds of one HTTP/2 connection. What goes beyond costs the client its connection, and no one else theirs. */
export interface Http2LimitsConfig {
  /** Requests under way at the same time. Clients are told of it. Default 250. */
  concurrentStreams?: number;
  /**
   * Requests that a client may cancel at once. A fifth of that is allowed again every second, so that pages which cancel
   * hundreds live and a client that only cancels does not. Default 1000.
   */
  resets?: number;
  /** PING and SETTINGS frames at once. A fifth of that is allowed again every second. Default 500. */
  controlFrames?: number;
}

/** How the content of requests is taken. A route's keys replace the global ones one by one. */
export interface RequestContentConfig {
  /**
   * Take all of the content before an upstream's connection is taken. Default true. `false` streams it, with back
   * pressure. _Risk_: a slow client then holds a connection to the upstream, and what has begun cannot be sent again to
   * another target. gRPC (`content-type: application/grpc*`) and upgrades are always streamed.
   */
  buffer?: boolean;
  /**
   * What of it is held in memory; the rest goes to a file in `dataDir`. Also the most that a hook may read (413 beyond
   * that). Default `"1mb"`. _Risk_: so much memory for each such request, within `budget`.
   */
  memory?: Size;
  /** Most content that is taken at all, streamed or not. Default `"100mb"`. Error: `PROXY_CONTENT_TOO_LARGE` (413). */
  max?: Size;
  /**
   * Bytes a second that a client must manage, on average over up to a minute. Default 500; 0 asks for none. Time in
   * which the proxy or the upstream takes nothing does not count. Not for gRPC to upstreams with `http2`. Error:
   * `PROXY_REQUEST_CONTENT_TIMEOUT` (408). _Risk_ of 0: a byte within each `limits.contentIdle` keeps a request alive.
   */
  minRate?: Size;
  /** How long a content may take before `minRate` is asked for. Default `"10s"`. */
  minRateAfter?: Duration;
}

/** How contents of responses are held. */
export interface ResponseContentConfig {
  /** Most that a hook may read of a response's content. Default `"1mb"`. */
  memory?: Size;
  /**
   * How much of a response may wait for its client, so that its upstream's connection is free for others before a slow
   * client has read it all. Of a response that is edited or compressed it is half of that. What the client takes is never
   * held back. Default `"1mb"`. _Risk_: so much memory for each slow client, within `budget`.
   */
  ahead?: Size;
  /** What all responses of a process may have waiting. When it is full, upstreams wait for their clients. Default `"256mb"`. */
  budget?: Size;
  /**
   * The part of `budget` that the responses of one client address may have waiting (IPv6: of one /64), above 0 to 1, so
   * that no single client takes all of it. Beyond it, upstreams wait for that client only. Default 0.25. _Risk_: behind a
   * balancer that is not in `trustedProxies` all clients are one.
   */
  clientShare?: number;
}

/** What the contents of all requests of a process may take together. */
export interface ContentBudgetConfig {
  /** When it is full, contents go to the disk early; what hooks read is refused with `PROXY_CONTENT_MEMORY` (503). Default `"256mb"`. */
  memory?: Size;
  /** Spill files. Error: `PROXY_CONTENT_STORAGE` (507). Default `"4gb"`. */
  disk?: Size;
  /**
   * The part of each that the contents of one client address may have (IPv6: of one /64), above 0 to 1, so that no single
   * client takes all of it. A content that is its client's only one may have more. Default 0.25. _Risk_: behind a balancer
   * that is not in `trustedProxies` all clients are one.
   */
  clientShare?: number;
}

/** Time limits, each with its error. A duration is a number of milliseconds or a text like `"10s"`. */
export interface TimeoutsConfig extends UpstreamTimeouts {
  /** For each hook and each awaited step of a transform. Default `"30s"`. Error: `PROXY_HOOK_TIMEOUT` (504). */
  hook?: Duration;
}

/** Log lines go to standard output, one JSON object a line unless it is a terminal. */
export interface LogConfig {
  /** Default `"info"`. */
  level?: "debug" | "info" | "warn" | "error" | "silent";
  /** One line a request. Default true. */
  access?: boolean;
  /** `"json"`, `"pretty"` or `"auto"` (pretty in a terminal). Default `"auto"`. */
  format?: "json" | "pretty" | "auto";
  /** More names of header fields and query parameters whose values are never logged. */
  redact?: readonly string[];
}

/** The whole configuration. Every key is optional; at least one upstream, route or hook must be able to answer. */
export interface GatewrightConfig<U extends string = string> extends Hooks<NoInfer<U>> {
  /** Default `{ port: 8080, host: "127.0.0.1" }`. */
  listen?: ListenConfig | readonly ListenConfig[];
  /** Default: none in `start`; 127.0.0.1:9901 or the next free port in `dev`. */
  admin?: AdminConfig | false;
  /**
   * Proxies in front of us whose `Forwarded` / `X-Forwarded-*` we believe: addresses or CIDR ranges (walked from the
   * right to the first address that is not one of them), or the number of hops. Default: none, so such fields from
   * clients are replaced.
   */
  trustedProxies?: readonly string[] | number;
  /** Where requests can go, by name. Default: none. */
  upstreams?: Record<U, UpstreamConfig<NoInfer<U>>>;
  /** Tried in order; the first that matches is taken. Default: none, so hooks choose, or the only upstream is taken. */
  routes?: readonly RouteConfig<NoInfer<U>>[];
  /** How the content of requests is taken. */
  requestContent?: RequestContentConfig & { budget?: ContentBudgetConfig };
  /** How contents of responses are held for hooks that read them. */
  responseContent?: ResponseContentConfig;
  /** The store of cached responses, and what holds for routes that cache. It stores nothing by itself: routes ask with `cache`. */
  cache?: CacheConfig;
  /** How contents of responses are compressed; `false`: not at all. On by default. */
  compression?: CompressionConfig | false;
  /** Suspicious clients solve something before they go on. Default: nobody is challenged. */
  challenge?: ChallengeConfig;
  /** Inspects requests for attacks and refuses them. `{}`: block, paranoia 1, threshold 5. Default: nothing is inspected. */
  waf?: WafConfig;
  /** Clients that no blocklist stops. Default: none. */
  allowlists?: Readonly<Record<string, IpListConfig>>;
  /** Clients that are refused. Allowlists win. Default: none. */
  blocklists?: Readonly<Record<string, BlocklistConfig>>;
  /** Rules that limit how much clients may ask for; `true`: 100 requests in 10 s by address and User-Agent, 1000 by address. Default: none. */
  rateLimits?: true | Readonly<Record<string, RateLimitConfig>>;
  /** What all of them may do; each rule's own `mode` may be milder. Default `"block"`. */
  rateLimitMode?: RateLimitMode;
  /** Field rules for everything that passes. Default: none. */
  headers?: HeaderRules;
  /** Bounds of what one client may send. All on by default. */
  limits?: LimitsConfig;
  /** Time limits. All on by default. */
  timeouts?: TimeoutsConfig;
  /** Protocols that may be upgraded. Default `["websocket"]`. */
  upgrades?: readonly string[];
  /** How ambiguous paths are treated beyond what is always refused. */
  paths?: {
    /**
     * `%2F` and `%5C` in a path: some servers take them for separators, some do not, so a rule for `/admin/*` may or may
     * not be meant by `/admin%2Fx`. Default `"refuse"`: 400. `"keep"` matches them as part of their segment and forwards
     * them untouched, which APIs with encoded names (npm's `@scope%2fname`, GitLab) need: then make sure that the
     * upstream does not decode them before it routes.
     */
    encodedSlash?: "refuse" | "keep";
  };
  /** Answer TRACE by forwarding it instead of 405. Default false: it can show fields that we added. */
  trace?: boolean;
  /** Fields added towards upstreams. Default all true. */
  forwarded?: {
    /** `Forwarded` (RFC 7239). */
    forwarded?: boolean;
    /** `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`. */
    xForwarded?: boolean;
    /** `Via` (RFC 9110 §7.6.3), with loop detection. The pseudonym is generated unless given. */
    via?: boolean | string;
  };
  /** What is logged, and how. */
  log?: LogConfig;
  /** Run in this order, around the config's own hooks by their `order`. Falsy entries are skipped, lists are flattened. Default: none. */
  plugins?: readonly (Plugin | false | null | undefined | readonly Plugin[])[];
  /** Folder for state. Default `".gatewright"` beside the config file. */
  dataDir?: string;
  /** How long a replaced generation may wait for its requests before its disposers run. Default `"30s"`. */
  retireAfter?: Duration;
  /** Cut streams and tunnels of replaced generations after this time. Default: never. */
  closeStreamsAfter?: Duration;
  /** How long shutdown waits for requests in flight. Default `"30s"`. */
  drainTimeout?: Duration;
}

/** What a config function gets. */
export interface ConfigEnv {
  /** Which command reads the config. */
  readonly command: "dev" | "start" | "check" | "explain";
  /** Environment variables, as `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of the config file. */
  readonly dir: string;
}

/** What `defineConfig` accepts and a config file exports: the object, a promise of it, or a function (async too) that makes it. */
export type ConfigInput<U extends string = string> =
  | GatewrightConfig<U>
  | Promise<GatewrightConfig<U>>
  | ((env: ConfigEnv) => MaybePromise<GatewrightConfig<U>>);

/**
 * Types a config and returns it unchanged. The names in `upstreams` type every place that takes one:
 * `ctx.forward("apii")` does not compile.
 *
 * In a function with a parameter, TypeScript reads the hooks before it knows the names, and any text passes as one.
 * Wrap the object itself, then they are checked there too: `defineConfig((env) => defineConfig({ … }))`.
 *
 * @example
 * ```ts
 * export default defineConfig({
 *   upstreams: { api: { targets: ["http://127.0.0.1:9000"] } },
 *   routes: [{ match: { path: "/api/*" }, upstream: "api" }],
 * });
 * ```
 */
export function defineConfig<const U extends string = string>(
  config: (env: ConfigEnv) => MaybePromise<GatewrightConfig<U>>,
): (env: ConfigEnv) => MaybePromise<GatewrightConfig<U>>;
export function defineConfig<const U extends string = string>(
  config: Promise<GatewrightConfig<U>>,
): Promise<GatewrightConfig<U>>;
// The object comes last because TypeScript explains a mistake by the last overload.
export function defineConfig<const U extends string = never>(
  config: GatewrightConfig<U>,
): GatewrightConfig<U>;
export function defineConfig(config: unknown): unknown {
  return config;
}
