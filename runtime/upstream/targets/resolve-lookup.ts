import { lookup } from "node:dns/promises";

import { isName, withAddress } from "./resolved-target.ts";
import { LastGood } from "./last-good.ts";
import type { Target } from "../target.ts";
import type { ResolveTargets } from "./target-watch.ts";

/** Every address that the system knows for a name is a target. */
export function createLookupResolve(
  targets: readonly Target[],
  intervalMs: number,
): ResolveTargets {
  const lastGood = new LastGood();
  return async () => ({
    ...(await lastGood.collect(targets, async (target) => {
      if (!isName(target)) return [target];
      const found = await lookup(target.hostname, { all: true, order: "verbatim" });
      return withAddress(
        target,
        found.map(({ address, family }) => ({ address, family })),
      );
    })),
    ttlMs: intervalMs,
  });
}
