import type { Clock, DeadlineWheel } from "../clock.ts";
import { DEFAULT_HEDGE_MAX, DEFAULT_RETRY, DEFAULT_RETRY_BUDGET } from "../config/defaults.ts";
import type {
  ResolvedFetchUpstream,
  ResolvedHedge,
  ResolvedNetworkUpstream,
  ResolvedRetry,
  ResolvedRoute,
  ResolvedUpstream,
} from "../config/resolved-config.ts";
import type { Log } from "../log.ts";
import { throttled } from "../upstream/balance/throttled.ts";
import { RetryBudget } from "../upstream/retry/retry-budget.ts";
import type { AttemptPolicy, HedgeRules, RetryRules } from "../upstream/retry/retry-policy.ts";
import type { ResourceRegistry } from "./resources.ts";

export interface AttemptPoliciesOptions {
  readonly upstreams: ReadonlyMap<string, ResolvedUpstream>;
  readonly resources: ResourceRegistry;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly log: Log;
  readonly describeError: (error: unknown) => object;
}

/** How requests are attempted, by upstream and by what routes say about it. */
export interface AttemptPolicies {
  /** `undefined`: once, without a limit over all. */
  of(upstream: ResolvedNetworkUpstream | ResolvedFetchUpstream): AttemptPolicy | undefined;
  /** For a route that has options of its own, by the upstream's name. */
  forRoute(route: ResolvedRoute): ReadonlyMap<string, AttemptPolicy> | undefined;
  /** Of the budgets, to be given back. */
  readonly keys: readonly string[];
  commit(): void;
}

type SingleUpstream = ResolvedNetworkUpstream | ResolvedFetchUpstream;
type RouteOptions = Pick<ResolvedRoute, "retry" | "hedge" | "timeouts">;

const NO_OPTIONS: RouteOptions = { retry: undefined, hedge: undefined, timeouts: {} };

export function createAttemptPolicies(options: AttemptPoliciesOptions): AttemptPolicies {
  const { upstreams, resources, clock, wheel, log } = options;
  const budgets = new Map<string, { readonly key: string; readonly budget: RetryBudget }>();
  const faults = new Map<string, (error: unknown) => void>();

  function policy(upstream: SingleUpstream, route: RouteOptions): AttemptPolicy | undefined {
    const own = upstream.kind === "network" ? upstream : undefined;
    const retry = retryRules(own?.retry, route.retry);
    const hedge = hedgeRules(own?.hedge, route.hedge);
    const { totalMs: totalTimeoutMs } = { ...upstream.timeouts, ...route.timeouts };
    if (retry === undefined && hedge === undefined && totalTimeoutMs === undefined) {
      return undefined;
    }
    const { name } = upstream;
    const budget = budgetOf(upstream);
    return { retry, hedge, totalTimeoutMs, budget, wheel, clock, onFault: faultsOf(name) };
  }

  /** One for the upstream over all routes and generations. */
  function budgetOf(upstream: SingleUpstream): RetryBudget {
    const key = JSON.stringify(["retry-budget", upstream.name]);
    const known = budgets.get(upstream.name);
    if (known !== undefined) return known.budget;
    const create = (): RetryBudget => new RetryBudget(clock, budgetLimits(upstream));
    const budget = resources.acquire<RetryBudget>(key, create, () => {});
    budgets.set(upstream.name, { key, budget });
    return budget;
  }

  function faultsOf(upstream: string): (error: unknown) => void {
    const known = faults.get(upstream);
    if (known !== undefined) return known;
    const onFault = throttled((error) => {
      log.warn(
        { upstream, ...options.describeError(error) },
        "a function of the config could not decide whether a request is sent again",
      );
    }, clock);
    faults.set(upstream, onFault);
    return onFault;
  }

  return {
    of: (upstream) => policy(upstream, NO_OPTIONS),
    forRoute(route) {
      const { retry, hedge, timeouts } = route;
      if (retry === undefined && hedge === undefined && !("totalMs" in timeouts)) {
        return undefined;
      }
      const policies = new Map<string, AttemptPolicy>();
      for (const upstream of upstreams.values()) {
        const made = upstream.kind === "split" ? undefined : policy(upstream, route);
        if (made !== undefined) policies.set(upstream.name, made);
      }
      return policies;
    },
    get keys() {
      return [...budgets.values()].map(({ key }) => key);
    },
    commit() {
      for (const [name, { budget }] of budgets) {
        const upstream = upstreams.get(name);
        if (upstream !== undefined) budget.adjust(budgetLimits(upstream));
      }
    },
  };
}

function budgetLimits(upstream: ResolvedUpstream): typeof DEFAULT_RETRY_BUDGET {
  return upstream.kind === "network" ? upstream.retryBudget : DEFAULT_RETRY_BUDGET;
}

function retryRules(
  upstream: ResolvedRetry | false | undefined,
  route: ResolvedRetry | false | undefined,
): RetryRules | undefined {
  const merged = over(upstream, route);
  if (merged === undefined) return undefined;
  const rules = { ...DEFAULT_RETRY, ...merged };
  if (rules.attempts === 1 && merged.perTryTimeoutMs === undefined) return undefined;
  return {
    attempts: rules.attempts,
    methods: new Set(rules.methods),
    statuses: new Set(rules.statuses),
    perTryTimeoutMs: merged.perTryTimeoutMs,
    backoff: { baseMs: rules.backoffBaseMs, maxMs: rules.backoffMaxMs },
    retryAfterMs: rules.retryAfterMs,
    decide: merged.decide,
  };
}

function hedgeRules(
  upstream: ResolvedHedge | false | undefined,
  route: ResolvedHedge | false | undefined,
): HedgeRules | undefined {
  const merged = over(upstream, route);
  if (merged?.afterMs === undefined) return undefined;
  return { afterMs: merged.afterMs, max: merged.max ?? DEFAULT_HEDGE_MAX };
}

/** The route's keys over the upstream's; `false` leaves none. */
function over<T extends object>(
  upstream: T | false | undefined,
  route: T | false | undefined,
): T | undefined {
  if (route === false) return undefined;
  if (upstream === undefined || upstream === false) return route;
  return { ...upstream, ...route };
}
