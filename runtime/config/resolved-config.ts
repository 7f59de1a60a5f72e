// Over 400 lines: the resolved counterpart of the whole configuration, member by member.
import type {
  BalanceAlgorithm,
  CompressionEncoding,
  FetchUpstream,
  GatewrightConfig,
  HealthCheckFunction,
  Hooks,
  NetworkUpstream,
  AcmeConfig,
  Plugin,
  ProxyRequest,
  RateLimitMode,
  RetryFunction,
  TlsConfig,
} from "@gatewright/sdk";

import type { ResolvedCache, ResolvedStore } from "./normalize-cache.ts";
import type { ResolvedBlocklist, ResolvedIpList } from "./normalize-ip-lists.ts";
import type { ResolvedRateLimit } from "./normalize-rate-limits.ts";
import type { ResolvedWaf } from "./normalize-waf.ts";

import type { ResolvedChallenge, ResolvedChallengePolicy } from "./normalize-challenge.ts";

/**
 * The configuration as the engine uses it: every default filled in, durations in milliseconds, sizes in bytes, paths
 * absolute, frozen. Code past `config/` never reads what the user wrote.
 */
export interface ResolvedConfig {
  /** Absolute path of the config file and its folder. */
  readonly file: string;
  readonly dir: string;
  readonly listen: readonly ResolvedListen[];
  /** `onServerName` of each listener, in the order of `listen`. */
  readonly serverNameHooks: readonly (ServerNameFunction | undefined)[];
  /** `onDemand` of each listener's ACME entries. */
  readonly onDemandFunctions: readonly (readonly (OnDemandFunction | undefined)[])[];
  readonly admin: ResolvedAdmin | undefined;
  readonly trustedProxies: ResolvedTrust;
  readonly upstreams: ReadonlyMap<string, ResolvedUpstream>;
  readonly routes: readonly ResolvedRoute[];
  /** What applies to requests that match no route: the global rules. */
  readonly headers: ResolvedHeaderRules;
  readonly rateLimits: readonly ResolvedRateLimit[];
  readonly rateLimitMode: RateLimitMode;
  readonly challenge: ResolvedChallenge | undefined;
  readonly waf: ResolvedWaf | undefined;
  readonly allowlists: readonly ResolvedIpList[];
  readonly blocklists: readonly ResolvedBlocklist[];
  readonly requestContent: ResolvedRequestContent;
  readonly contentBudget: {
    readonly memoryBytes: number;
    readonly diskBytes: number;
    readonly clientShare: number;
  };
  readonly responseContentMemory: number;
  readonly slowReaders: {
    readonly aheadBytes: number;
    readonly budgetBytes: number;
    readonly clientBytes: number;
    readonly minRate: number;
  };
  readonly store: ResolvedStore;
  /** Absent: off. */
  readonly compression: ResolvedCompression | undefined;
  readonly hookTimeoutMs: number;
  readonly timeouts: ResolvedTimeouts;
  readonly upgrades: readonly string[];
  readonly trace: boolean;
  /** Whether paths with `%2F` or `%5C` are answered 400 or matched as they are. */
  readonly encodedSlash: "refuse" | "keep";
  readonly forwarded: {
    readonly forwarded: boolean;
    readonly xForwarded: boolean;
    readonly via: string | undefined;
  };
  readonly log: ResolvedLog;
  /** Flattened, in running order: pre, unordered, post. */
  readonly plugins: readonly Plugin[];
  /** The config's own hooks (functions only, bound to nothing). */
  readonly hooks: Hooks;
  readonly dataDir: string;
  readonly retireAfterMs: number;
  readonly closeStreamsAfterMs: number | undefined;
  readonly drainTimeoutMs: number;
}

export interface ResolvedCompression {
  readonly encodings: readonly CompressionEncoding[];
  readonly minBytes: number;
  /** Absent: what shrinks. */
  readonly types: readonly string[] | undefined;
  readonly levels: Readonly<Record<CompressionEncoding, number>>;
  readonly upstream: "pass" | "identity";
}

export interface ResolvedRequestContent {
  readonly buffer: boolean;
  readonly memoryBytes: number;
  readonly maxBytes: number;
  /** Bytes a second; 0: none. */
  readonly minRate: number;
  readonly minRateAfterMs: number;
}

export interface ResolvedListen {
  readonly host: string;
  readonly port: number;
  /** HTTP/2 with prior knowledge beside HTTP/1.1. */
  readonly h2c: boolean;
  readonly tls?: ResolvedTls | undefined;
  /** A number is the port to name. */
  readonly redirectToHttps?: boolean | number;
  /** Addresses and CIDR ranges of the peers that must send a PROXY header; nobody else is accepted then. */
  readonly proxyProtocol?: { readonly from: readonly string[] } | undefined;
  readonly limits: ResolvedLimits;
}

/** Plain data: `onServerName` is in {@link ResolvedConfig.serverNameHooks}. */
export interface ResolvedTls extends ResolvedTlsRules {
  readonly isDev: boolean;
  readonly certificates: readonly ResolvedCertificate[];
  readonly hasServerNameHook: boolean;
  readonly acme: readonly ResolvedAcme[];
  readonly unknownName: "default" | "refuse";
  /** Lower-case ASCII names, `*.` allowed. */
  readonly hosts: readonly (readonly [name: string, rules: ResolvedTlsRules])[];
  readonly handshakeMs: number;
}

export interface ResolvedTlsRules {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly clientCertificates: ResolvedClientCertificates | undefined;
}

export interface ResolvedClientCertificates {
  readonly mode: "request" | "require";
  readonly ca: readonly ResolvedPem[];
}

export type ResolvedCertificate =
  | {
      readonly kind: "pair";
      readonly cert: ResolvedPem;
      readonly key: ResolvedPem;
      readonly passphrase: string | undefined;
    }
  | { readonly kind: "folder"; readonly folder: string; readonly passphrase: string | undefined };

/** PEM text, or the absolute path of a file with it. */
export type ResolvedPem =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

export interface ResolvedAcme {
  readonly directory: string;
  readonly directoryCa: ResolvedPem | undefined;
  readonly email: string | undefined;
  readonly externalAccount: { readonly kid: string; readonly hmacKey: string } | undefined;
  readonly challenges: readonly ("http-01" | "tls-alpn-01")[];
  /** Lower-case ASCII; one certificate for each set. */
  readonly hostSets: readonly (readonly string[])[];
  readonly hasOnDemand: boolean;
  readonly ordersPerHour: number;
}

/** Says whether a certificate may be ordered for a name. What it returns is checked where it is called. */
export type OnDemandFunction = NonNullable<AcmeConfig["onDemand"]>;

/** Finds a certificate for a name. What it returns is checked where it is called. */
export type ServerNameFunction = NonNullable<TlsConfig["onServerName"]>;

export interface ResolvedLimits {
  readonly headBytes: number;
  readonly targetBytes: number;
  readonly headTimeMs: number;
  readonly contentIdleMs: number;
  readonly sendIdleMs: number;
  readonly keepAliveMs: number;
  readonly connections: number;
  /** Infinity: any number. */
  readonly connectionsPerAddress: number;
  readonly pipelined: number;
  /** Of one HTTP/2 connection. */
  readonly concurrentStreams: number;
  readonly resets: number;
  readonly controlFrames: number;
}

export interface ResolvedAdmin {
  readonly host: string;
  readonly port: number;
  /** Take the next free port if `port` is taken (`dev` without `admin`). */
  readonly anyPort: boolean;
  readonly token: string | undefined;
  readonly hosts: readonly string[];
}

export type ResolvedTrust =
  | { readonly kind: "none" }
  | { readonly kind: "hops"; readonly count: number }
  | { readonly kind: "ranges"; readonly ranges: readonly string[] };

export interface ResolvedTimeouts {
  readonly connectMs: number;
  readonly responseHeadMs: number;
  /** Silence within a response's content. */
  readonly idleMs: number;
  /** For all attempts. */
  readonly totalMs: number | undefined;
}

/** What the config says: what it does not say is not there. */
export interface ResolvedRetry {
  readonly attempts?: number;
  readonly methods?: readonly string[];
  readonly statuses?: readonly number[];
  readonly perTryTimeoutMs?: number;
  readonly backoffBaseMs?: number;
  readonly backoffMaxMs?: number;
  readonly retryAfterMs?: number;
  readonly decide?: RetryFunction;
}

export interface ResolvedHedge {
  readonly afterMs?: number;
  readonly max?: number;
}

export interface ResolvedRetryBudget {
  readonly share: number;
  readonly minPerSecond: number;
}

export type ResolvedUpstream =
  | ResolvedNetworkUpstream
  | ResolvedFetchUpstream
  | ResolvedSplitUpstream;

/** Names of fields in lower case. */
export type ResolvedBalanceKey =
  | "client"
  | { readonly header: string }
  | { readonly cookie: string }
  | ((request: ProxyRequest) => string | undefined);

export type ResolvedBalance =
  | { readonly type: BalanceAlgorithm }
  | {
      readonly type: "hash";
      readonly by: ResolvedBalanceKey;
      /** Absent: no bound. */
      readonly boundedLoad: number | undefined;
    }
  | {
      readonly type: "sticky";
      readonly cookie: ResolvedStickyCookie;
      /** Empty: one of the data folder. */
      readonly secrets: readonly string[];
      readonly otherwise: BalanceAlgorithm;
    };

export interface ResolvedStickyCookie {
  readonly name: string;
  readonly path: string;
  readonly domain: string | undefined;
  readonly maxAgeSeconds: number | undefined;
  readonly sameSite: "Lax" | "Strict" | "None";
  readonly secure: boolean | "auto";
  readonly httpOnly: boolean;
}

export interface ResolvedMirror {
  readonly upstream: string;
  readonly share: number;
  readonly maxRequests: number;
  readonly timeoutMs: number;
}

export interface ResolvedSplitUpstream {
  readonly kind: "split";
  readonly name: string;
  readonly shares: readonly (readonly [upstream: string, share: number])[];
  readonly by: ResolvedBalanceKey | "random";
}

export interface ResolvedNetworkUpstream {
  readonly kind: "network";
  readonly name: string;
  readonly targets: readonly ResolvedTarget[];
  readonly balance: ResolvedBalance;
  readonly pick: NetworkUpstream["pick"];
  readonly spillBelow: number;
  readonly panicThreshold: number;
  readonly retry: ResolvedRetry | false | undefined;
  readonly retryBudget: ResolvedRetryBudget;
  readonly hedge: ResolvedHedge | false | undefined;
  readonly resolve: ResolvedResolve | undefined;
  readonly tls: ResolvedUpstreamTls | undefined;
  readonly mirror: ResolvedMirror | undefined;
  readonly health: ResolvedHealth;
  readonly maxConnections: number;
  readonly maxQueue: number;
  readonly queueTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxConnectionAgeMs: number | undefined;
  readonly maxRequestsPerConnection: number | undefined;
  readonly http2: boolean;
  /** Of each HTTP/2 connection. */
  readonly maxStreams: number;
  readonly proxyProtocol?: "v1" | "v2" | undefined;
  /** `"preserve"`, `"target"` or the text to send. */
  readonly host: string;
  readonly headers: ResolvedHeaderRules;
  readonly timeouts: ResolvedTimeouts;
}

/** How targets are judged. */
export interface ResolvedHealth {
  readonly check: ResolvedHealthCheck | undefined;
  readonly outliers: ResolvedOutliers | undefined;
  readonly breaker: ResolvedBreaker | undefined;
  /** 0: targets have all of their weight at once. */
  readonly slowStartMs: number;
}

export interface ResolvedCheckTimes {
  readonly intervalMs: number;
  readonly downIntervalMs: number;
  readonly timeoutMs: number;
  readonly jitter: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

export type ResolvedStatusRange = readonly [from: number, to: number];

export type ResolvedHealthCheck = ResolvedCheckTimes &
  (
    | { readonly type: "tcp" }
    | {
        readonly type: "http";
        readonly method: string;
        readonly path: string;
        /** `undefined`: the target's own. */
        readonly host: string | undefined;
        readonly fields: readonly (readonly [name: string, value: string])[];
        readonly expectedStatus: readonly ResolvedStatusRange[];
        readonly expectedBody: string | RegExp | undefined;
        readonly maxBodyBytes: number;
      }
    | { readonly type: "function"; readonly check: HealthCheckFunction }
  );

export interface ResolvedErrorRate {
  readonly above: number;
  readonly minRequests: number;
  readonly windowMs: number;
}

export interface ResolvedOutliers {
  readonly errorStatus: readonly ResolvedStatusRange[];
  readonly consecutiveErrors: number | undefined;
  readonly errorRate: ResolvedErrorRate | undefined;
  readonly latency: { readonly factor: number; readonly minMs: number } | undefined;
  readonly baseTimeMs: number;
  readonly maxTimeMs: number;
  readonly maxEjected: number;
}

export interface ResolvedBreaker {
  readonly errorStatus: readonly ResolvedStatusRange[];
  readonly consecutiveErrors: number | undefined;
  readonly errorRate: ResolvedErrorRate | undefined;
  readonly openMs: number;
  readonly trials: number;
  readonly successes: number;
}

export interface ResolvedResolve {
  readonly by: "lookup" | "dns" | "srv" | (() => unknown);
  readonly servers: readonly string[];
  readonly intervalMs: number;
}

export interface ResolvedUpstreamTls {
  readonly ca: readonly ResolvedPem[];
  readonly serverName: string | undefined;
  readonly cert: ResolvedPem | undefined;
  readonly key: ResolvedPem | undefined;
  readonly passphrase: string | undefined;
  readonly verify: boolean;
}

export interface ResolvedTarget {
  readonly scheme: "http" | "https";
  /** Without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** What a Host field for it says: brackets for IPv6, no default port. */
  readonly authority: string;
  readonly weight: number;
  /** 0 is used first. */
  readonly priority: number;
  readonly maxConnections: number | undefined;
  /** Instead of host and port. */
  readonly socketPath: string | undefined;
}

export interface ResolvedFetchUpstream {
  readonly kind: "fetch";
  readonly name: string;
  readonly app: FetchUpstream;
  readonly host: string;
  readonly headers: ResolvedHeaderRules;
  readonly timeouts: ResolvedTimeouts;
}

export interface ResolvedFieldRules {
  readonly remove: readonly string[];
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly append: readonly (readonly [name: string, value: string])[];
  readonly default: readonly (readonly [name: string, value: string])[];
}

export interface ResolvedHeaderRules {
  readonly request: ResolvedFieldRules;
  readonly response: ResolvedFieldRules;
}

export interface ResolvedRoute {
  /** Position in the config, from 0: the first that matches wins. */
  readonly index: number;
  readonly name: string;
  /** The config names it; else the name is made of its position and what it matches. */
  readonly isNamed: boolean;
  readonly match: ResolvedMatch;
  readonly action: ResolvedAction;
  readonly rewrite: ResolvedRewrite | undefined;
  /** The route's own rules; global and upstream's come before them. */
  readonly headers: ResolvedHeaderRules;
  readonly host: string | undefined;
  readonly timeouts: Partial<ResolvedTimeouts>;
  readonly retry: ResolvedRetry | false | undefined;
  readonly hedge: ResolvedHedge | false | undefined;
  readonly requestContent: ResolvedRequestContent;
  readonly upgrades: readonly string[];
  readonly mirror: ResolvedMirror | undefined;
  /** Names of rules, beside those for all requests. */
  readonly rateLimits: readonly string[];
  readonly rateLimitMode: RateLimitMode | undefined;
  readonly challenge: ResolvedChallengePolicy | false | undefined;
  /** The global one where nothing is written; absent: nothing is inspected. */
  readonly waf: ResolvedWaf | undefined;
  /** Absent: off. */
  readonly cache: ResolvedCache | undefined;
  /** The global one where nothing is written; absent: off. */
  readonly compression: ResolvedCompression | undefined;
}

export type ResolvedAction =
  | { readonly kind: "upstream"; readonly upstream: string }
  | { readonly kind: "redirect"; readonly to: string; readonly status: number }
  | {
      readonly kind: "respond";
      readonly status: number;
      readonly fields: readonly string[];
      readonly body: Uint8Array;
    }
  /** Hooks decide. */
  | { readonly kind: "none" };

export interface ResolvedMatch {
  /** Lower-case; empty: any host. */
  readonly hosts: readonly string[];
  /** Empty: any path. */
  readonly paths: readonly string[];
  /** Empty: any method. */
  readonly methods: readonly string[];
  readonly fields: readonly (readonly [lowerName: string, value: string | RegExp | true])[];
  readonly query: readonly (readonly [name: string, value: string | RegExp | true])[];
  readonly when: ((request: ProxyRequest) => boolean) | undefined;
}

export interface ResolvedRewrite {
  readonly stripPrefix: string | undefined;
  readonly addPrefix: string | undefined;
  readonly replace: { readonly pattern: RegExp; readonly with: string } | undefined;
}

export interface ResolvedLog {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  readonly access: boolean;
  readonly format: "json" | "pretty" | "auto";
  readonly redact: readonly string[];
}

/** What the user may write, before resolution. */
export type UserConfig = GatewrightConfig<string>;
