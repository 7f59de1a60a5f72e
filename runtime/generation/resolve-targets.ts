import type { DeadlineWheel } from "../clock.ts";
import { Deadline } from "../clock.ts";
import type { CodeSlot } from "../config/load.ts";
import { toTarget } from "../config/normalize-upstream.ts";
import type { ResolvedNetworkUpstream, ResolvedResolve } from "../config/resolved-config.ts";
import { targetConfigIssue } from "../config/schema-targets.ts";
import type { Target } from "../upstream/target.ts";
import { createDnsResolve } from "../upstream/targets/resolve-dns.ts";
import { createLookupResolve } from "../upstream/targets/resolve-lookup.ts";
import type { ResolveTargets } from "../upstream/targets/target-watch.ts";

export interface ResolveOptions {
  readonly resolved: ResolvedNetworkUpstream;
  readonly rule: ResolvedResolve;
  readonly slot: Pick<CodeSlot, "runInBackground">;
  readonly wheel: DeadlineWheel;
}

const FUNCTION_TIMEOUT_MS = 30_000;

/** How an upstream's targets are looked up. */
export function createResolve(options: ResolveOptions): ResolveTargets {
  const { resolved, rule } = options;
  const { by, servers, intervalMs } = rule;
  if (typeof by === "function") return functionResolve(by, options);
  const { targets } = resolved;
  if (by === "lookup") return createLookupResolve(targets, intervalMs);
  const records = by === "srv" ? "srv" : "address";
  return createDnsResolve({ targets, records, servers, intervalMs });
}

/** User code's answer, checked: it is not the config, so nobody has looked at it before. */
function functionResolve(by: () => unknown, { slot, rule, wheel }: ResolveOptions): ResolveTargets {
  return async () => {
    const answer = await within(wheel, async () => slot.runInBackground(by));
    if (!Array.isArray(answer)) throw new TypeError("resolve must return a list of targets");
    const targets = answer.map((one: unknown): Target => {
      const issue = targetConfigIssue(one);
      if (issue !== undefined) throw new TypeError(`resolve returned a wrong target: ${issue}`);
      return toTarget(one as Parameters<typeof toTarget>[0]);
    });
    return { targets, ttlMs: rule.intervalMs };
  };
}

async function within(wheel: DeadlineWheel, run: () => Promise<unknown>): Promise<unknown> {
  const { promise, reject } = Promise.withResolvers<never>();
  const deadline = new Deadline(() =>
    reject(new Error(`resolve gave no answer within ${FUNCTION_TIMEOUT_MS / 1000} s`)),
  );
  wheel.arm(deadline, FUNCTION_TIMEOUT_MS);
  try {
    return await Promise.race([run(), promise]);
  } finally {
    wheel.disarm(deadline);
  }
}
