import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { PrefixIndex } from "../../../../runtime/primitives/cache/prefix-index.ts";

const text = fc.stringMatching(/^[ab/]{0,6}$/);
const step = fc.record({ text, kind: fc.constantFrom("set", "delete", "find") });

describe("PrefixIndex", () => {
  it("finds what starts so, and nothing else", () => {
    const index = new PrefixIndex<number>();
    index.set("/a", 1);
    index.set("/ab", 2);
    index.set("/b", 3);
    expect(new Set(index.startingWith("/a"))).toEqual(new Set([1, 2]));
    expect(index.startingWith("/ab")).toEqual([2]);
    expect(index.startingWith("/abc")).toEqual([]);
    expect(new Set(index.startingWith(""))).toEqual(new Set([1, 2, 3]));
    expect(index.get("/a")).toBe(1);
    expect(index.get("/")).toBeUndefined();
  });

  it("agrees with a plain map, whatever is added and removed", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const index = new PrefixIndex<string>();
        const plain = new Map<string, string>();
        for (const { text: name, kind } of steps) {
          if (kind === "set") {
            index.set(name, name);
            plain.set(name, name);
          } else if (kind === "delete") {
            index.delete(name);
            plain.delete(name);
          }
          expect(index.get(name)).toBe(plain.get(name));
          expect(index.size).toBe(plain.size);
          expect(index.nodes).toBeLessThanOrEqual(2 * plain.size + 1);
          expect(index.startingWith(name).sort()).toEqual(
            [...plain.keys()].filter((one) => one.startsWith(name)).sort(),
          );
        }
        for (const name of plain.keys()) index.delete(name);
        expect([index.size, index.nodes]).toEqual([0, 1]);
      }),
    );
  });
});
