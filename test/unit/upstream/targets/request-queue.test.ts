import { describe, expect, it } from "vitest";

import { type Deadline, DeadlineWheel } from "../../../../runtime/clock.ts";
import type { ProxyError } from "../../../../runtime/errors.ts";
import {
  type QueuedCall,
  RequestQueue,
} from "../../../../runtime/upstream/targets/request-queue.ts";

class Call implements QueuedCall {
  readonly name: string;
  queueDeadline: Deadline | null = null;
  previousLinked: this | null = null;
  nextLinked: this | null = null;
  failure: string | undefined;

  constructor(name: string) {
    this.name = name;
  }

  failLater(error: ProxyError): void {
    this.failure = error.code;
  }
}

function setUp(maxQueue = 10) {
  let now = 0;
  const wheel = new DeadlineWheel({ now: () => now, monotonic: () => now }, false);
  let left = 0;
  const limits = { maxQueue, queueTimeoutMs: 1000 };
  const queue = new RequestQueue<Call>("api", limits, wheel, () => (left += 1));
  const calls = ["a", "b", "c", "d"].map((name) => new Call(name)) as [Call, Call, Call, Call];
  const pass = (ms: number): void => {
    now += ms;
    wheel.turn();
  };
  return { queue, calls, pass, left: () => left };
}

describe("RequestQueue", () => {
  it("offers a start in order of arrival, those first that had their turn before", () => {
    const { queue, calls } = setUp();
    const [a, b, c, d] = calls;
    queue.enter(a);
    queue.enter(b);
    queue.enterFirst([c, d]);
    const offered: string[] = [];
    queue.offer((call) => {
      offered.push(call.name);
      return queue.leave(call);
    }, 1);
    expect(offered).toEqual(["c", "d", "a", "b"]);
    expect(queue.size).toBe(0);
  });

  it("stops after as many as could not start", () => {
    const { queue, calls } = setUp();
    for (const call of calls) queue.enter(call);
    const offered: string[] = [];
    queue.offer((call) => {
      offered.push(call.name);
      return call.name === "b" && queue.leave(call);
    }, 2);
    expect(offered).toEqual(["a", "b", "c"]);
    expect([queue.first?.name, queue.size]).toEqual(["a", 3]);
  });

  it("goes on when a start takes others along, and ends when one comes back each time", () => {
    const { queue, calls } = setUp();
    const [a, b, c, d] = calls;
    for (const call of calls) queue.enter(call);
    const offered: string[] = [];
    queue.offer((call) => {
      offered.push(call.name);
      queue.leave(call);
      if (call === a) queue.leave(b);
      if (call === d) queue.enterFirst([d]);
      return true;
    }, 1);
    expect(offered).toEqual(["a", "c", "d"]);
    expect(queue.first).toBe(d);
    let rounds = 0;
    queue.enter(c);
    queue.offer((call) => {
      rounds += 1;
      queue.leave(call);
      queue.enter(call);
      return true;
    }, 1);
    expect(rounds).toBe(2);
  });

  it("is bounded in length and in time, and forgets who leaves", () => {
    const { queue, calls, pass, left } = setUp(3);
    const [a, b, c, d] = calls;
    for (const call of calls) queue.enter(call);
    expect(d.failure).toBe("PROXY_UPSTREAM_QUEUE_FULL");
    expect([queue.leave(b), queue.leave(b)]).toEqual([true, false]);
    pass(1100);
    expect([a.failure, b.failure, c.failure]).toEqual([
      "PROXY_UPSTREAM_QUEUE_TIMEOUT",
      undefined,
      "PROXY_UPSTREAM_QUEUE_TIMEOUT",
    ]);
    expect([queue.size, left()]).toEqual([0, 2]);
  });
});
