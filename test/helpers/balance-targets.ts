import type { BalanceRequest, BalanceTarget } from "../../runtime/upstream/balance/balancer.ts";

/** A target whose figures a test changes. */
export interface TestTarget extends BalanceTarget {
  weight: number;
  active: number;
}

export function testTargets(weights: readonly number[], prefix = "t"): TestTarget[] {
  return weights.map((weight, at) => ({
    key: `http://${prefix}${at}:80`,
    weight,
    priority: 0,
    active: 0,
    latencyMs: 0,
  }));
}

export function balanceRequest(
  clientAddress: string,
  fields: readonly string[] = [],
): BalanceRequest {
  return { method: "GET", path: "/", fields, clientAddress, scheme: "http" };
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Pearson's statistic of counts against shares, and the bound that chance exceeds once in some 10,000 runs. */
export function chiSquare(
  counts: readonly number[],
  shares: readonly number[],
): { readonly statistic: number; readonly bound: number } {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const whole = shares.reduce((sum, share) => sum + share, 0);
  const statistic = counts.reduce((sum, count, at) => {
    const expected = (total * (shares[at] as number)) / whole;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
  // Wilson and Hilferty's approximation of the quantile.
  const freedom = Math.max(1, counts.length - 1);
  const part = 2 / (9 * freedom);
  return { statistic, bound: freedom * (1 - part + 3.72 * Math.sqrt(part)) ** 3 };
}
