/** What holds for every way to choose. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { BalanceTarget } from "../../../../runtime/upstream/balance/balancer.ts";
import {
  createBalancer,
  type BalanceRule,
} from "../../../../runtime/upstream/balance/create-balancer.ts";
import {
  balanceRequest,
  seeded,
  testTargets,
  type TestTarget,
} from "../../../helpers/balance-targets.ts";

const cookie = {
  name: "c",
  path: "/",
  domain: undefined,
  maxAgeSeconds: undefined,
  sameSite: "Lax",
  secure: "auto",
  httpOnly: true,
} as const;

const RULES: Readonly<Record<string, BalanceRule>> = {
  "round-robin": { type: "round-robin" },
  "least-connections": { type: "least-connections" },
  "random-two-choices": { type: "random-two-choices" },
  hash: { type: "hash", by: "client", boundedLoad: undefined },
  "bounded hash": { type: "hash", by: "client", boundedLoad: 1.25 },
  sticky: { type: "sticky", cookie, secrets: ["s".repeat(32)], otherwise: "round-robin" },
};

const POOL = testTargets([1, 1, 1, 2, 3, 7, 100, 65_535, 0.01, 1]);

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("pick" as const), client: fc.nat(50) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("avoid" as const),
      client: fc.nat(50),
      which: fc.uniqueArray(fc.nat(POOL.length - 1)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("end" as const), at: fc.nat(POOL.length - 1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("update" as const),
      which: fc.uniqueArray(fc.nat(POOL.length - 1)),
    }),
  },
);

describe.each(Object.entries(RULES))("%s", (_name, rule) => {
  it("chooses among the targets of the last update, others than those to avoid if there is one", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), fc.nat(), (actions, seed) => {
        const balancer = createBalancer({ name: "u", rule, random: seeded(seed) });
        for (const target of POOL) target.active = 0;
        let usable: readonly TestTarget[] = [];
        balancer.update(usable);
        const take = (target: BalanceTarget | undefined): void => {
          if (target === undefined) {
            expect(usable).toEqual([]);
            return;
          }
          expect(usable).toContain(target);
          (target as TestTarget).active += 1;
          balancer.begun?.(target);
        };
        for (const one of actions) {
          switch (one.kind) {
            case "pick":
              take(balancer.pick(balanceRequest(`10.0.0.${one.client}`)));
              break;
            case "avoid": {
              const avoid = new Set(one.which.map((at) => POOL[at]!));
              const target = balancer.pick(balanceRequest(`10.0.0.${one.client}`), avoid);
              take(target);
              if (usable.some((other) => !avoid.has(other))) {
                expect(avoid.has(target as TestTarget)).toBe(false);
              }
              break;
            }
            case "end": {
              const target = POOL[one.at]!;
              if (target.active === 0) break;
              target.active -= 1;
              balancer.ended?.(target);
              break;
            }
            case "update":
              usable = one.which.map((at) => POOL[at]!);
              balancer.update(usable);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("gives the only target to everybody, even to those that avoid it", () => {
    const [only] = testTargets([3]);
    const balancer = createBalancer({ name: "u", rule });
    balancer.update([only!]);
    expect(balancer.pick(balanceRequest("a"))).toBe(only);
    expect(balancer.pick(balanceRequest("a"), new Set([only!]))).toBe(only);
  });

  it("has none when there is none", () => {
    const balancer = createBalancer({ name: "u", rule });
    expect(balancer.pick(balanceRequest("a"))).toBeUndefined();
    balancer.update(testTargets([1, 2]));
    balancer.update([]);
    expect(balancer.pick(balanceRequest("a"), new Set(testTargets([1])))).toBeUndefined();
  });
});
