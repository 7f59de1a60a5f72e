import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { SmoothSchedule } from "../../../../runtime/upstream/balance/smooth-schedule.ts";

const weights = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 65_535 })),
  {
    minLength: 1,
    maxLength: 12,
  },
);

describe("SmoothSchedule", () => {
  it("gives each entry its share to less than one turn, after every number of turns", () => {
    fc.assert(
      fc.property(weights, (list) => {
        const schedule = new SmoothSchedule(list);
        const total = list.reduce((sum, weight) => sum + weight, 0);
        const counts = list.map(() => 0);
        for (let turn = 1; turn <= 300; turn++) {
          counts[schedule.next()]! += 1;
          for (const [entry, count] of counts.entries()) {
            expect(Math.abs(count - (turn * list[entry]!) / total)).toBeLessThan(1 + 1e-6);
          }
        }
      }),
    );
  });

  it("spreads the turns of the heavy one between those of the light ones", () => {
    const schedule = new SmoothSchedule([5, 1, 1]);
    const turns = Array.from({ length: 14 }, () => schedule.next()).join("");
    expect(turns).not.toMatch(/0000/);
    expect(turns.split("").filter((turn) => turn === "0")).toHaveLength(10);
  });

  it("gives exact counts after each whole round of whole weights", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }),
        (list) => {
          const schedule = new SmoothSchedule(list);
          const total = list.reduce((sum, weight) => sum + weight, 0);
          for (let round = 1; round <= 3; round++) {
            const counts = list.map(() => 0);
            for (let turn = 0; turn < total; turn++) counts[schedule.next()]! += 1;
            expect(counts).toEqual(list);
          }
        },
      ),
    );
  });

  it("goes on where the one before it stopped", () => {
    fc.assert(
      fc.property(weights, (list) => {
        const total = list.reduce((sum, weight) => sum + weight, 0);
        const counts = list.map(() => 0);
        let schedule = new SmoothSchedule(list);
        for (let turn = 1; turn <= 100; turn++) {
          schedule = new SmoothSchedule(
            list,
            list.map((_, entry) => schedule.owed(entry)),
          );
          counts[schedule.next()]! += 1;
          for (const [entry, count] of counts.entries()) {
            expect(Math.abs(count - (turn * list[entry]!) / total)).toBeLessThan(2);
          }
        }
      }),
    );
  });
});
