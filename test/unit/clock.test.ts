import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Deadline, DeadlineWheel, type Clock } from "../../runtime/clock.ts";

function fakeClock(): Clock & { time: number } {
  return {
    time: 0,
    now() {
      return this.time;
    },
    monotonic() {
      return this.time;
    },
  };
}

describe("DeadlineWheel", () => {
  it("fires after the time and at most one slot later, never before", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 40 }),
        (delays) => {
          const clock = fakeClock();
          clock.time = 12_345;
          const wheel = new DeadlineWheel(clock, false);
          const fired: number[] = delays.map(() => -1);
          delays.forEach((delay, i) => {
            wheel.arm(new Deadline(() => (fired[i] = clock.time)), delay);
          });
          for (let i = 0; i < 60_100 / 5; i++) {
            clock.time += 5;
            wheel.turn();
          }
          delays.forEach((delay, i) => {
            const late = (fired[i] as number) - 12_345 - delay;
            expect(late).toBeGreaterThanOrEqual(0);
            expect(late).toBeLessThanOrEqual(30);
          });
          expect(wheel.size).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("does not fire what was disarmed or moved", () => {
    const clock = fakeClock();
    const wheel = new DeadlineWheel(clock, false);
    let fired = 0;
    const disarmed = new Deadline(() => (fired += 1));
    const moved = new Deadline(() => (fired += 10));
    wheel.arm(disarmed, 50);
    wheel.arm(moved, 50);
    wheel.disarm(disarmed);
    wheel.arm(moved, 500);
    clock.time = 200;
    wheel.turn();
    expect(fired).toBe(0);
    clock.time = 600;
    wheel.turn();
    expect(fired).toBe(10);
  });

  it("lets a deadline disarm its neighbour and arm itself again while firing", () => {
    const clock = fakeClock();
    const wheel = new DeadlineWheel(clock, false);
    let first = 0;
    let second = 0;
    const neighbour = new Deadline(() => (second += 1));
    const again: Deadline = new Deadline(() => {
      first += 1;
      wheel.disarm(neighbour);
      if (first < 3) wheel.arm(again, 50);
    });
    wheel.arm(neighbour, 10);
    wheel.arm(again, 10);
    for (let i = 0; i < 100; i++) {
      clock.time += 10;
      wheel.turn();
    }
    expect([first, second]).toEqual([3, 0]);
  });

  it("fires everything that came due during a stall longer than the wheel", () => {
    const clock = fakeClock();
    const wheel = new DeadlineWheel(clock, false);
    let fired = 0;
    for (let i = 0; i < 1000; i++) wheel.arm(new Deadline(() => (fired += 1)), i * 30);
    clock.time = 100_000;
    wheel.turn();
    expect(fired).toBe(1000);
  });

  it("knows when the next one fires: then, and not a moment before", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1 }), (waits) => {
        const clock = fakeClock();
        clock.time = 7;
        const wheel = new DeadlineWheel(clock, false);
        expect(wheel.nextDueMs).toBeUndefined();
        let fired = 0;
        for (const ms of waits) wheel.arm(new Deadline(() => (fired += 1)), ms);
        while (wheel.nextDueMs !== undefined) {
          const before = fired;
          clock.time = wheel.nextDueMs - 1;
          wheel.turn();
          expect(fired).toBe(before);
          clock.time += 1;
          wheel.turn();
          expect(fired).toBeGreaterThan(before);
        }
        expect(fired).toBe(waits.length);
      }),
      { numRuns: 30 },
    );
  });

  it("turns by itself while anything is armed", async () => {
    const wheel = new DeadlineWheel();
    await new Promise<void>((resolve) => wheel.arm(new Deadline(resolve), 20));
    expect(wheel.size).toBe(0);
  });
});
