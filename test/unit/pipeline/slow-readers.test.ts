import { describe, expect, it } from "vitest";

import { DeadlineWheel } from "../../../runtime/clock.ts";
import { createLog } from "../../../runtime/log.ts";
import { SlowReaders } from "../../../runtime/pipeline/slow-readers.ts";

const LIMITS = { aheadBytes: 10, budgetBytes: 100, clientBytes: 25, minRate: 1000 };

function readers(): SlowReaders {
  return new SlowReaders(LIMITS, new DeadlineWheel(), () => 0, createLog({ level: "silent" }));
}

describe("what responses hold for slow readers", () => {
  it("is bounded for one client, by its /64 over IPv6, whatever others have", () => {
    const all = readers();
    const one = all.enter("2001:db8::1");
    const neighbour = all.enter("2001:db8::2");
    const other = all.enter("2001:db8:0:1::1");
    all.charge(one, 20);
    expect(all.isFullFor(one)).toBe(false);
    all.charge(neighbour, 5);
    expect(all.isFullFor(one)).toBe(true);
    expect(all.isFullFor(neighbour)).toBe(true);
    expect(all.isFullFor(other)).toBe(false);
  });

  it("is bounded for all together, also for who has nothing", () => {
    const all = readers();
    for (let i = 0; i < 4; i++) all.charge(all.enter(`10.0.0.${i}`), 25);
    expect(all.isFullFor(all.enter("10.0.0.9"))).toBe(true);
  });

  it("follows new limits at once", () => {
    const all = readers();
    const one = all.enter("10.0.0.1");
    all.charge(one, 25);
    all.adjust({ ...LIMITS, clientBytes: 50 });
    expect(all.isFullFor(one)).toBe(false);
  });

  it("is forgotten with the last response to a client", () => {
    const all = readers();
    const entered = Array.from({ length: 10 }, (_none, at) => all.enter(`10.0.0.${at % 2}`));
    expect(all.clients).toBe(2);
    for (const one of entered) all.leave(one);
    expect(all.clients).toBe(0);
  });
});
