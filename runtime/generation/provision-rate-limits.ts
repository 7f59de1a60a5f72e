import { randomBytes } from "node:crypto";

import type { Clock } from "../clock.ts";
import type { ResolvedRateLimit } from "../config/normalize-rate-limits.ts";
import type { LimitPlan, LimitUse } from "../pipeline/rate-limits.ts";
import { KeyHash } from "../primitives/rate-limit/key-hash.ts";
import { LimitRule } from "../primitives/rate-limit/limit-rule.ts";
import type { ResourceRegistry } from "./resources.ts";

/** One key of this process: counters outlive generations, so what they are found by must too. */
const seed = new Uint32Array(new Uint8Array(randomBytes(8)).buffer);

export interface ProvisionedLimits {
  readonly plan: LimitPlan | undefined;
  readonly keys: readonly string[];
  /** By their names, which the config's check has found. */
  of(names: readonly string[]): readonly LimitUse[];
  commit(): void;
}

/** Counts are kept under a rule's name, key and size; its limit and time are adjusted in place. */
export function acquireLimits(
  rules: readonly ResolvedRateLimit[],
  resources: ResourceRegistry,
  clock: Clock,
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
      () => new LimitRule(one.name, one.maxKeys, terms),
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
    };
  });
  const byName = new Map(uses.map((use) => [use.name, use]));
  const all = uses.filter((_use, at) => rules[at]?.scope === "all");
  return {
    plan: uses.length === 0 ? undefined : { all, byName, hash: new KeyHash(seed) },
    keys,
    of: (names) => names.flatMap((name) => byName.get(name) ?? []),
    commit() {
      for (const commit of commits) commit();
    },
  };
}
