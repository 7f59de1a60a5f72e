import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { AliasTable } from "../../../../runtime/upstream/balance/alias-table.ts";
import { TwoChoices } from "../../../../runtime/upstream/balance/two-choices.ts";
import {
  balanceRequest,
  chiSquare,
  seeded,
  testTargets,
  type TestTarget,
} from "../../../helpers/balance-targets.ts";

const request = balanceRequest("a");

describe("AliasTable", () => {
  it("draws each entry exactly as often as its weight says", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 }),
        (weights) => {
          const table = new AliasTable(weights);
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          // Evenly spaced numbers in place of random ones: each column has total of them.
          const draws = weights.length * total;
          const counts = weights.map(() => 0);
          for (let draw = 0; draw < draws; draw++) counts[table.draw((draw + 0.5) / draws)]! += 1;
          for (const [entry, count] of counts.entries()) {
            expect(Math.abs(count - weights[entry]! * weights.length)).toBeLessThanOrEqual(
              weights.length,
            );
          }
        },
      ),
    );
  });
});

describe("TwoChoices", () => {
  it("shares by weight where all are as busy for their weight", () => {
    const weights = [1, 2, 3, 4, 10, 20];
    const targets = testTargets(weights);
    // So busy that one request more or less decides nothing: the draw alone does.
    const balancer = new TwoChoices(seeded(7));
    balancer.update(targets);
    const counts = targets.map(() => 0);
    for (let turn = 0; turn < 60_000; turn++) {
      const target = balancer.pick(request) as TestTarget;
      target.active += 1;
      counts[targets.indexOf(target)]! += 1;
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [at, count] of counts.entries()) {
      expect(Math.abs(count / 60_000 - weights[at]! / total)).toBeLessThan(0.005);
    }
  });

  it("takes the less busy one of two", () => {
    const [busy, free] = testTargets([1, 1]);
    busy!.active = 1;
    const balancer = new TwoChoices(seeded(1));
    balancer.update([busy!, free!]);
    // The same one may be drawn each time: once in 16 pairs' retries.
    const picks = Array.from({ length: 200 }, () => balancer.pick(request));
    expect(picks.filter((target) => target === free).length).toBeGreaterThan(185);
  });

  it("is far more even than chance alone", () => {
    const targets = testTargets(Array.from({ length: 100 }, () => 1));
    const balancer = new TwoChoices(seeded(3));
    balancer.update(targets);
    for (let turn = 0; turn < 10_000; turn++) (balancer.pick(request) as TestTarget).active += 1;
    const counts = targets.map(({ active }) => active);
    // Chance alone would be off by some 30 at the ends and have a statistic near 99.
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThan(12);
    expect(
      chiSquare(
        counts,
        counts.map(() => 1),
      ).statistic,
    ).toBeLessThan(20);
  });
});
