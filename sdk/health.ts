import type { Duration, MaybePromise, Size } from "./units.ts";

/** When a target is checked, and how many results it takes to change its state. */
export interface HealthCheckTimes {
  /** Default `"10s"`. */
  interval?: Duration;
  /** The same while the target is down, so that it is not missed for longer than need be. Default `"2s"`, at most `interval`. */
  downInterval?: Duration;
  /** A check that takes longer has failed. Default `"5s"`. */
  timeout?: Duration;
  /** Part of each interval that chance takes away or adds, from 0 to 1. Default 0.1. */
  jitter?: number;
  /** Checks in a row that must pass for a target to come back. Default 1 for `"tcp"`, otherwise 2. */
  healthyThreshold?: number;
  /** Checks in a row that must fail for a target to go. Default 1 for `"tcp"`, otherwise 3. */
  unhealthyThreshold?: number;
}

/**
 * Connects and closes, while connections to the target lie idle and while it is down. A failure closes the idle ones. It
 * costs the target nothing and finds out that it is gone, not that it is ill.
 */
export interface TcpHealthCheck extends HealthCheckTimes {
  /** Which kind of check. */
  type: "tcp";
}

/** A status, or the first and the last of a range. */
export type ExpectedStatus = number | readonly [from: number, to: number];

/** Sends a request on a connection of its own, whether there is traffic or not. Redirects are not followed. */
export interface HttpHealthCheck extends HealthCheckTimes {
  /** Which kind of check. */
  type: "http";
  /** With its query, if any. Default `"/"`. */
  path?: string;
  /** Default `"GET"`. */
  method?: string;
  /** The Host to send. Default: the upstream's `host` where that is a name, otherwise the target's own. */
  host?: string;
  /** Default: `User-Agent: gatewright-health-check`. */
  headers?: Readonly<Record<string, string>>;
  /** A status, a range, or a list of both: `[200, 299]` is the range. Default `[200, 399]`. */
  expectedStatus?: ExpectedStatus | readonly ExpectedStatus[];
  /** A text that must be somewhere in the content, or a pattern that must match. Default: content is not looked at. */
  expectedBody?: string | RegExp;
  /** How much of the content is looked at. Default `"64kb"`. */
  maxBody?: Size;
}

/** A target, as a function that checks it sees it. */
export interface HealthCheckTarget {
  /** `"http://10.0.0.1:9000"`, `"unix:/run/app.sock"`. */
  readonly key: string;
  /** What the target speaks. */
  readonly scheme: "http" | "https";
  /** As in its URL, without brackets. */
  readonly hostname: string;
  /** The scheme's own where its URL has none. */
  readonly port: number;
  /** `"10.0.0.1:9000"`, `"unix:/run/app.sock"`. */
  readonly address: string;
}

/**
 * Whether a target is well. To throw says no; so does anything but `true`. The signal aborts when the time is up: give
 * it to whatever waits.
 */
export type HealthCheckFunction = (
  target: HealthCheckTarget,
  signal: AbortSignal,
) => MaybePromise<boolean>;

/** Asks a function. What connections it opens is its own business: they do not count towards `maxConnections`. */
export interface FunctionHealthCheck extends HealthCheckTimes {
  /** Which kind of check. */
  type: "function";
  /** Called for each check of each target. */
  check: HealthCheckFunction;
}

/** A bare function stands for `{ type: "function", check }`. */
export type HealthCheckConfig =
  | TcpHealthCheck
  | HttpHealthCheck
  | FunctionHealthCheck
  | HealthCheckFunction;

/** When errors are so large a part of the requests that something must be wrong. */
export interface ErrorRateConfig {
  /** Share of errors, above 0 and at most 1. Default 0.5. */
  above?: number;
  /** Requests within the window that it takes to say so. Default 20. */
  minRequests?: number;
  /** Default `"10s"`. */
  window?: Duration;
}

/** When a target is so much slower than the others that something must be wrong. */
export interface LatencyOutlierConfig {
  /**
   * So many times the median of the others, above 1. Compared are times to a response head; where a target answers
   * nothing at all, the time that at least 5 requests have waited. Default 3.
   */
  factor?: number;
  /** Nothing below it is too slow. Default `"100ms"`. */
  minimum?: Duration;
}

/** Leaves out targets whose answers to real requests are bad, for a while. */
export interface OutlierConfig {
  /** Errors in a row; false: they do not matter. Default 5. */
  consecutiveErrors?: number | false;
  /** True: the defaults. Default false. */
  errorRate?: boolean | ErrorRateConfig;
  /** True: the defaults. Default false. */
  latency?: boolean | LatencyOutlierConfig;
  /** What counts as an error, besides an answer that does not come. Default `[502, 504]`. */
  errorStatus?: ExpectedStatus | readonly ExpectedStatus[];
  /** How long a target is left out the first time. The n-th time it is n times as long. Default `"10s"`. */
  baseTime?: Duration;
  /** Longest time. Default `"5m"`. */
  maxTime?: Duration;
  /**
   * Share of the targets that may be out after an ejection; those that are down count. A single target is never ejected
   * unless it is 1. Default 0.5.
   */
  maxEjected?: number;
}

/** Sends nothing to a target that fails, not even when no other is left, and then a few requests to see how it is. */
export interface BreakerConfig {
  /** Errors in a row that open it; false: they do not. Default 5. */
  consecutiveErrors?: number | false;
  /** Share of errors that opens it. True: the defaults. Default false. */
  errorRate?: boolean | ErrorRateConfig;
  /** What counts as an error, besides an answer that does not come. Default `[502, 504]`. */
  errorStatus?: ExpectedStatus | readonly ExpectedStatus[];
  /** How long it stays open before requests are tried. Default `"10s"`. */
  openFor?: Duration;
  /** Requests that may wait for an answer at the same time while it is half open. Default 1. */
  trials?: number;
  /** Successes that close it. Default 2. */
  successes?: number;
}
