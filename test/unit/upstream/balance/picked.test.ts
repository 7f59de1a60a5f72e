import type { Context, PickTarget, ProxyRequest } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import type { BalanceRequest } from "../../../../runtime/upstream/balance/balancer.ts";
import { createBalancer } from "../../../../runtime/upstream/balance/create-balancer.ts";
import type { PickFunction } from "../../../../runtime/upstream/balance/picked.ts";
import { balanceRequest, testTargets } from "../../../helpers/balance-targets.ts";

const facades = { request: { path: "/p" } as ProxyRequest, context: { id: "i" } as Context };
const request: BalanceRequest = { ...balanceRequest("c"), facades };

function picking(pick: PickFunction) {
  const faults: unknown[] = [];
  let now = 0;
  const balancer = createBalancer({
    name: "u",
    rule: { type: "round-robin" },
    pick,
    onFault: (error) => faults.push(error),
    clock: { now: () => now, monotonic: () => now },
  });
  const targets = testTargets([1, 1, 1]);
  balancer.update(targets);
  return { balancer, targets, faults, wait: (ms: number) => void (now += ms) };
}

describe("a pick function", () => {
  it("gets live views of the targets, the request and the context, and its choice holds", () => {
    const seen: unknown[] = [];
    const { balancer, targets } = picking((views, given, ctx) => {
      seen.push(given, ctx, views[1]?.active, views[1]?.weight, views[1]?.healthy);
      return views[1];
    });
    targets[1]!.active = 4;
    expect(balancer.pick(request)).toBe(targets[1]);
    targets[1]!.active = 5;
    expect(balancer.pick(request)).toBe(targets[1]);
    const { request: given, context } = facades;
    expect(seen).toEqual([given, context, 4, 1, true, given, context, 5, 1, true]);
  });

  it("cannot change what it sees", () => {
    const { balancer, targets, faults } = picking((views) => {
      (views as PickTarget[]).pop();
      return undefined;
    });
    expect(targets).toContain(balancer.pick(request));
    expect(faults).toHaveLength(1);
    const view = picking((views) => {
      (views[0] as { weight: number }).weight = 9;
      return views[0];
    });
    view.balancer.pick(request);
    expect(view.targets[0]?.weight).toBe(1);
    expect(view.faults).toHaveLength(1);
  });

  it("leaves the choice to the algorithm by returning nothing", () => {
    const { balancer, targets, faults } = picking(() => undefined);
    expect([1, 2, 3].map(() => balancer.pick(request))).toEqual(targets);
    expect(faults).toEqual([]);
  });

  it("is told of its faults once a minute, and the algorithm chooses", () => {
    const { balancer, targets, faults, wait } = picking(() => {
      throw new Error("broken");
    });
    expect([1, 2, 3].map(() => balancer.pick(request))).toEqual(targets);
    expect(faults).toHaveLength(1);
    wait(59_999);
    balancer.pick(request);
    expect(faults).toHaveLength(1);
    wait(1);
    balancer.pick(request);
    expect(faults).toHaveLength(2);
  });

  it.each<[string, (views: readonly PickTarget[]) => unknown]>([
    ["a copy", (views) => ({ ...views[0] })],
    ["a promise", (views) => Promise.resolve(views[0])],
    ["a text", (views) => views[0]?.key],
    ["null", () => null],
  ])("cannot choose with %s", (_what, pick) => {
    const { balancer, targets, faults } = picking(pick as PickFunction);
    expect(balancer.pick(request)).toBe(targets[0]);
    expect(faults).toHaveLength(1);
  });

  it("is not offered targets that have failed the request, and cannot choose one that it kept", () => {
    let kept: PickTarget | undefined;
    const offered: number[] = [];
    const { balancer, targets, faults } = picking((views) => {
      kept ??= views[0];
      offered.push(views.length);
      return kept;
    });
    expect(balancer.pick(request)).toBe(targets[0]);
    expect(balancer.pick(request, new Set([targets[0]!]))).not.toBe(targets[0]);
    expect(offered).toEqual([3, 2]);
    expect(faults).toHaveLength(1);
    balancer.update(targets.slice(1));
    expect(targets.slice(1)).toContain(balancer.pick(request));
  });

  it("is not asked where no client's request is there to look at", () => {
    const { balancer, targets } = picking((views) => views[2]);
    expect(balancer.pick(balanceRequest("c"))).toBe(targets[0]);
  });

  it("sees that none is well when all are used all the same", () => {
    const seen: boolean[] = [];
    const { balancer } = picking((views) => {
      seen.push(...views.map(({ healthy }) => healthy));
      return undefined;
    });
    balancer.update([
      { ...testTargets([1])[0]!, state: "down" },
      { ...testTargets([1])[0]!, state: "half-open" },
    ]);
    balancer.pick(request);
    expect(seen).toEqual([false, true]);
  });
});
