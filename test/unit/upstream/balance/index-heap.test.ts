import fc from "fast-check";
import { expect, it } from "vitest";

import { IndexHeap } from "../../../../runtime/upstream/balance/index-heap.ts";

const SIZE = 24;
const step = fc.record({
  kind: fc.constantFrom("push", "pop", "change"),
  entry: fc.nat(SIZE - 1),
  key: fc.integer({ min: 0, max: 8 }),
  tie: fc.integer({ min: 0, max: 3 }),
});

it("has the smallest entry on top, by key, tie and number, whatever was pushed, popped and changed", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new IndexHeap(SIZE);
      const model = new Set<number>();
      const smallest = (): number =>
        [...model].sort(
          (a, b) => heap.keys[a]! - heap.keys[b]! || heap.ties[a]! - heap.ties[b]! || a - b,
        )[0] ?? -1;
      for (const { kind, entry, key, tie } of steps) {
        if (kind === "pop") {
          const expected = smallest();
          model.delete(expected);
          // Asked before the model forgot it.
          expect(heap.pop()).toBe(expected);
        } else {
          heap.keys[entry] = key;
          heap.ties[entry] = tie;
          if (model.has(entry)) {
            heap.moved(entry);
          } else if (kind === "push") {
            heap.push(entry);
            model.add(entry);
          }
        }
        expect(heap.top).toBe(smallest());
        expect(heap.size).toBe(model.size);
      }
    }),
  );
});
