import { describe, expect, it } from "vitest";

import type {
  BalanceRequest,
  Balancer,
  BalanceTarget,
} from "../../../../runtime/upstream/balance/balancer.ts";
import type { HealthChange } from "../../../../runtime/upstream/health/health.ts";
import type { Target } from "../../../../runtime/upstream/target.ts";
import type {
  CreateTargetHealth,
  TargetHealth,
} from "../../../../runtime/upstream/targets/target-health.ts";
import type { TargetMember } from "../../../../runtime/upstream/targets/target-member.ts";
import {
  TargetSet,
  type MembersChange,
  type TargetSetOptions,
} from "../../../../runtime/upstream/targets/target-set.ts";

const REQUEST: BalanceRequest = { method: "GET", path: "/", fields: [] };

function target(name: string, options: Partial<Target> = {}): Target {
  return { scheme: "http", hostname: name, port: 80, authority: name, weight: 1, ...options };
}

function setOf(targets: readonly Target[], options: Partial<TargetSetOptions> = {}): TargetSet {
  return new TargetSet({ name: "api", targets, ...options });
}

function named(set: TargetSet, name: string): TargetMember {
  return set.member(`http://${name}:80`) as TargetMember;
}

/** Whom `count` requests go to, in order of names. */
function chosen(set: TargetSet, count = 40): string[] {
  const names = new Set<string>();
  for (let i = 0; i < count; i++) names.add(set.pick(REQUEST)?.target.hostname ?? "none");
  return [...names].toSorted();
}

/** Remembers what it was told, chooses the first. */
class FirstBalancer implements Balancer {
  updates = 0;
  targets: readonly BalanceTarget[] = [];
  update(targets: readonly BalanceTarget[]): void {
    this.updates += 1;
    this.targets = targets;
  }
  pick(_request: BalanceRequest, avoid?: ReadonlySet<BalanceTarget>): BalanceTarget | undefined {
    return this.targets.find((one) => avoid?.has(one) !== true) ?? this.targets[0];
  }
}

describe("who may be chosen", () => {
  it("are all targets that are up", () => {
    const set = setOf([target("a"), target("b"), target("c")]);
    set.setState(named(set, "b"), "down", "test");
    expect(chosen(set)).toEqual(["a", "c"]);
    set.setState(named(set, "b"), "up", "test");
    expect(chosen(set)).toEqual(["a", "b", "c"]);
  });

  it("are all when none is up: then the checks are wrong, or it does not matter", () => {
    const set = setOf([target("a"), target("b")]);
    for (const member of set.members) set.setState(member, "down", "test");
    expect(chosen(set)).toEqual(["a", "b"]);
  });

  it("are all when fewer are up than panicThreshold says", () => {
    const targets = ["a", "b", "c", "d"].map((name) => target(name));
    const set = setOf(targets, { panicThreshold: 0.5 });
    set.setState(named(set, "a"), "ejected", "test");
    set.setState(named(set, "b"), "ejected", "test");
    expect(chosen(set)).toEqual(["c", "d"]);
    set.setState(named(set, "c"), "ejected", "test");
    expect(chosen(set)).toEqual(["a", "b", "c", "d"]);
    set.setRules({ panicThreshold: 0.1 });
    expect(chosen(set)).toEqual(["d"]);
  });

  it("is nobody whose circuit breaker is open, not even then", () => {
    const set = setOf([target("a"), target("b")]);
    set.setState(named(set, "a"), "open", "test");
    set.setState(named(set, "b"), "down", "test");
    expect(chosen(set)).toEqual(["b"]);
    set.setState(named(set, "b"), "open", "test");
    expect(set.pick(REQUEST)).toBeUndefined();
  });

  it("are those of the next priority only while too few of the one before are up", () => {
    const set = setOf([target("a"), target("b"), target("c"), target("spare", { priority: 1 })], {
      spillBelow: 0.5,
    });
    expect(chosen(set)).toEqual(["a", "b", "c"]);
    set.setState(named(set, "a"), "down", "test");
    expect(chosen(set)).toEqual(["b", "c"]);
    set.setState(named(set, "b"), "down", "test");
    expect(chosen(set)).toEqual(["c", "spare"]);
    set.setState(named(set, "c"), "down", "test");
    expect(chosen(set)).toEqual(["spare"]);
    set.setState(named(set, "spare"), "down", "test");
    expect(chosen(set)).toEqual(["a", "b", "c", "spare"]);
  });

  it("is told to the balancer once for all changes since the last request", () => {
    const balancer = new FirstBalancer();
    const set = setOf([target("a"), target("b")], { balancer });
    set.pick(REQUEST);
    set.pick(REQUEST);
    expect(balancer.updates).toBe(1);
    set.setState(named(set, "a"), "down", "test");
    set.setShare(named(set, "b"), 0.5);
    set.pick(REQUEST);
    expect([balancer.updates, balancer.targets.map(({ weight }) => weight)]).toEqual([2, [0.5]]);
  });
});

describe("a request that has failed on a target", () => {
  it("gets another one, of the next priority if need be, and one that is down before the same", () => {
    const set = setOf([target("a"), target("b", { priority: 1 }), target("c")]);
    set.setState(named(set, "c"), "down", "test");
    const avoid = new Set<TargetMember>([named(set, "a")]);
    expect(set.pick(REQUEST, avoid)?.target.hostname).toBe("b");
    avoid.add(named(set, "b"));
    expect(set.pick(REQUEST, avoid)?.target.hostname).toBe("c");
    avoid.add(named(set, "c"));
    expect(avoid.has(set.pick(REQUEST, avoid) as TargetMember)).toBe(true);
  });
});

describe("health", () => {
  function withHealth(admits = (_member: TargetMember) => true) {
    const said: string[] = [];
    const changes: HealthChange[] = [];
    const createHealth: CreateTargetHealth = () =>
      ({
        added: (member) => said.push(`added ${member.key}`),
        removed: (member) => said.push(`removed ${member.key}`),
        admits,
        begun: () => said.push("begun"),
        observed: (_member, outcome) => said.push(`${outcome.status ?? "none"} ${outcome.failed}`),
        ended: () => said.push("ended"),
        setRules: () => said.push("rules"),
        close: () => said.push("close"),
      }) satisfies TargetHealth;
    const set = setOf([target("a"), target("b")], {
      createHealth,
      onHealthChange: (change) => changes.push(change),
    });
    return { set, said, changes };
  }

  it("hears of members and requests", () => {
    const { set, said } = withHealth();
    const a = named(set, "a");
    set.begun(a);
    set.observed(a, { status: 200, failed: false, headMs: 3 });
    set.ended(a);
    set.setMembers([target("a")]);
    set.close();
    expect(said).toEqual([
      "added http://a:80",
      "added http://b:80",
      "begun",
      "200 false",
      "ended",
      "removed http://b:80",
      "close",
    ]);
  });

  it("changes a state once, and says so once", () => {
    const { set, changes } = withHealth();
    const a = named(set, "a");
    set.setState(a, "down", "refused");
    set.setState(a, "down", "refused");
    expect(changes).toEqual([{ key: "http://a:80", from: "up", to: "down", reason: "refused" }]);
  });

  it("limits what a half-open target gets; the rest goes to others", () => {
    let left = 1;
    const { set } = withHealth(() => left-- > 0);
    set.setState(named(set, "a"), "half-open", "test");
    const names = Array.from({ length: 10 }, () => set.pick(REQUEST)?.target.hostname);
    expect(names.filter((name) => name === "a").length).toBe(1);
    expect(names.filter((name) => name === "b").length).toBe(9);
  });

  it("leaves nothing where all targets are half-open and full", () => {
    const { set } = withHealth(() => false);
    for (const member of set.members) set.setState(member, "half-open", "test");
    expect(set.pick(REQUEST)).toBeUndefined();
  });
});

describe("members", () => {
  it("that stay keep their object, and their weight follows the list", () => {
    const changes: MembersChange[] = [];
    const set = setOf([target("a"), target("b")], { onMembersChange: (one) => changes.push(one) });
    const a = named(set, "a");
    a.open = 2;
    set.setMembers([target("c"), target("a", { weight: 5, priority: 1 })]);
    expect([named(set, "a"), a.weight, a.priority, a.open]).toEqual([a, 5, 1, 2]);
    expect(changes).toEqual([{ joined: ["http://c:80"], left: ["http://b:80"] }]);
  });

  it("that leave are seen until their last connection is closed and their last request is over", () => {
    const set = setOf([target("a"), target("b")]);
    const b = named(set, "b");
    b.open = 1;
    set.begun(b);
    set.setMembers([target("a")]);
    const draining = () =>
      set
        .stats()
        .filter((one) => one.draining)
        .map(({ key }) => key);
    expect([b.left, draining()]).toEqual([true, ["http://b:80"]]);
    b.open = 0;
    set.settle(b);
    expect(draining()).toEqual(["http://b:80"]);
    set.ended(b);
    expect(draining()).toEqual([]);
  });

  it("that come back are new: what was known of them is not", () => {
    const set = setOf([target("a"), target("b")]);
    const before = named(set, "b");
    set.setState(before, "down", "test");
    set.setMembers([target("a")]);
    set.setMembers([target("a"), target("b")]);
    expect(named(set, "b")).not.toBe(before);
    expect(named(set, "b").state).toBe("up");
  });

  it("written twice are one with the share of two", () => {
    const set = setOf([target("a", { weight: 2 }), target("b"), target("a")]);
    expect(set.members.map(({ key, weight }) => [key, weight])).toEqual([
      ["http://a:80", 3],
      ["http://b:80", 1],
    ]);
  });

  it("know the average time to their heads", () => {
    const set = setOf([target("a")]);
    const a = named(set, "a");
    set.observed(a, { status: 200, failed: false, headMs: 100 });
    expect(a.latencyMs).toBe(100);
    set.observed(a, { status: 200, failed: false, headMs: 200 });
    expect(a.latencyMs).toBeCloseTo(120);
    set.observed(a, { status: undefined, failed: true, headMs: undefined });
    expect(a.latencyMs).toBeCloseTo(120);
  });
});
