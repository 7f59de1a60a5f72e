import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { RoundRobin } from "../../../../runtime/upstream/balance/round-robin.ts";
import { balanceRequest, testTargets, type TestTarget } from "../../../helpers/balance-targets.ts";

const request = balanceRequest("a");

function picks(balancer: RoundRobin, count: number): string {
  return Array.from({ length: count }, () => balancer.pick(request)?.key.slice(8, 9)).join("");
}

describe("RoundRobin", () => {
  it("takes targets of equal weight one after the other", () => {
    const balancer = new RoundRobin();
    balancer.update(testTargets([2, 2, 2]));
    expect(picks(balancer, 7)).toBe("0120120");
  });

  it("takes targets of different weight by it", () => {
    const balancer = new RoundRobin();
    balancer.update(testTargets([3, 1]));
    expect(
      picks(balancer, 40)
        .split("")
        .filter((one) => one === "0"),
    ).toHaveLength(30);
  });

  it("goes on where it was when nothing has changed", () => {
    const balancer = new RoundRobin();
    const targets = testTargets([1, 1, 1, 1]);
    balancer.update(targets);
    let got = "";
    for (let turn = 0; turn < 12; turn++) {
      got += picks(balancer, 1);
      balancer.update(targets);
    }
    expect(got).toBe("012301230123");
  });

  it("gives each target its share while weights and members change all the time", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ slow: fc.nat(4), weight: fc.constantFrom(0.1, 0.5, 1), turns: fc.nat(3) }),
          {
            minLength: 60,
            maxLength: 200,
          },
        ),
        (changes) => {
          const targets = testTargets([1, 1, 2, 3, 1]);
          const whole = targets.map(({ weight }) => weight);
          const balancer = new RoundRobin();
          balancer.update(targets);
          const counts = targets.map(() => 0);
          const due = targets.map(() => 0);
          for (const { slow, weight, turns } of changes) {
            targets[slow]!.weight = whole[slow]! * weight;
            balancer.update(targets);
            const total = targets.reduce((sum, one) => sum + one.weight, 0);
            for (let turn = 0; turn < turns; turn++) {
              counts[targets.indexOf(balancer.pick(request) as TestTarget)]! += 1;
              for (const [at, one] of targets.entries()) due[at]! += one.weight / total;
            }
          }
          for (const [at, count] of counts.entries()) {
            expect(Math.abs(count - due[at]!)).toBeLessThan(4);
          }
        },
      ),
    );
  });

  it("lets nobody wait longer because others come and go", () => {
    const [first, second, third] = testTargets([1, 1, 1]);
    const balancer = new RoundRobin();
    balancer.update([first!, second!, third!]);
    expect(picks(balancer, 1)).toBe("0");
    balancer.update([first!, third!]);
    expect(picks(balancer, 1)).toBe("2");
    balancer.update([first!, second!, third!]);
    expect(picks(balancer, 2)).toMatch(/^(?:01|10|12|21)$/);
  });

  it("gives up the turns of those to avoid, not those of others", () => {
    const [heavy, light, other] = testTargets([100, 1, 1]);
    const balancer = new RoundRobin();
    balancer.update([heavy!, light!, other!]);
    const avoid = new Set([heavy!]);
    for (let turn = 0; turn < 20; turn++) expect(balancer.pick(request, avoid)).not.toBe(heavy);
  });
});
