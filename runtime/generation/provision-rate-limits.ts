import { randomBytes } from "node:crypto";

import type { RateLimitMode } from "@gatewright/sdk";

import type { Clock } from "../clock.ts";
import type { ResolvedRateLimit } from "../config/normalize-rate-limits.ts";
import type { ResolvedConfig, ResolvedRoute } from "../config/resolved-config.ts";
import type { RoutePlan } from "../pipeline/parts.ts";
import type { LimitPlan, LimitUse } from "../pipeline/rate-limits.ts";
import { GcraTable } from "../primitives/rate-limit/gcra-table.ts";
import { KeyHash } from "../primitives/rate-limit/key-hash.ts";
import { LimitRule } from "../primitives/rate-limit/limit-rule.ts";
import type { LimitStatus } from "./limit-status.ts";
import type { ResourceRegistry } from "./resources.ts";
import type { SharedState } from "./shared-state.ts";

/** One key of this process: counters outlive generations, so what they are found by must too. */
const seed = new Uint32Array(new Uint8Array(randomBytes(8)).buffer);

export interface ProvisionedLimits {
  readonly plan: LimitPlan | undefined;
  readonly keys: readonly string[];
  /** What counts a route's requests. */
  forRoute(
    route: Pick<ResolvedRoute, "rateLimits" | "rateLimitMode">,
  ): Pick<RoutePlan, "limits" | "limitsForAll">;
  /** Of those that count requests; absent without one. */
  readonly status: (() => readonly LimitStatus[]) | undefined;
  commit(): void;
}

/** Counts are kept under a rule's name, key and size; its limit and time are adjusted in place. */
export function acquireLimits(
  { rateLimits: rules, rateLimitMode }: Pick<ResolvedConfig, "rateLimits" | "rateLimitMode">,
  resources: ResourceRegistry,
  clock: Clock,
  shared: SharedState | undefined,
): ProvisionedLimits {
  const keys: string[] = [];
  const commits: (() => void)[] = [];
  const uses = rules.map((one): LimitUse => {
    const key = JSON.stringify([
      "rate-limit",
      one.name,
      one.maxKeys,
      one.key.map((part) => (part.kind === "function" ? "function" : part)),
    ]);
    const terms = {
      limit: one.limit,
      windowMs: one.windowMs,
      burst: one.burst,
      maxDelayMs: one.action === "delay" ? one.maxDelayMs : 0,
    };
    const rule = resources.acquire(
      key,
      () => {
        const { name, maxKeys } = one;
        const counters = shared?.counters(name, maxKeys) ?? new GcraTable({ maxKeys });
        return new LimitRule(name, counters, terms);
      },
      () => {},
    );
    keys.push(key);
    commits.push(() => rule.adjust(terms, clock.monotonic()));
    const { name, concurrent, cost, action, points, fields } = one;
    return {
      name,
      rule,
      key: one.key,
      limited: one.limit > 0,
      concurrent,
      cost,
      action,
      points,
      fields,
      flags: false,
    };
  });
  /** Those of the rules that `chosen` names, in the milder of their own mode and that of the place. */
  const inMode = (
    mode: RateLimitMode,
    chosen: (rule: ResolvedRateLimit) => boolean,
  ): readonly LimitUse[] =>
    rules.flatMap((rule, at) => {
      const own = milder(mode, rule.mode);
      if (own === "off" || !chosen(rule)) return [];
      return { ...(uses[at] as LimitUse), flags: own === "flag" };
    });
  const named = inMode(rateLimitMode, () => true);
  const counting = uses.filter(({ limited }) => limited);
  const isForAll = ({ scope }: ResolvedRateLimit): boolean => scope === "all";
  return {
    plan:
      uses.length === 0
        ? undefined
        : {
            all: inMode(rateLimitMode, isForAll),
            byName: new Map(named.map((use) => [use.name, use])),
            names: new Set(rules.map(({ name }) => name)),
            hash: new KeyHash(shared?.limitSeed ?? seed),
          },
    keys,
    forRoute: ({ rateLimits: names, rateLimitMode: mode }) => ({
      limits: inMode(mode ?? rateLimitMode, ({ name }) => names.includes(name)),
      ...(mode === undefined ? {} : { limitsForAll: inMode(mode, isForAll) }),
    }),
    status: counting.length === 0 ? undefined : () => counting.map(statusOf),
    commit() {
      for (const commit of commits) commit();
    },
  };
}

function statusOf({ name, rule }: LimitUse): LimitStatus {
  const { counters, waiting } = rule;
  return { name, keys: counters.size, maxKeys: counters.capacity, waiting };
}

const MILDEST: readonly RateLimitMode[] = ["off", "flag", "block"];

function milder(one: RateLimitMode, other: RateLimitMode): RateLimitMode {
  return MILDEST.indexOf(one) < MILDEST.indexOf(other) ? one : other;
}
