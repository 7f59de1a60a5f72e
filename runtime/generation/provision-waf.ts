import type { ResolvedConfig } from "../config/resolved-config.ts";
import type { ResolvedWaf } from "../config/normalize-waf.ts";
import { WafCounters, type WafParts, type WafPlan } from "../pipeline/waf-plan.ts";
import { ANOMALY_RULES } from "../primitives/waf/anomaly-rules.ts";
import { compileRules, type RuleSet } from "../primitives/waf/compile.ts";
import { engineOf } from "../primitives/waf/engine.ts";
import { RULES } from "../primitives/waf/rules/rules.ts";
import type { InspectBounds } from "../primitives/waf/values.ts";
import type { ResourceRegistry } from "./resources.ts";
import type { WafStatus } from "./waf-status.ts";

export interface ProvisionedWaf {
  /** Absent: nothing is inspected anywhere. */
  readonly parts: WafParts | undefined;
  readonly keys: readonly string[];
  /** Absent: nothing is inspected. */
  readonly status: (() => WafStatus) | undefined;
  /** What a route says beside the whole. */
  ofRoute(own: ResolvedWaf | undefined): { waf?: WafPlan | null };
}

const MAX_SHOWN_RULES = 100;
const BOUNDS: InspectBounds = { maxValues: 100_000, maxDepth: 64, maxValueLength: 65_536 };

/**
 * Rules are compiled once for each set of options. Our own are the same for all generations, with what is known of values in
 * which nothing was found; counts outlive generations, too.
 */
export function acquireWaf(config: ResolvedConfig, resources: ResourceRegistry): ProvisionedWaf {
  const isOn = (waf: ResolvedWaf | undefined): boolean => waf !== undefined && waf.mode !== "off";
  if (!isOn(config.waf) && !config.routes.some(({ waf }) => isOn(waf))) {
    return { parts: undefined, keys: [], status: undefined, ofRoute: () => ({}) };
  }
  const key = JSON.stringify(["waf-counters"]);
  const counters = resources.acquire(
    key,
    () => new WafCounters(),
    () => {},
  );
  const keys = [key];
  const rulesOf = (waf: ResolvedWaf): RuleSet => {
    const { paranoia, rules } = waf;
    const compile = (): RuleSet => compileRules([...ANOMALY_RULES, ...RULES, ...rules], paranoia);
    if (rules.length > 0) return compile();
    const ownKey = JSON.stringify(["waf-rules", paranoia]);
    keys.push(ownKey);
    return resources.acquire(ownKey, compile, () => {});
  };
  const plans = new Map<ResolvedWaf, WafPlan>();
  const planFor = (waf: ResolvedWaf | undefined): WafPlan | undefined => {
    if (waf === undefined || waf.mode === "off") return undefined;
    let plan = plans.get(waf);
    if (plan === undefined) {
      plan = createPlan(waf, waf.mode, rulesOf(waf), counters);
      plans.set(waf, plan);
    }
    return plan;
  };
  const global = planFor(config.waf);
  // All of them now: what is taken later could not be given back.
  for (const { waf } of config.routes) planFor(waf);
  return {
    parts: { global },
    keys,
    status: () => statusOf(counters),
    ofRoute: (own) => (own === config.waf ? {} : { waf: planFor(own) ?? null }),
  };
}

function statusOf({ inspected, flagged, refused, byRule }: WafCounters): WafStatus {
  const rules = [...byRule]
    .map(([rule, matches]) => ({ rule, matches }))
    .toSorted((a, b) => b.matches - a.matches)
    .slice(0, MAX_SHOWN_RULES);
  return { inspected, flagged, refused, rules };
}

function createPlan(
  waf: ResolvedWaf,
  mode: "flag" | "block",
  ruleSet: RuleSet,
  counters: WafCounters,
): WafPlan {
  return {
    engine: engineOf(ruleSet, waf.exclude, BOUNDS),
    mode,
    threshold: waf.threshold,
    maxInspectBytes: waf.maxInspectBytes,
    response: waf.response,
    onMatch: waf.onMatch === undefined ? [] : [{ owner: "waf.onMatch", run: waf.onMatch }],
    counters,
  };
}
