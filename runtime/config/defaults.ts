import type {
  ResolvedCompression,
  ResolvedLimits,
  ResolvedRequestContent,
  ResolvedRetryBudget,
  ResolvedTimeouts,
} from "./resolved-config.ts";

/** Defaults of every option, as the doc comments of sdk/config.ts state them. */
export const DEFAULT_LISTEN = {
  host: "127.0.0.1",
  port: 8080,
  h2c: false,
  redirectToHttps: false,
} as const;

export const DEFAULT_TLS_MIN_VERSION = "TLSv1.2";
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

export const DEFAULT_ACME = {
  directory: "https://acme-v02.api.letsencrypt.org/directory",
  ordersPerHour: 80,
} as const;

export const DEFAULT_ADMIN = { host: "127.0.0.1", port: 9901 } as const;

export const DEFAULT_LIMITS: ResolvedLimits = {
  headBytes: 16 * 1024,
  targetBytes: 8 * 1024,
  headTimeMs: 10_000,
  contentIdleMs: 60_000,
  sendIdleMs: 60_000,
  keepAliveMs: 60_000,
  connections: 10_000,
  connectionsPerAddress: Infinity,
  pipelined: 16,
  concurrentStreams: 250,
  resets: 1000,
  controlFrames: 500,
};

export const DEFAULT_TIMEOUTS: ResolvedTimeouts = {
  connectMs: 10_000,
  responseHeadMs: 300_000,
  idleMs: 300_000,
  totalMs: undefined,
};

export const DEFAULT_HOOK_TIMEOUT_MS = 30_000;

export const DEFAULT_UPSTREAM = {
  maxConnections: 100,
  maxQueue: 1000,
  queueTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
  http2: false,
  maxStreams: 100,
  host: "preserve",
  spillBelow: 0.7,
  panicThreshold: 0,
  resolveIntervalMs: 30_000,
} as const;

export const DEFAULT_BALANCE = {
  algorithm: "round-robin",
  boundedLoad: 1.25,
  cookie: "gatewright-target",
} as const;

export const DEFAULT_HEALTH_CHECK = {
  intervalMs: 10_000,
  downIntervalMs: 2000,
  timeoutMs: 5000,
  jitter: 0.1,
  tcp: { healthy: 1, unhealthy: 1 },
  other: { healthy: 2, unhealthy: 3 },
  expectedStatus: [200, 399],
  maxBodyBytes: 64 * 1024,
} as const;

export const DEFAULT_OUTLIERS = {
  consecutiveErrors: 5,
  errorStatus: [502, 504],
  errorRate: { above: 0.5, minRequests: 20, windowMs: 10_000 },
  latency: { factor: 3, minMs: 100 },
  baseTimeMs: 10_000,
  maxTimeMs: 300_000,
  maxEjected: 0.5,
} as const;

export const DEFAULT_BREAKER = { openMs: 10_000, trials: 1, successes: 2 } as const;

export const DEFAULT_MIRROR = { share: 1, maxRequests: 100, timeoutMs: 30_000 } as const;

export const DEFAULT_RETRY = {
  attempts: 2,
  /** RFC 9110 §9.2.2. */
  methods: ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] as readonly string[],
  statuses: [] as readonly number[],
  backoffBaseMs: 25,
  backoffMaxMs: 1000,
  retryAfterMs: 1000,
} as const;

export const DEFAULT_RETRY_BUDGET: ResolvedRetryBudget = Object.freeze({
  share: 0.2,
  minPerSecond: 3,
});

export const DEFAULT_HEDGE_MAX = 1;

export const DEFAULT_CONTENT_MEMORY = 1024 ** 2;

export const DEFAULT_SLOW_READERS = {
  aheadBytes: 1024 ** 2,
  budgetBytes: 256 * 1024 ** 2,
  clientShare: 0.25,
  minRate: 1000,
} as const;

export const DEFAULT_REQUEST_CONTENT: ResolvedRequestContent = Object.freeze({
  buffer: true,
  memoryBytes: DEFAULT_CONTENT_MEMORY,
  maxBytes: 100 * 1024 ** 2,
  minRate: 500,
  minRateAfterMs: 10_000,
});

export const DEFAULT_CONTENT_BUDGET = {
  memoryBytes: 256 * 1024 ** 2,
  diskBytes: 4 * 1024 ** 3,
  clientShare: 0.25,
} as const;

export const DEFAULT_COMPRESSION: ResolvedCompression = Object.freeze({
  encodings: Object.freeze(["zstd", "br", "gzip"] as const),
  minBytes: 1024,
  types: undefined,
  levels: Object.freeze({ gzip: 6, br: 4, zstd: 3 }),
  upstream: "pass",
});

export const DEFAULT_UPGRADES: readonly string[] = ["websocket"];
export const DEFAULT_REDIRECT_STATUS = 308;
export const DEFAULT_RETIRE_AFTER_MS = 30_000;
export const DEFAULT_DRAIN_TIMEOUT_MS = 30_000;
export const DEFAULT_DATA_DIR = ".gatewright";
