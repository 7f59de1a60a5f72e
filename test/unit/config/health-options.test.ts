import type { NetworkUpstream } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { normalize } from "../../../runtime/config/normalize.ts";
import { formatPath } from "../../../runtime/config/option-path.ts";
import type {
  ResolvedHealth,
  ResolvedNetworkUpstream,
  UserConfig,
} from "../../../runtime/config/resolved-config.ts";
import { validate } from "../../../runtime/config/validate.ts";

function configWith(api: object): UserConfig {
  return {
    listen: { port: 8080 },
    upstreams: { api: { targets: ["http://127.0.0.1:9000"], ...api } as NetworkUpstream },
  };
}

function resolved(api: Partial<NetworkUpstream>): ResolvedHealth {
  const result = validate(configWith(api));
  if (result.kind === "invalid") throw new Error(JSON.stringify(result.issues));
  const config = normalize(result.config, "/etc/proxy/proxy.config.ts", "start");
  return (config.upstreams.get("api") as ResolvedNetworkUpstream).health;
}

/** Paths of what is wrong, below the upstream. */
function wrong(api: object): string[] {
  const result = validate(configWith(api));
  return result.kind === "invalid"
    ? result.issues.map(({ path }) => formatPath(path).replace("upstreams.api.", ""))
    : [];
}

describe("health of an upstream", () => {
  it("is a TCP check every 10 s and ejection after 5 errors unless the config says otherwise", () => {
    expect(resolved({})).toEqual({
      check: {
        type: "tcp",
        intervalMs: 10_000,
        downIntervalMs: 2000,
        timeoutMs: 5000,
        jitter: 0.1,
        healthyThreshold: 1,
        unhealthyThreshold: 1,
      },
      outliers: {
        consecutiveErrors: 5,
        errorStatus: [[502, 504]],
        errorRate: undefined,
        latency: undefined,
        baseTimeMs: 10_000,
        maxTimeMs: 300_000,
        maxEjected: 0.5,
      },
      breaker: undefined,
      slowStartMs: 0,
    });
  });

  it("can be switched off", () => {
    expect(resolved({ healthCheck: false, outliers: false, breaker: false })).toMatchObject({
      check: undefined,
      outliers: undefined,
      breaker: undefined,
    });
  });

  it("has no outliers beside a breaker unless both are asked for", () => {
    expect(resolved({ breaker: {} }).outliers).toBeUndefined();
    expect(resolved({ breaker: {}, outliers: {} }).outliers).toBeDefined();
  });

  it("takes a bare function for a check, and keeps the check's own this", () => {
    expect(resolved({ healthCheck: () => true }).check).toMatchObject({
      type: "function",
      healthyThreshold: 2,
      unhealthyThreshold: 3,
    });
    const check = {
      type: "function" as const,
      timeout: 77,
      check(this: { timeout: number }) {
        return this.timeout === 77;
      },
    };
    const rule = resolved({ healthCheck: check as never }).check;
    if (rule?.type !== "function") throw new Error("no function");
    expect(rule.check({} as never, new AbortController().signal)).toBe(true);
  });

  it("reads two numbers as a range of statuses, other lists as alternatives", () => {
    const ranges = (expectedStatus: number | readonly (number | readonly [number, number])[]) => {
      const { check } = resolved({ healthCheck: { type: "http", expectedStatus } as never });
      return check?.type === "http" ? check.expectedStatus : [];
    };
    expect(ranges(204)).toEqual([[204, 204]]);
    expect(ranges([200, 299])).toEqual([[200, 299]]);
    expect(ranges([200, [300, 399], 401])).toEqual([
      [200, 200],
      [300, 399],
      [401, 401],
    ]);
  });

  it("asks for the host of the upstream where that is a name", () => {
    const host = (api: Partial<NetworkUpstream>): string | undefined => {
      const { check } = resolved({ healthCheck: { type: "http" }, ...api });
      return check?.type === "http" ? check.host : "none";
    };
    expect(host({})).toBeUndefined();
    expect(host({ host: "target" })).toBeUndefined();
    expect(host({ host: "api.internal" })).toBe("api.internal");
    expect(
      host({ host: "api.internal", healthCheck: { type: "http", host: "health.internal" } }),
    ).toBe("health.internal");
  });

  it("is refused where it makes no sense", () => {
    expect(wrong({ healthCheck: true })).toEqual(["healthCheck"]);
    expect(wrong({ healthCheck: {} })).toEqual(["healthCheck.type"]);
    expect(wrong({ healthCheck: { type: "tcp", path: "/" } })).toEqual(["healthCheck.path"]);
    expect(wrong({ healthCheck: { type: "function" } })).toEqual(["healthCheck.check"]);
    expect(
      wrong({
        healthCheck: {
          type: "http",
          path: "/a b\r\nX: y",
          method: "CONNECT",
          host: "a b",
          headers: { host: "x", "X-A": "a\r\nB: c" },
          expectedStatus: [404, 200],
          expectedBody: /ok/g,
          jitter: 2,
          interval: 0,
        },
      }).toSorted(),
    ).toEqual(
      [
        "healthCheck.path",
        "healthCheck.method",
        "healthCheck.host",
        "healthCheck.headers.host",
        'healthCheck.headers["X-A"]',
        "healthCheck.expectedStatus",
        "healthCheck.expectedBody",
        "healthCheck.jitter",
        "healthCheck.interval",
      ].toSorted(),
    );
    expect(
      wrong({ outliers: { maxEjected: 1.5, errorRate: { above: 0 }, latency: { factor: 1 } } }),
    ).toEqual(["outliers.errorRate.above", "outliers.latency.factor", "outliers.maxEjected"]);
    expect(wrong({ breaker: { trials: 0, errorStatus: [] } })).toEqual([
      "breaker.errorStatus",
      "breaker.trials",
    ]);
    expect(wrong({ slowStart: 0 })).toEqual(["slowStart"]);
  });
});
