import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { SlidingWindow } from "../../../../runtime/upstream/health/sliding-window.ts";

const WINDOW_MS = 1000;
const BUCKET_MS = WINDOW_MS / 10;

describe("SlidingWindow", () => {
  it("counts what came within the last ten buckets, whenever that was, and nothing else", () => {
    const step = fc.record({
      afterMs: fc.oneof(fc.integer({ min: 0, max: 150 }), fc.integer({ min: 0, max: 3000 })),
      isError: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.nat(1e9), fc.array(step, { maxLength: 200 }), (startMs, steps) => {
        const window = new SlidingWindow(WINDOW_MS);
        const all: { bucket: number; isError: boolean }[] = [];
        let now = startMs;
        for (const { afterMs, isError } of steps) {
          now += afterMs;
          const bucket = Math.floor(now / BUCKET_MS);
          window.add(now, isError);
          all.push({ bucket, isError });
          const recent = all.filter((one) => one.bucket > bucket - 10);
          expect(window.total).toBe(recent.length);
          expect(window.errors).toBe(recent.filter((one) => one.isError).length);
        }
      }),
    );
  });

  it("forgets without requests too", () => {
    const window = new SlidingWindow(WINDOW_MS);
    window.add(5000, true);
    window.advance(5900);
    expect(window.total).toBe(1);
    window.advance(6000);
    expect([window.total, window.errors]).toEqual([0, 0]);
  });

  it("does not stumble over a clock that stands still or goes back", () => {
    const window = new SlidingWindow(WINDOW_MS);
    window.add(5000, true);
    window.add(4000, false);
    expect([window.total, window.errors]).toEqual([2, 1]);
  });
});
