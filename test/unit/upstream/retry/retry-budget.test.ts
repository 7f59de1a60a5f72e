import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { RetryBudget } from "../../../../runtime/upstream/retry/retry-budget.ts";

function budgetAt(start: number, share: number, minPerSecond: number) {
  let time = start;
  const clock = { now: () => time, monotonic: () => time };
  return {
    budget: new RetryBudget(clock, { share, minPerSecond }),
    advance: (ms: number) => (time += ms),
  };
}

function takeAll(budget: RetryBudget): number {
  let taken = 0;
  while (taken < 100_000 && budget.tryTake()) taken += 1;
  return taken;
}

describe("RetryBudget", () => {
  it("allows the share of the requests in the window", () => {
    const { budget } = budgetAt(0, 0.2, 0);
    for (let i = 0; i < 1000; i++) budget.countRequest();
    expect(takeAll(budget)).toBe(200);
  });

  it("allows the minimum over the window where there is little traffic", () => {
    const { budget } = budgetAt(0, 0.2, 3);
    budget.countRequest();
    expect(takeAll(budget)).toBe(30);
  });

  it("allows none where share and minimum are 0", () => {
    const { budget } = budgetAt(0, 0, 0);
    for (let i = 0; i < 1000; i++) budget.countRequest();
    expect(budget.tryTake()).toBe(false);
  });

  it("never rounds up: one in five needs five", () => {
    const { budget } = budgetAt(0, 0.2, 0);
    for (let i = 0; i < 4; i++) budget.countRequest();
    expect(budget.tryTake()).toBe(false);
    budget.countRequest();
    expect([budget.tryTake(), budget.tryTake()]).toEqual([true, false]);
  });

  it("forgets what is ten seconds old, and nothing that is less than nine", () => {
    const { budget, advance } = budgetAt(500, 0.5, 0);
    for (let i = 0; i < 100; i++) budget.countRequest();
    advance(8999);
    expect(takeAll(budget)).toBe(50);
    advance(1001);
    expect(budget.tryTake()).toBe(false);
    for (let i = 0; i < 100; i++) budget.countRequest();
    // Those 50 still count.
    expect(budget.tryTake()).toBe(false);
    advance(9000);
    expect(takeAll(budget)).toBe(50);
  });

  it("is empty again after an hour without requests", () => {
    const { budget, advance } = budgetAt(0, 0.2, 1);
    expect(takeAll(budget)).toBe(10);
    advance(3_600_000);
    expect(takeAll(budget)).toBe(10);
  });

  it("takes new limits at once", () => {
    const { budget } = budgetAt(0, 0, 1);
    expect(takeAll(budget)).toBe(10);
    budget.adjust({ share: 0, minPerSecond: 2 });
    expect(takeAll(budget)).toBe(10);
  });

  it("counts as a list of times does, whatever happens when", () => {
    const step = fc.record({ ms: fc.integer({ min: 0, max: 4000 }), isRetry: fc.boolean() });
    const check = (steps: { ms: number; isRetry: boolean }[]): void => {
      const { budget, advance } = budgetAt(0, 0.5, 0.1);
      let time = 0;
      const requests: number[] = [];
      const retries: number[] = [];
      for (const { ms, isRetry } of steps) {
        time += ms;
        advance(ms);
        const counted = (times: number[]): number =>
          times.filter((at) => Math.floor(at / 1000) > Math.floor(time / 1000) - 10).length;
        if (!isRetry) {
          budget.countRequest();
          requests.push(time);
          continue;
        }
        const allowed = counted(retries) + 1 <= Math.max(counted(requests) * 0.5, 1);
        expect(budget.tryTake()).toBe(allowed);
        if (allowed) retries.push(time);
      }
    };
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), check));
  });
});
