/** How an upstream's targets are judged; every default filled in. */
export interface HealthRules {
  readonly check: CheckRule | undefined;
  readonly outliers: OutlierRule | undefined;
  readonly breaker: BreakerRule | undefined;
  /** How long a target's weight grows once it is up; 0: it has all of it at once. */
  readonly slowStartMs: number;
}

export interface CheckTimes {
  readonly intervalMs: number;
  /** While the target is down. */
  readonly downIntervalMs: number;
  readonly timeoutMs: number;
  /** Part of each interval that chance takes away or adds. */
  readonly jitter: number;
  /** Checks in a row that must pass for a target to come back. */
  readonly healthyThreshold: number;
  /** Checks in a row that must fail for it to go. */
  readonly unhealthyThreshold: number;
}

export type CheckRule = TcpCheckRule | HttpCheckRule | FunctionCheckRule;

export interface TcpCheckRule extends CheckTimes {
  readonly type: "tcp";
}

/** First and last of a range of statuses. */
export type StatusRange = readonly [from: number, to: number];

export interface HttpCheckRule extends CheckTimes {
  readonly type: "http";
  readonly method: string;
  readonly path: string;
  /** `undefined`: the target's own. */
  readonly host: string | undefined;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly expectedStatus: readonly StatusRange[];
  /** Somewhere in the content. */
  readonly expectedBody: string | RegExp | undefined;
  /** Of the content, what is looked at. */
  readonly maxBodyBytes: number;
}

/** A target, as a function of the config sees it. */
export interface CheckedTarget {
  /** `http://10.0.0.1:9000`, `unix:/run/app.sock`. */
  readonly key: string;
  readonly scheme: "http" | "https";
  readonly hostname: string;
  readonly port: number;
  /** `10.0.0.1:9000`, `unix:/run/app.sock`. */
  readonly address: string;
}

export interface FunctionCheckRule extends CheckTimes {
  readonly type: "function";
  readonly check: (target: CheckedTarget, signal: AbortSignal) => boolean | Promise<boolean>;
}

export interface OutlierRule {
  /** Statuses that count as errors, besides answers that do not come. */
  readonly errorStatus: readonly StatusRange[];
  /** Errors in a row; `undefined`: they do not matter. */
  readonly consecutiveErrors: number | undefined;
  readonly errorRate: RateRule | undefined;
  readonly latency: LatencyRule | undefined;
  /** Times the number of ejections so far. */
  readonly baseTimeMs: number;
  readonly maxTimeMs: number;
  /** Share of the targets that may be out, for whatever reason, after an ejection. */
  readonly maxEjected: number;
}

export interface RateRule {
  /** Share of errors from which it is too much. */
  readonly above: number;
  /** Requests that it takes to say so. */
  readonly minRequests: number;
  readonly windowMs: number;
}

export interface LatencyRule {
  /** So many times the others' median is too slow. */
  readonly factor: number;
  /** Nothing is too slow below it. */
  readonly minMs: number;
}

export interface BreakerRule {
  readonly errorStatus: readonly StatusRange[];
  readonly consecutiveErrors: number | undefined;
  readonly errorRate: RateRule | undefined;
  readonly openMs: number;
  /** Requests that wait for an answer at the same time while it is half open. */
  readonly trials: number;
  /** Successes that close it. */
  readonly successes: number;
}

export function inRanges(status: number, ranges: readonly StatusRange[]): boolean {
  for (const [from, to] of ranges) if (status >= from && status <= to) return true;
  return false;
}
