import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { LeastConnections } from "../../../../runtime/upstream/balance/least-connections.ts";
import { balanceRequest, testTargets, type TestTarget } from "../../../helpers/balance-targets.ts";

const request = balanceRequest("a");

function take(balancer: LeastConnections): TestTarget {
  const target = balancer.pick(request) as TestTarget;
  target.active += 1;
  balancer.begun(target);
  return target;
}

describe("LeastConnections", () => {
  it("takes the target with the fewest requests for its weight, whatever begins and ends", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(weights, fc.array(fc.nat(30), { maxLength: 150 }), (list, steps) => {
        const targets = testTargets(list);
        const balancer = new LeastConnections();
        balancer.update(targets);
        const underWay: TestTarget[] = [];
        for (const step of steps) {
          const [ended] =
            step < 12 && underWay.length > 0 ? underWay.splice(step % underWay.length, 1) : [];
          if (ended !== undefined) {
            ended.active -= 1;
            balancer.ended(ended);
            continue;
          }
          const least = Math.min(...targets.map(({ active, weight }) => active / weight));
          const target = balancer.pick(request) as TestTarget;
          expect(target.active / target.weight).toBe(least);
          target.active += 1;
          balancer.begun(target);
          underWay.push(target);
        }
      }),
    );
  });

  it("takes idle targets in turn, by weight", () => {
    const targets = testTargets([1, 3]);
    const balancer = new LeastConnections();
    balancer.update(targets);
    const counts = new Map<string, number>();
    for (let turn = 0; turn < 400; turn++) {
      const key = balancer.pick(request)?.key ?? "";
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.get(targets[0]!.key)).toBeGreaterThanOrEqual(99);
    expect(counts.get(targets[0]!.key)).toBeLessThanOrEqual(101);
  });

  it("saves up no turns for a target that was busy for long", () => {
    const [busy, other] = testTargets([1, 1]);
    busy!.active = 50;
    const balancer = new LeastConnections();
    balancer.update([busy!, other!]);
    for (let turn = 0; turn < 100; turn++) expect(balancer.pick(request)).toBe(other);
    busy!.active = 0;
    balancer.ended(busy!);
    const next = Array.from({ length: 10 }, () => balancer.pick(request));
    expect(next.filter((target) => target === other).length).toBeGreaterThanOrEqual(4);
  });

  it("notices within a round what nobody told it", () => {
    const targets = testTargets([1, 1, 1, 1]);
    for (const target of targets) target.active = 5;
    const balancer = new LeastConnections();
    balancer.update(targets);
    targets[3]!.active = 0;
    const seen = Array.from({ length: 5 }, () => balancer.pick(request));
    expect(seen).toContain(targets[3]);
  });

  it("keeps turns over an update", () => {
    const targets = testTargets([1, 1, 1]);
    const balancer = new LeastConnections();
    balancer.update(targets);
    const seen = Array.from({ length: 6 }, () => {
      const target = take(balancer);
      target.active -= 1;
      balancer.ended(target);
      balancer.update(targets);
      return target;
    });
    expect(new Set(seen.slice(0, 3)).size).toBe(3);
    expect(seen.slice(3)).toEqual(seen.slice(0, 3));
  });
});
