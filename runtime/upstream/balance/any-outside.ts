import type { BalanceTarget } from "./balancer.ts";

/**
 * The first target from position `start` on, going round, that is not in `avoid`; all are: the one at `start`. For
 * retries, where a look at each target is no matter.
 */
export function anyOutside(
  targets: readonly BalanceTarget[],
  avoid: ReadonlySet<BalanceTarget>,
  start: number,
): BalanceTarget | undefined {
  const { length } = targets;
  for (let i = 0; i < length; i++) {
    const target = targets[(start + i) % length] as BalanceTarget;
    if (!avoid.has(target)) return target;
  }
  return length === 0 ? undefined : targets[start % length];
}
