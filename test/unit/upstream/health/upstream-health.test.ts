import { describe, expect, it } from "vitest";

import type { BalanceRequest } from "../../../../runtime/upstream/balance/balancer.ts";
import type {
  BreakerRule,
  CheckTimes,
  FunctionCheckRule,
  HealthRules,
  OutlierRule,
} from "../../../../runtime/upstream/health/health-rules.ts";
import type { HealthChange, Outcome } from "../../../../runtime/upstream/health/health.ts";
import { createUpstreamHealth } from "../../../../runtime/upstream/health/upstream-health.ts";
import type { Target } from "../../../../runtime/upstream/target.ts";
import type { TargetMember } from "../../../../runtime/upstream/targets/target-member.ts";
import { TargetSet } from "../../../../runtime/upstream/targets/target-set.ts";
import { ManualTime } from "../../../helpers/listening.ts";

const REQUEST: BalanceRequest = { method: "GET", path: "/", fields: [] };
const GOOD: Outcome = { status: 200, failed: false, headMs: 2 };
const BAD: Outcome = { status: undefined, failed: true, headMs: undefined };

const OUTLIERS: OutlierRule = {
  errorStatus: [[502, 504]],
  consecutiveErrors: 5,
  errorRate: undefined,
  latency: undefined,
  baseTimeMs: 10_000,
  maxTimeMs: 25_000,
  maxEjected: 0.5,
};

const BREAKER: BreakerRule = {
  errorStatus: [[502, 504]],
  consecutiveErrors: 3,
  errorRate: undefined,
  openMs: 10_000,
  trials: 1,
  successes: 2,
};

const TIMES: CheckTimes = {
  intervalMs: 10_000,
  downIntervalMs: 2000,
  timeoutMs: 1000,
  jitter: 0,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
};

function setWith(rules: Partial<HealthRules>, names = ["a", "b", "c"]) {
  const time = new ManualTime();
  const changes: HealthChange[] = [];
  const places = { taken: 0, refused: false };
  const closed: string[] = [];
  const idle = new Set<string>();
  const all: HealthRules = {
    check: undefined,
    outliers: undefined,
    breaker: undefined,
    slowStartMs: 0,
    ...rules,
  };
  const set = new TargetSet({
    name: "api",
    targets: names.map((name) => target(name)),
    clock: time.clock,
    onHealthChange: (change) => changes.push(change),
    createHealth: createUpstreamHealth({
      rules: all,
      terms: { socket: {}, http2: false, preface: "" },
      wheel: time.wheel,
      clock: time.clock,
      random: () => 0.5,
    }),
  });
  set.attach({
    hasIdle: ({ target }) => idle.has(target.hostname),
    closeIdle: ({ target }) => void closed.push(target.hostname),
    takePlace: () => {
      if (!places.refused) places.taken += 1;
      return !places.refused;
    },
    givePlace: () => void (places.taken -= 1),
    onChoiceChanged() {},
  });
  const member = (name: string): TargetMember => set.member(`http://${name}:80`) as TargetMember;
  return {
    time,
    set,
    changes,
    closed,
    idle,
    places,
    rules: all,
    member,
    states: () => set.members.map(({ state }) => state).join(" "),
    /** Requests to one target, one after the other. */
    run(name: string, ...outcomes: Outcome[]) {
      for (const outcome of outcomes) {
        set.begun(member(name));
        set.observed(member(name), outcome);
        set.ended(member(name));
      }
    },
  };
}

function target(name: string): Target {
  return { scheme: "http", hostname: name, port: 80, authority: name, weight: 1 };
}

function times<T>(count: number, one: T): T[] {
  return Array.from({ length: count }, () => one);
}

/** A check that answers what the test has put there for each target. */
function scripted(rule: Partial<CheckTimes> = {}) {
  const sick = new Set<string>();
  const asked: string[] = [];
  const check: FunctionCheckRule = {
    type: "function",
    ...TIMES,
    ...rule,
    check: ({ hostname }) => {
      asked.push(hostname);
      return !sick.has(hostname);
    },
  };
  return { check, sick, asked };
}

describe("active checks", () => {
  it("take a target out after so many failures in a row and back after so many passes, and say so once", async () => {
    const { check, sick } = scripted();
    const { time, states, changes, closed } = setWith({ check });
    sick.add("b");
    // The first look after 0.5 s, then every 10 s.
    await time.pass(10_600);
    expect(states()).toBe("up up up");
    await time.pass(10_100);
    expect(states()).toBe("up down up");
    expect(closed).toEqual(["b"]);
    sick.clear();
    await time.pass(2100);
    expect(states()).toBe("up down up");
    await time.pass(2100);
    expect(states()).toBe("up up up");
    expect(changes).toEqual([
      { key: "http://b:80", from: "up", to: "down", reason: "health check: the check says no" },
      { key: "http://b:80", from: "down", to: "up", reason: "its health check passes" },
    ]);
  });

  it("count failures in a row only", async () => {
    const { check, sick } = scripted();
    const { time, states } = setWith({ check });
    for (let round = 0; round < 5; round++) {
      sick.add("a");
      await time.pass(20_000);
      sick.clear();
      await time.pass(10_000);
    }
    expect(states()).toBe("up up up");
  });

  it("fail when they throw, answer something else or take too long, whose signal then aborts", async () => {
    const signals: AbortSignal[] = [];
    const { time, set, states } = setWith({
      check: {
        type: "function",
        ...TIMES,
        unhealthyThreshold: 1,
        check: ({ hostname }, signal) => {
          if (hostname === "a") throw new Error("no route");
          if (hostname === "b") return "yes" as unknown as boolean;
          signals.push(signal);
          return new Promise(() => {});
        },
      },
    });
    await time.pass(1000);
    expect(states()).toBe("down down up");
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await time.pass(1000);
    expect(states()).toBe("down down down");
    expect(signals[0]?.aborted).toBe(true);
    expect(set.stats().map(({ lastError }) => lastError?.message)).toEqual([
      "health check: the check threw Error: no route",
      "health check: the check returned neither true nor false",
      "health check: no answer within 1000 ms",
    ]);
  });

  it("run 16 at a time", async () => {
    const names = Array.from({ length: 40 }, (_, at) => `t${at}`);
    let running = 0;
    let most = 0;
    const ends: (() => void)[] = [];
    const { time } = setWith(
      {
        check: {
          type: "function",
          ...TIMES,
          check: async () => {
            running += 1;
            most = Math.max(most, running);
            await new Promise<void>((resolve) => ends.push(resolve));
            running -= 1;
            return true;
          },
        },
      },
      names,
    );
    await time.pass(600);
    expect(running).toBe(16);
    for (let begun = 0; begun < 40; begun++) {
      ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(most).toBe(16);
    expect(running).toBe(0);
  });

  it("end with the target's membership and with the upstream", async () => {
    const { check, asked } = scripted({ intervalMs: 1000 });
    const { time, set } = setWith({ check });
    await time.pass(600);
    set.setMembers([target("a")]);
    asked.length = 0;
    await time.pass(3000);
    expect(new Set(asked)).toEqual(new Set(["a"]));
    set.close();
    asked.length = 0;
    await time.pass(3000);
    expect(asked).toEqual([]);
    expect(time.wheel.size).toBe(0);
  });

  it("go on with another function and other times in place, with the counts so far", async () => {
    const first = scripted();
    const { time, set, states, rules } = setWith({ check: first.check });
    first.sick.add("a");
    await time.pass(10_600);
    const second = scripted({ intervalMs: 1000 });
    second.sick.add("a");
    set.setHealthRules({ ...rules, check: second.check });
    first.asked.length = 0;
    await time.pass(1100);
    expect(states()).toBe("down up up");
    expect(first.asked).toEqual([]);
    set.setHealthRules({ ...rules, check: undefined });
    expect(states()).toBe("up up up");
    expect(time.wheel.size).toBe(0);
  });

  it("connect only while a connection lies idle or the target is down, and only if there is a place (TCP)", async () => {
    const tcp = { type: "tcp", ...TIMES, healthyThreshold: 1, unhealthyThreshold: 1 } as const;
    const { time, idle, places, states, closed, member } = setWith({ check: tcp }, ["127.0.0.1"]);
    // Nobody listens there.
    member("127.0.0.1").target = { ...target("127.0.0.1"), port: 1 };
    await time.pass(25_000);
    expect(states()).toBe("up");
    idle.add("127.0.0.1");
    places.refused = true;
    await time.pass(12_000);
    expect(states()).toBe("up");
    places.refused = false;
    await time.pass(600);
    while (states() === "up") await time.pass(25);
    expect(states()).toBe("down");
    expect(closed).toContain("127.0.0.1");
    expect(places.taken).toBe(0);
  });
});

describe("outlier ejection", () => {
  it("leaves a target out after 5 errors in a row, longer each time up to the cap", async () => {
    const { time, run, states, changes } = setWith({ outliers: OUTLIERS });
    run("a", ...times(4, BAD), GOOD, ...times(4, BAD));
    expect(states()).toBe("up up up");
    run("a", BAD);
    expect(states()).toBe("ejected up up");
    for (const [outMs, seconds] of [
      [10_000, 10],
      [20_000, 20],
      [25_000, 25],
    ] as const) {
      expect(changes.at(-1)?.reason).toBe(`5 errors in a row; left out for ${seconds} s`);
      await time.pass(outMs - 50);
      expect(states()).toBe("ejected up up");
      await time.pass(100);
      expect(states()).toBe("up up up");
      run("a", ...times(5, BAD));
    }
  });

  it("forgives a target that has done well for a while", async () => {
    const { time, run, changes } = setWith({ outliers: OUTLIERS });
    run("a", ...times(5, BAD));
    await time.pass(10_050);
    run("a", ...times(5, BAD));
    await time.pass(20_050 + 21_000);
    run("a", ...times(5, BAD));
    expect(changes.at(-1)?.reason).toContain("left out for 10 s");
  });

  it("counts statuses from 502 to 504 and answers that break off, not what else a client can cause", () => {
    const { run, states } = setWith({ outliers: OUTLIERS });
    run("a", ...times(50, { status: 500, failed: false, headMs: 1 }));
    run("a", ...times(50, { status: 404, failed: false, headMs: 1 }));
    expect(states()).toBe("up up up");
    run("a", ...times(4, { status: 503, failed: false, headMs: 1 }), BAD);
    expect(states()).toBe("ejected up up");
  });

  it("never has more than the share out, whatever the reason, and never the only one", () => {
    const three = setWith({ outliers: OUTLIERS });
    three.run("a", ...times(5, BAD));
    three.run("b", ...times(50, BAD));
    expect(three.states()).toBe("ejected up up");

    const withDown = setWith({ outliers: OUTLIERS });
    withDown.set.setState(withDown.member("c"), "down", "test");
    withDown.run("a", ...times(50, BAD));
    expect(withDown.states()).toBe("up up down");

    const one = setWith({ outliers: OUTLIERS }, ["a"]);
    one.run("a", ...times(50, BAD));
    expect(one.states()).toBe("up");
  });

  it("looks at the share of errors, once there are enough requests", () => {
    const errorRate = { above: 0.5, minRequests: 20, windowMs: 10_000 };
    const outliers = { ...OUTLIERS, consecutiveErrors: undefined, errorRate };
    const { run, states, changes } = setWith({ outliers });
    for (let i = 0; i < 9; i++) run("a", BAD, GOOD);
    expect(states()).toBe("up up up");
    run("a", GOOD, BAD);
    expect(states()).toBe("ejected up up");
    expect(changes[0]?.reason).toContain("10 of 20 requests failed");
  });

  it("does not add up errors over more than the window", async () => {
    const errorRate = { above: 0.5, minRequests: 20, windowMs: 10_000 };
    const outliers = { ...OUTLIERS, consecutiveErrors: undefined, errorRate };
    const { time, run, states } = setWith({ outliers });
    for (let i = 0; i < 10; i++) {
      run("a", ...times(10, BAD));
      await time.pass(10_000);
    }
    expect(states()).toBe("up up up");
  });

  const latency = { factor: 3, minMs: 100 };

  it("leaves out a target that is much slower than the others", async () => {
    const { time, run, states, changes } = setWith({ outliers: { ...OUTLIERS, latency } });
    for (let i = 0; i < 20; i++) {
      run("a", { ...GOOD, headMs: 400 });
      run("b", GOOD);
      run("c", GOOD);
      await time.pass(25);
    }
    expect(states()).toBe("ejected up up");
    expect(changes).toHaveLength(1);
    expect(changes[0]?.reason).toContain("400 ms to a response where the others take 2 ms");
  });

  it("finds a target that hangs before its first late answer", async () => {
    const { time, set, member, run, states } = setWith({ outliers: { ...OUTLIERS, latency } });
    for (let i = 0; i < 8; i++) {
      set.begun(member("a"));
      run("b", ...times(4, GOOD));
      run("c", ...times(4, GOOD));
      await time.pass(25);
    }
    expect(states()).toBe("ejected up up");
  });

  it("leaves all of them in when all are slow", async () => {
    const { time, run, states } = setWith({ outliers: { ...OUTLIERS, latency } });
    for (let i = 0; i < 40; i++) {
      for (const name of ["a", "b", "c"]) run(name, { ...GOOD, headMs: 5000 });
      await time.pass(25);
    }
    expect(states()).toBe("up up up");
  });

  it("is taken back when it is switched off", () => {
    const { run, set, states, rules, time } = setWith({ outliers: OUTLIERS });
    run("a", ...times(5, BAD));
    set.setHealthRules({ ...rules, outliers: undefined });
    expect(states()).toBe("up up up");
    expect(time.wheel.size).toBe(0);
  });
});

describe("circuit breaker", () => {
  function chosen(set: TargetSet): string {
    return set.pick(REQUEST)?.target.hostname ?? "none";
  }

  it("opens after so many errors, tries with few requests, closes after so many successes", async () => {
    const { time, set, run, states, member, changes } = setWith({ breaker: BREAKER }, ["a"]);
    run("a", ...times(3, BAD));
    expect(states()).toBe("open");
    expect(chosen(set)).toBe("none");
    await time.pass(10_050);
    expect(states()).toBe("half-open");
    expect(chosen(set)).toBe("a");
    set.begun(member("a"));
    expect(chosen(set)).toBe("none");
    set.observed(member("a"), GOOD);
    expect(chosen(set)).toBe("a");
    set.ended(member("a"));
    run("a", GOOD);
    expect(states()).toBe("up");
    expect(changes.map(({ reason }) => reason)).toEqual([
      "3 errors in a row",
      "trial requests may go to it",
      "2 trial requests went well",
    ]);
  });

  it("opens again with the first trial that fails", async () => {
    const { time, run, states } = setWith({ breaker: BREAKER });
    run("a", ...times(3, BAD));
    await time.pass(10_050);
    run("a", GOOD, BAD);
    expect(states()).toBe("open up up");
    await time.pass(9900);
    expect(states()).toBe("open up up");
    await time.pass(200);
    expect(states()).toBe("half-open up up");
  });

  it("gives the place of a trial back when its client went away without an answer", async () => {
    const { time, set, run, member } = setWith({ breaker: BREAKER }, ["a"]);
    run("a", ...times(3, BAD));
    await time.pass(10_050);
    set.begun(member("a"));
    expect(chosen(set)).toBe("none");
    set.ended(member("a"));
    expect(chosen(set)).toBe("a");
  });

  it("takes no notice of answers to what was sent before it opened", () => {
    const { run, set, member, states } = setWith({ breaker: BREAKER });
    set.begun(member("a"));
    run("a", ...times(3, BAD));
    set.observed(member("a"), GOOD);
    expect(states()).toBe("open up up");
  });

  it("closes when it is switched off", () => {
    const { run, set, states, rules, time } = setWith({ breaker: BREAKER });
    run("a", ...times(3, BAD));
    set.setHealthRules({ ...rules, breaker: undefined });
    expect(states()).toBe("up up up");
    expect(time.wheel.size).toBe(0);
  });

  it("keeps its state and counts over new rules", async () => {
    const { time, run, set, states, rules } = setWith({ breaker: BREAKER });
    run("a", BAD, BAD);
    set.setHealthRules({ ...rules, breaker: { ...BREAKER, successes: 1 } });
    run("a", BAD);
    expect(states()).toBe("open up up");
    await time.pass(10_050);
    run("a", GOOD);
    expect(states()).toBe("up up up");
  });
});

describe("several opinions of one target", () => {
  it("show the strongest, and the next when that is over", async () => {
    const { check, sick } = scripted({ unhealthyThreshold: 1, healthyThreshold: 1 });
    const { time, run, changes } = setWith({ check, outliers: OUTLIERS, breaker: BREAKER });
    sick.add("a");
    await time.pass(600);
    run("a", ...times(3, BAD));
    await time.pass(10_050);
    sick.clear();
    await time.pass(2100);
    run("a", GOOD, GOOD);
    expect(changes.map(({ to }) => to)).toEqual(["down", "open", "down", "half-open", "up"]);
  });
});

describe("slow start", () => {
  const weights = (set: TargetSet): number[] => set.members.map(({ weight }) => weight);

  it("lets the weight of a target grow that comes back", async () => {
    const { time, set, run, member } = setWith({ outliers: OUTLIERS, slowStartMs: 30_000 });
    expect(weights(set)).toEqual([1, 1, 1]);
    run("a", ...times(5, BAD));
    await time.pass(10_050);
    expect(weights(set)).toEqual([0.1, 1, 1]);
    await time.pass(15_000);
    expect(member("a").weight).toBeGreaterThan(0.4);
    expect(member("a").weight).toBeLessThan(0.6);
    await time.pass(16_600);
    expect(weights(set)).toEqual([1, 1, 1]);
    expect(time.wheel.size).toBe(0);
  });

  it("lets one grow that joins others, not all that come together", async () => {
    const { set, time } = setWith({ slowStartMs: 10_000 });
    await time.pass(25);
    set.setMembers([target("a"), target("b"), target("c"), target("d"), target("e")]);
    expect(weights(set)).toEqual([1, 1, 1, 0.1, 0.1]);
    await time.pass(10_600);
    expect(weights(set)).toEqual([1, 1, 1, 1, 1]);
  });

  it("ends at once when it is switched off", async () => {
    const { set, time, rules } = setWith({ slowStartMs: 10_000 }, ["a"]);
    await time.pass(25);
    set.setMembers([target("a"), target("b")]);
    set.setHealthRules({ ...rules, slowStartMs: 0 });
    expect(weights(set)).toEqual([1, 1]);
    expect(time.wheel.size).toBe(0);
  });
});
