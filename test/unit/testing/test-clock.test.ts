import { createTestClock } from "gatewright/testing";
import { describe, expect, it } from "vitest";

import { Deadline } from "../../../runtime/clock.ts";
import type { SteppedClock } from "../../../runtime/testing/test-clock.ts";

const START = Date.UTC(2030, 0, 1);

function clockAtStart(): SteppedClock {
  return createTestClock({ now: START }) as SteppedClock;
}

describe("a test clock", () => {
  it("stands still until it is told to go on", async () => {
    const clock = clockAtStart();
    expect(clock.now()).toBe(START);
    const monotonic = clock.monotonic();
    await clock.advance("1m");
    expect(clock.now() - START).toBe(60_000);
    expect(clock.monotonic() - monotonic).toBe(60_000);
  });

  it("begins at the present second, or where it is told to", () => {
    expect(Math.abs(createTestClock().now() - Date.now())).toBeLessThan(60_000);
    expect(createTestClock().now() % 1000).toBe(0);
    expect(createTestClock({ now: "2030-01-01" }).now()).toBe(START);
    expect(() => createTestClock({ now: "soon" })).toThrow("soon is no date");
  });

  it("goes from one due moment to the next, what each of them starts included", async () => {
    const clock = clockAtStart();
    const seen: [what: string, at: number][] = [];
    const note = (what: string) => seen.push([what, clock.now() - START]);
    const deadline = new Deadline(() => note("deadline"));
    clock.wheel.arm(deadline, 1000);
    clock.setTimer(() => {
      note("timer");
      // Work that takes turns of the loop ends before the time goes on.
      setImmediate(() => setImmediate(() => note("work")));
      clock.setTimer(() => note("later"), 2000);
    }, 500);
    clock.setTimer(() => note("never"), 700).clear();
    await clock.advance("10s");
    expect(seen).toEqual([
      ["timer", 500],
      ["work", 500],
      ["deadline", 1000 + 25],
      ["later", 2500],
    ]);
  });

  it("is not stopped by a timer that sets itself anew", async () => {
    const clock = clockAtStart();
    let rings = 0;
    const ring = (): void => void (clock.setTimer(ring, 0), (rings += 1));
    ring();
    await clock.advance("100ms");
    expect(rings).toBe(101);
  });

  it("wakes those who sleep, in their order", async () => {
    const clock = clockAtStart();
    const woken: number[] = [];
    for (const ms of [300, 100, 200]) void clock.sleep(ms).then(() => woken.push(ms));
    await clock.advance(250);
    expect(woken).toEqual([100, 200]);
    await clock.advance("50ms");
    expect(woken).toEqual([100, 200, 300]);
  });

  it("takes one advance after the other", async () => {
    const clock = clockAtStart();
    await Promise.all([clock.advance("1s"), clock.advance("2s")]);
    expect(clock.now() - START).toBe(3000);
  });

  it("refuses what is no duration", () => {
    const clock = clockAtStart();
    expect(() => clock.advance("soon" as never)).toThrow("advance: expected a number of");
    expect(() => clock.advance(-1)).toThrow(TypeError);
  });
});
