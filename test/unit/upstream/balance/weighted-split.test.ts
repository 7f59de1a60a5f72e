import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { WeightedSplit } from "../../../../runtime/upstream/balance/weighted-split.ts";
import { balanceRequest, chiSquare, seeded } from "../../../helpers/balance-targets.ts";

const CLIENTS = Array.from({ length: 20_000 }, (_, at) =>
  balanceRequest(`10.${at >> 14}.${(at >> 7) & 127}.${at & 127}`),
);

type Shares = readonly (readonly [string, number])[];

function split(shares: Shares, by: "client" | "random" = "client", name = "app"): WeightedSplit {
  return new WeightedSplit({ name, shares, by, random: seeded(5) });
}

describe("WeightedSplit", () => {
  it.each(["client", "random"] as const)("divides by shares (%s)", (by) => {
    const shares = [
      ["a", 90],
      ["b", 8],
      ["c", 2],
    ] as const;
    const one = split(shares, by);
    const counts = shares.map(() => 0);
    for (const client of CLIENTS) {
      const chosen = one.choose(client);
      counts[shares.findIndex(([name]) => name === chosen)]! += 1;
    }
    const { statistic, bound } = chiSquare(
      counts,
      shares.map(([, share]) => share),
    );
    expect(statistic).toBeLessThan(bound);
  });

  it("keeps each client where it is, in another instance too", () => {
    const shares = [
      ["a", 1],
      ["b", 1],
    ] as const;
    const [first, second] = [split(shares), split(shares.toReversed())];
    for (const client of CLIENTS.slice(0, 500)) {
      expect(first.choose(client)).toBe(second.choose(client));
    }
  });

  it("only adds clients to an upstream whose share grows, and only moves those of one that is taken out", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 6 }),
        fc.nat(),
        fc.integer({ min: 1, max: 50 }),
        (list, which, more) => {
          const at = which % list.length;
          const name = `u${at}`;
          const shares = list.map((share, one) => [`u${one}`, share] as const);
          const grown = shares.map(
            ([one, share]) => [one, one === name ? share + more : share] as const,
          );
          const without = shares.map(([one, share]) => [one, one === name ? 0 : share] as const);
          const [before, after, out] = [split(shares), split(grown), split(without)];
          for (const client of CLIENTS.slice(0, 300)) {
            const was = before.choose(client);
            const is = after.choose(client);
            if (is !== was) expect(is).toBe(name);
            if (was === name) expect(out.choose(client)).not.toBe(name);
            else expect(out.choose(client)).toBe(was);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("divides the same clients otherwise under another name", () => {
    const shares = [
      ["a", 1],
      ["b", 1],
    ] as const;
    const [one, other] = [split(shares), split(shares, "client", "other")];
    const same = CLIENTS.slice(0, 2000).filter(
      (client) => one.choose(client) === other.choose(client),
    );
    expect(same.length).toBeGreaterThan(850);
    expect(same.length).toBeLessThan(1150);
  });
});
