import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { normalize } from "../../../runtime/config/normalize.ts";
import { formatPath } from "../../../runtime/config/option-path.ts";
import type {
  ResolvedNetworkUpstream,
  UserConfig,
} from "../../../runtime/config/resolved-config.ts";
import { validate } from "../../../runtime/config/validate.ts";

function issuesOf(api: object, route: object = {}): string[] {
  const result = validate({
    upstreams: { api: { targets: ["http://127.0.0.1:9000"], ...api } },
    routes: [{ upstream: "api", ...route }],
  } as UserConfig);
  return result.kind === "valid" ? [] : result.issues.map(({ path }) => formatPath(path));
}

function resolve(config: GatewrightConfig<string>) {
  const { upstreams, routes, timeouts } = normalize(config, "/x/proxy.config.ts", "start");
  return { api: upstreams.get("api") as ResolvedNetworkUpstream, route: routes[0], timeouts };
}

const TARGETS = { targets: ["http://127.0.0.1:9000"] };

describe("retry and hedge", () => {
  it.each<[object, object?]>([
    [{ retry: {} }, { retry: {} }],
    [
      { retry: false, hedge: false },
      { retry: false, hedge: false },
    ],
    [{ retry: () => true }, { retry: () => true }],
    [{ retry: { attempts: 10, methods: ["POST"], statuses: [429, 503], retryAfter: "3s" } }],
    [{ retry: { backoff: { base: "1ms", max: 5 }, perTryTimeout: "2s", when: () => false } }],
    [{ retry: { budget: { share: 0, minPerSecond: 0.5 } } }],
    [{ hedge: { after: "200ms", max: 5 } }, { hedge: { max: 1 } }],
    [{ timeouts: { idle: "1d", total: "5m" } }, { timeouts: { idle: 50, total: "1s" } }],
    [{ timeouts: { total: false } }, { timeouts: { total: false } }],
  ])("take %j on an upstream and %j on a route", (api, route) => {
    expect(issuesOf(api, route)).toEqual([]);
  });

  it.each<[object, string]>([
    [{ retry: true }, "retry"],
    [{ retry: 3 }, "retry"],
    [{ retry: { attempts: 0 } }, "retry.attempts"],
    [{ retry: { attempts: 11 } }, "retry.attempts"],
    [{ retry: { methods: ["GE T"] } }, "retry.methods[0]"],
    [{ retry: { statuses: [200] } }, "retry.statuses[0]"],
    [{ retry: { statuses: [600] } }, "retry.statuses[0]"],
    [{ retry: { backoff: "1s" } }, "retry.backoff"],
    [{ retry: { backoff: { base: 0 } } }, "retry.backoff.base"],
    [{ retry: { retryAfter: "soon" } }, "retry.retryAfter"],
    [{ retry: async () => true }, "retry"],
    [{ retry: { when: async () => true } }, "retry.when"],
    [{ retry: { tries: 2 } }, "retry.tries"],
    [{ hedge: { max: 0 } }, "hedge.max"],
    [{ hedge: { max: 6 } }, "hedge.max"],
    [{ hedge: "200ms" }, "hedge"],
    [{ timeouts: { idle: 0 } }, "timeouts.idle"],
    [{ timeouts: { total: "never" } }, "timeouts.total"],
    [{ timeouts: { idle: false } }, "timeouts.idle"],
  ])("refuse %j at %s, on an upstream and on a route", (options, path) => {
    expect(issuesOf(options)).toContain(`upstreams.api.${path}`);
    expect(issuesOf({}, options)).toEqual([`routes[0].${path}`]);
  });

  it("need the time of a hedge on an upstream, and have the budget there only", () => {
    expect(issuesOf({ hedge: {} })).toEqual(["upstreams.api.hedge.after"]);
    expect(issuesOf({ retry: { budget: { share: 1.1 } } })).toEqual([
      "upstreams.api.retry.budget.share",
    ]);
    expect(issuesOf({}, { retry: { budget: {} } })).toEqual(["routes[0].retry.budget"]);
  });

  it("are resolved to what is written, so that a route's keys go over the upstream's", () => {
    const when = (): boolean => false;
    const { api, route } = resolve({
      upstreams: {
        api: { ...TARGETS, retry: { attempts: 3, backoff: { max: "2s" } }, hedge: { after: "1s" } },
      },
      routes: [{ upstream: "api", retry: when, hedge: { max: 2 } }],
    });
    expect(api.retry).toEqual({ attempts: 3, backoffMaxMs: 2000 });
    expect(api.hedge).toEqual({ afterMs: 1000 });
    expect(api.retryBudget).toEqual({ share: 0.2, minPerSecond: 3 });
    expect(route?.retry).toEqual({ decide: when });
    expect(route?.hedge).toEqual({ max: 2 });
  });

  it("keep `this` of a function that is a method", () => {
    const retry = {
      allowed: 7,
      when(): boolean {
        return this.allowed === 7;
      },
    };
    const { api } = resolve({ upstreams: { api: { ...TARGETS, retry } } });
    const { decide } = api.retry as { decide: () => boolean };
    expect(decide()).toBe(true);
  });
});

describe("timeouts.idle and timeouts.total", () => {
  it("are five minutes and none, and come down from the top level", () => {
    const none = resolve({ upstreams: { api: TARGETS } });
    expect([none.timeouts.idleMs, none.timeouts.totalMs]).toEqual([300_000, undefined]);
    const { api, route } = resolve({
      timeouts: { idle: "1m", total: "1h" },
      upstreams: { api: { ...TARGETS, timeouts: { total: "2h" } } },
      routes: [{ upstream: "api", timeouts: { idle: "1s" } }],
    });
    expect([api.timeouts.idleMs, api.timeouts.totalMs]).toEqual([60_000, 7_200_000]);
    expect(route?.timeouts).toEqual({ idleMs: 1000 });
  });
});
