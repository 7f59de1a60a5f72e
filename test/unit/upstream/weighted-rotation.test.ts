import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { WeightedRotation } from "../../../runtime/upstream/weighted-rotation.ts";

describe("WeightedRotation", () => {
  it("spreads a heavy target over the round", () => {
    const rotation = new WeightedRotation([5, 1, 1]);
    const order = Array.from({ length: 7 }, () => "abc"[rotation.next()]).join("");
    expect(order).toBe("aabacaa");
  });

  it("gives each target exactly its share of every round", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 2, maxLength: 8 }),
        (weights) => {
          const round = weights.reduce((sum, weight) => sum + weight, 0);
          fc.pre(round > 0);
          const rotation = new WeightedRotation(weights);
          for (let rounds = 0; rounds < 3; rounds++) {
            const counts = weights.map(() => 0);
            for (let i = 0; i < round; i++) {
              const position = rotation.next();
              counts[position] = (counts[position] as number) + 1;
            }
            expect(counts).toEqual(weights);
          }
        },
      ),
    );
  });

  it("never gives the excepted target while there is another", () => {
    const rotation = new WeightedRotation([9, 1]);
    for (let i = 0; i < 20; i++) expect(rotation.next(0)).toBe(1);
    expect(new WeightedRotation([1]).next(0)).toBe(0);
  });

  it("follows a changed weight", () => {
    const rotation = new WeightedRotation([1, 1]);
    rotation.setWeight(0, 0);
    rotation.setWeight(7, 5);
    expect(Array.from({ length: 4 }, () => rotation.next())).toEqual([1, 1, 1, 1]);
  });
});
