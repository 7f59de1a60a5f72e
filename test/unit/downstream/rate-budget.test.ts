import { describe, expect, it } from "vitest";

import { RateBudget } from "../../../runtime/downstream/rate-budget.ts";

function budget(burst: number) {
  const clock = { at: 0, now: () => 0, monotonic: () => clock.at };
  const made = new RateBudget(burst, clock);
  const takeAll = (): number => {
    let taken = 0;
    while (made.take(burst)) taken += 1;
    return taken;
  };
  return { clock, takeAll, made };
}

describe("RateBudget", () => {
  it("gives so many at once, and a fifth of that a second", () => {
    const { clock, takeAll } = budget(100);
    expect(takeAll()).toBe(100);
    clock.at += 1000;
    expect(takeAll()).toBe(20);
    clock.at += 500;
    expect(takeAll()).toBe(10);
  });

  it("saves up no more than the burst", () => {
    const { clock, takeAll } = budget(100);
    clock.at += 1_000_000;
    expect(takeAll()).toBe(100);
  });

  it("follows a burst that a reload makes smaller", () => {
    const { made } = budget(100);
    expect(made.take(2)).toBe(true);
    expect(made.take(2)).toBe(true);
    expect(made.take(2)).toBe(false);
  });
});
