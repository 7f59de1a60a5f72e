import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ConsistentHash } from "../../../../runtime/upstream/balance/consistent-hash.ts";
import { HashRing } from "../../../../runtime/upstream/balance/hash-ring.ts";
import { keyHash } from "../../../../runtime/upstream/balance/key-hash.ts";
import { balanceRequest, testTargets, type TestTarget } from "../../../helpers/balance-targets.ts";

const KEYS = Array.from({ length: 2000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);

function balancerOf(targets: readonly TestTarget[], boundedLoad?: number): ConsistentHash {
  const balancer = new ConsistentHash({
    keyOf: ({ clientAddress = "" }) => clientAddress,
    boundedLoad,
  });
  balancer.update(targets);
  return balancer;
}

function owners(balancer: ConsistentHash): (string | undefined)[] {
  return KEYS.map((key) => balancer.pick(balanceRequest(key))?.key);
}

describe("ConsistentHash", () => {
  it("moves the keys of a target that leaves, about one in n, and no others; they come back with it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.nat(),
        fc.boolean(),
        (count, gone, isFresh) => {
          const targets = testTargets(Array.from({ length: count }, () => 1));
          const left = targets[gone % count]!;
          const rest = targets.filter((target) => target !== left);
          const balancer = balancerOf(targets);
          const before = owners(balancer);
          const after = isFresh ? balancerOf(rest) : balancer;
          if (!isFresh) after.update(rest);
          const moved = owners(after).filter((owner, at) => owner !== before[at]).length;
          expect(moved).toBe(before.filter((owner) => owner === left.key).length);
          expect(moved / KEYS.length).toBeGreaterThan(0.6 / count);
          expect(moved / KEYS.length).toBeLessThan(1.6 / count);
          after.update(targets);
          expect(owners(after)).toEqual(before);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("gives keys to targets by weight", () => {
    const weights = [1, 2, 4, 8];
    const targets = testTargets(weights);
    const balancer = balancerOf(targets);
    const counts = targets.map(() => 0);
    for (let key = 0; key < 30_000; key++) {
      const owner = balancer.pick(balanceRequest(`key ${key}`)) as TestTarget;
      counts[targets.indexOf(owner)]! += 1;
    }
    for (const [at, count] of counts.entries()) {
      // Points are few for the lightest: shares are off by a part of themselves.
      expect(count / 30_000 / (weights[at]! / 15)).toBeGreaterThan(0.6);
      expect(count / 30_000 / (weights[at]! / 15)).toBeLessThan(1.5);
    }
  });

  it("does not depend on the order of the targets, nor on what was before", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(fc.nat(19), { minLength: 1 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 20, maxLength: 20 }),
        (sets, weights) => {
          const targets = testTargets(weights);
          const balancer = balancerOf([]);
          let last: TestTarget[] = [];
          for (const set of sets) {
            last = set.map((at) => targets[at]!);
            balancer.update(last);
          }
          expect(owners(balancer)).toEqual(owners(balancerOf(last.toReversed())));
        },
      ),
      { numRuns: 30 },
    );
  });

  it("moves a growing part of the keys while a target starts slowly, and none between others", () => {
    const targets = testTargets([1, 1, 1, 1]);
    const slow = targets[2]!;
    const balancer = balancerOf(targets);
    const whole = owners(balancer);
    let before = 0;
    for (const weight of [0.1, 0.4, 0.7]) {
      slow.weight = weight;
      balancer.update(targets);
      const now = owners(balancer);
      const its = now.filter((owner) => owner === slow.key).length;
      expect(its).toBeGreaterThan(before);
      before = its;
      for (const [at, owner] of now.entries()) {
        if (owner !== whole[at]) expect(whole[at]).toBe(slow.key);
      }
    }
  });

  it("keeps every target within the bound, however few the keys are", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 20 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(1, 1.1, 1.25, 2),
        (weights, keys, bound) => {
          const targets = testTargets(weights);
          const balancer = balancerOf(targets, bound);
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          for (let request = 1; request <= 600; request++) {
            const target = balancer.pick(balanceRequest(`key ${request % keys}`)) as TestTarget;
            target.active += 1;
            balancer.begun(target);
            const most = Math.max(8, Math.ceil((bound * request * target.weight) / total));
            expect(target.active).toBeLessThanOrEqual(most);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("passes on what is too much to the same next target each time", () => {
    const targets = testTargets([1, 1, 1, 1, 1]);
    const balancer = balancerOf(targets, 1.25);
    const first = balancer.pick(balanceRequest("k")) as TestTarget;
    first.active = 20;
    balancer.update(targets);
    const seconds = new Set(Array.from({ length: 20 }, () => balancer.pick(balanceRequest("k"))));
    expect(seconds.size).toBe(1);
    expect(seconds.has(first)).toBe(false);
    first.active = 3;
    balancer.update(targets);
    expect(balancer.pick(balanceRequest("k"))).toBe(first);
  });

  it("counts requests of targets that have left, and those that ended meanwhile, right again at the next update", () => {
    const targets = testTargets([1, 1]);
    const balancer = balancerOf(targets, 1);
    targets[0]!.active = 30;
    balancer.begun(targets[0]!);
    balancer.update([targets[1]!]);
    targets[0]!.active = 0;
    balancer.ended(targets[0]!);
    balancer.update(targets);
    for (let request = 0; request < 40; request++) {
      const target = balancer.pick(balanceRequest("k")) as TestTarget;
      target.active += 1;
      balancer.begun(target);
    }
    expect(targets.map(({ active }) => active).toSorted((a, b) => a - b)).toEqual([20, 20]);
  });
});

describe("HashRing", () => {
  it("finds the next point at or after a place, going round", () => {
    const ring = new HashRing(testTargets([1, 1, 1]));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (hash) => {
        const point = ring.find(hash);
        // One step back must be a point before that place, or the end of the ring.
        expect(point).toBeGreaterThanOrEqual(0);
        expect(point).toBeLessThan(ring.size);
        expect(ring.find((ring.placeAt(point) as number) >>> 0)).toBe(point);
        if (ring.placeAt(point) < hash) expect(point).toBe(0);
        else if (point > 0) expect(ring.placeAt(point - 1)).toBeLessThan(hash);
      }),
    );
  });
});

describe("keyHash", () => {
  it("never changes: all machines must agree", () => {
    expect(keyHash("")).toBe(keyHash("", 0));
    expect([keyHash("10.0.0.1"), keyHash("10.0.0.2"), keyHash("10.0.0.1", 1)])
      .toMatchInlineSnapshot(`
      [
        2931590574,
        1225628325,
        164439247,
      ]
    `);
  });
});
