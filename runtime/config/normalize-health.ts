import type {
  BreakerConfig,
  ErrorRateConfig,
  ExpectedStatus,
  HealthCheckConfig,
  HealthCheckTimes,
  LatencyOutlierConfig,
  NetworkUpstream,
  OutlierConfig,
} from "@gatewright/sdk";

import { parseDuration, parseSize } from "../units.ts";
import { DEFAULT_BREAKER, DEFAULT_HEALTH_CHECK, DEFAULT_OUTLIERS } from "./defaults.ts";
import type {
  ResolvedBreaker,
  ResolvedCheckTimes,
  ResolvedErrorRate,
  ResolvedHealth,
  ResolvedHealthCheck,
  ResolvedOutliers,
  ResolvedStatusRange,
} from "./resolved-config.ts";

export function toHealth(upstream: NetworkUpstream): ResolvedHealth {
  const { healthCheck = { type: "tcp" }, breaker = false } = upstream;
  // A breaker looks at the same errors: both at once would only hide which of them acted.
  const { outliers = breaker === false ? {} : false } = upstream;
  return Object.freeze({
    check: healthCheck === false ? undefined : toCheck(healthCheck, upstream.host),
    outliers: outliers === false ? undefined : toOutliers(outliers),
    breaker: breaker === false ? undefined : toBreaker(breaker),
    slowStartMs: parseDuration(upstream.slowStart) ?? 0,
  });
}

function toCheck(check: HealthCheckConfig, upstreamHost: string | undefined): ResolvedHealthCheck {
  if (typeof check === "function") return toCheck({ type: "function", check }, upstreamHost);
  switch (check.type) {
    case "tcp":
      return Object.freeze({ type: "tcp", ...toTimes(check, DEFAULT_HEALTH_CHECK.tcp) });
    case "function":
      return Object.freeze({
        type: "function",
        check: check.check.bind(check),
        ...toTimes(check, DEFAULT_HEALTH_CHECK.other),
      });
    case "http": {
      const { path = "/", method = "GET", headers = {}, expectedBody } = check;
      return Object.freeze({
        type: "http",
        path,
        method,
        host: fixedHost(check.host) ?? fixedHost(upstreamHost),
        fields: Object.freeze(Object.entries(headers).map((field) => Object.freeze(field))),
        expectedStatus: toRanges(check.expectedStatus ?? DEFAULT_HEALTH_CHECK.expectedStatus),
        expectedBody,
        maxBodyBytes: parseSize(check.maxBody) ?? DEFAULT_HEALTH_CHECK.maxBodyBytes,
        ...toTimes(check, DEFAULT_HEALTH_CHECK.other),
      });
    }
  }
}

/** There is no client whose Host could be kept. */
function fixedHost(host: string | undefined): string | undefined {
  return host === "preserve" || host === "target" ? undefined : host;
}

function toTimes(
  times: HealthCheckTimes,
  thresholds: { readonly healthy: number; readonly unhealthy: number },
): ResolvedCheckTimes {
  const intervalMs = parseDuration(times.interval) ?? DEFAULT_HEALTH_CHECK.intervalMs;
  return {
    intervalMs,
    downIntervalMs:
      parseDuration(times.downInterval) ??
      Math.min(DEFAULT_HEALTH_CHECK.downIntervalMs, intervalMs),
    timeoutMs: parseDuration(times.timeout) ?? DEFAULT_HEALTH_CHECK.timeoutMs,
    jitter: times.jitter ?? DEFAULT_HEALTH_CHECK.jitter,
    healthyThreshold: times.healthyThreshold ?? thresholds.healthy,
    unhealthyThreshold: times.unhealthyThreshold ?? thresholds.unhealthy,
  };
}

function toOutliers(outliers: OutlierConfig): ResolvedOutliers {
  return Object.freeze({
    ...toErrors(outliers),
    latency: toLatency(outliers.latency),
    baseTimeMs: parseDuration(outliers.baseTime) ?? DEFAULT_OUTLIERS.baseTimeMs,
    maxTimeMs: parseDuration(outliers.maxTime) ?? DEFAULT_OUTLIERS.maxTimeMs,
    maxEjected: outliers.maxEjected ?? DEFAULT_OUTLIERS.maxEjected,
  });
}

function toBreaker(breaker: BreakerConfig): ResolvedBreaker {
  return Object.freeze({
    ...toErrors(breaker),
    openMs: parseDuration(breaker.openFor) ?? DEFAULT_BREAKER.openMs,
    trials: breaker.trials ?? DEFAULT_BREAKER.trials,
    successes: breaker.successes ?? DEFAULT_BREAKER.successes,
  });
}

function toErrors(config: OutlierConfig | BreakerConfig) {
  const { consecutiveErrors = DEFAULT_OUTLIERS.consecutiveErrors } = config;
  return {
    consecutiveErrors: consecutiveErrors === false ? undefined : consecutiveErrors,
    errorRate: toErrorRate(config.errorRate),
    errorStatus: toRanges(config.errorStatus ?? DEFAULT_OUTLIERS.errorStatus),
  };
}

function toErrorRate(
  config: boolean | ErrorRateConfig | undefined = false,
): ResolvedErrorRate | undefined {
  if (config === false) return undefined;
  const { above, minRequests, window }: ErrorRateConfig = config === true ? {} : config;
  return Object.freeze({
    above: above ?? DEFAULT_OUTLIERS.errorRate.above,
    minRequests: minRequests ?? DEFAULT_OUTLIERS.errorRate.minRequests,
    windowMs: parseDuration(window) ?? DEFAULT_OUTLIERS.errorRate.windowMs,
  });
}

function toLatency(config: boolean | LatencyOutlierConfig | undefined = false) {
  if (config === false) return undefined;
  const { factor, minimum }: LatencyOutlierConfig = config === true ? {} : config;
  return Object.freeze({
    factor: factor ?? DEFAULT_OUTLIERS.latency.factor,
    minMs: parseDuration(minimum) ?? DEFAULT_OUTLIERS.latency.minMs,
  });
}

/** Two numbers are a range. */
function toRanges(
  status: ExpectedStatus | readonly ExpectedStatus[],
): readonly ResolvedStatusRange[] {
  const list = isRange(status) || typeof status === "number" ? [status] : status;
  return Object.freeze(
    list.map((one): ResolvedStatusRange =>
      Object.freeze<[number, number]>(typeof one === "number" ? [one, one] : [...one]),
    ),
  );
}

function isRange(
  status: ExpectedStatus | readonly ExpectedStatus[],
): status is readonly [number, number] {
  return (
    typeof status !== "number" &&
    status.length === 2 &&
    status.every((one) => typeof one === "number")
  );
}
