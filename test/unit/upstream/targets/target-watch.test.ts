import { describe, expect, it } from "vitest";

import { DeadlineWheel } from "../../../../runtime/clock.ts";
import type { Target } from "../../../../runtime/upstream/target.ts";
import { TargetWatch, type Resolution } from "../../../../runtime/upstream/targets/target-watch.ts";

function target(port: number): Target {
  return { scheme: "http", hostname: "192.0.2.1", port, authority: `192.0.2.1:${port}`, weight: 1 };
}

function setUp(first: Resolution | Error) {
  let now = 0;
  const wheel = new DeadlineWheel({ now: () => now, monotonic: () => now }, false);
  let answer = first;
  let asked = 0;
  const told: string[] = [];
  const settled = async () => {
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };
  const watch = new TargetWatch({
    wheel,
    maxTargets: 3,
    resolve: async () => {
      asked += 1;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    onTargets: (targets) => told.push(targets.map(({ port }) => port).join()),
    onFailure: (reason) => told.push(`failure: ${reason}`),
    onRecovery: () => told.push("recovery"),
    onSurplus: (count) => told.push(`surplus: ${count}`),
  });
  return {
    watch,
    told,
    asked: () => asked,
    answers: (next: Resolution | Error) => (answer = next),
    settled,
    pass: async (ms: number) => {
      now += ms;
      wheel.turn();
      await settled();
    },
  };
}

describe("a list of targets that is looked up", () => {
  it("is looked up again when its time is over", async () => {
    const { told, asked, answers, settled, pass } = setUp({ targets: [target(1)], ttlMs: 5000 });
    await settled();
    answers({ targets: [target(2)], ttlMs: 5000 });
    await pass(4900);
    expect(asked()).toBe(1);
    await pass(200);
    expect(told).toEqual(["1", "2"]);
  });

  it("holds for a second at least and an hour at most, whatever it says of itself", async () => {
    const { asked, answers, settled, pass } = setUp({ targets: [target(1)], ttlMs: 0 });
    await settled();
    await pass(900);
    expect(asked()).toBe(1);
    answers({ targets: [target(1)], ttlMs: 86_400_000 });
    await pass(200);
    expect(asked()).toBe(2);
    await pass(3_599_000);
    expect(asked()).toBe(2);
    await pass(1100);
    expect(asked()).toBe(3);
  });

  it("stays as it is when the look fails, which is told once; then it is tried ever less often", async () => {
    const { told, asked, answers, settled, pass } = setUp({ targets: [target(1)], ttlMs: 1000 });
    await settled();
    answers(new Error("SERVFAIL"));
    await pass(1050);
    await pass(1050);
    await pass(1050);
    expect(asked()).toBe(3);
    await pass(1050);
    expect(asked()).toBe(4);
    expect(told).toEqual(["1", "failure: SERVFAIL"]);
    answers({ targets: [target(1)], ttlMs: 1000 });
    await pass(4050);
    expect(told).toEqual(["1", "failure: SERVFAIL", "1", "recovery"]);
  });

  it("stays as it is when nothing was found", async () => {
    const { told, answers, settled, pass } = setUp({ targets: [target(1)], ttlMs: 1000 });
    await settled();
    answers({ targets: [], ttlMs: 1000 });
    await pass(1050);
    expect(told).toEqual(["1", "failure: no targets were found"]);
  });

  it("is cut to its bound, which is told once", async () => {
    const targets = [1, 2, 3, 4].map(target);
    const { told, settled, pass } = setUp({ targets, ttlMs: 1000 });
    await settled();
    await pass(1050);
    expect(told).toEqual(["surplus: 4", "1,2,3", "1,2,3"]);
  });

  it("is looked up sooner when something in it does not answer, but not more than once a second", async () => {
    const { watch, asked, settled, pass } = setUp({ targets: [target(1)], ttlMs: 60_000 });
    await settled();
    for (let i = 0; i < 10; i++) watch.hurry();
    await pass(900);
    watch.hurry();
    expect(asked()).toBe(1);
    await pass(200);
    expect(asked()).toBe(2);
  });

  it("is not looked up any more once it is closed", async () => {
    const { watch, told, asked, settled, pass } = setUp({ targets: [target(1)], ttlMs: 1000 });
    watch.close();
    await settled();
    await pass(2000);
    expect([asked(), told]).toEqual([1, []]);
  });
});
