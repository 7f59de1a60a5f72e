import { describe, expect, it } from "vitest";

import {
  LocalBudget,
  type BudgetHolder,
  type ConnectionBudget,
} from "../../../../runtime/upstream/targets/connection-budget.ts";

class Holder implements BudgetHolder {
  idle = 0;
  rooms = 0;
  readonly #budget: ConnectionBudget;
  constructor(budget: ConnectionBudget) {
    this.#budget = budget;
    budget.join(this);
  }
  yieldIdle(): boolean {
    if (this.idle === 0) return false;
    this.idle -= 1;
    this.#budget.give();
    return true;
  }
  onRoom(): void {
    this.rooms += 1;
  }
}

describe("a connection budget", () => {
  it("never gives more than its limit", () => {
    const budget = new LocalBudget(2);
    expect([budget.tryTake(), budget.tryTake(), budget.tryTake()]).toEqual([true, true, false]);
    budget.give();
    expect([budget.tryTake(), budget.tryTake()]).toEqual([true, false]);
  });

  it("takes an idle place from another holder, never from whoever asks", () => {
    const budget = new LocalBudget(1);
    const before = new Holder(budget);
    const after = new Holder(budget);
    expect(budget.tryTake(before)).toBe(true);
    expect(budget.tryTake(after)).toBe(false);
    before.idle = 1;
    expect(budget.tryTake(before)).toBe(false);
    expect(budget.tryTake(after)).toBe(true);
    expect([before.idle, budget.taken]).toEqual([0, 1]);
  });

  it("tells the holders of a place that has become free, and of a raised limit", () => {
    const budget = new LocalBudget(1);
    const before = new Holder(budget);
    const after = new Holder(budget);
    budget.tryTake(before);
    budget.give();
    expect([before.rooms, after.rooms]).toEqual([1, 1]);
    budget.setLimit(2);
    expect([before.rooms, after.rooms]).toEqual([2, 2]);
  });

  it("is overdrawn when the limit is lowered below what is taken", () => {
    const budget = new LocalBudget(2);
    budget.tryTake();
    budget.tryTake();
    budget.setLimit(1);
    expect([budget.overdrawn, budget.tryTake()]).toEqual([true, false]);
    budget.give();
    expect(budget.overdrawn).toBe(false);
  });
});
