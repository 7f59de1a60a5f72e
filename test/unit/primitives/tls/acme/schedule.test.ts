import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { backOffMs, renewalTime } from "../../../../../runtime/primitives/tls/acme/schedule.ts";

describe("when to renew", () => {
  it("is near two thirds of the life, the same at each look, and not the same for all", () => {
    const times = new Set<number>();
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 32, maxLength: 32 }),
        (bytes) => {
          const fingerprint = bytes
            .map((byte) => byte.toString(16).padStart(2, "0").toUpperCase())
            .join(":");
          const pair = { fingerprint, notBefore: 1000, notAfter: 1000 + 90_000 };
          const at = renewalTime(pair);
          expect(at).toBe(renewalTime(pair));
          expect(at).toBeGreaterThanOrEqual(1000 + 57_750);
          expect(at).toBeLessThanOrEqual(1000 + 62_250);
          times.add(at);
        },
      ),
    );
    expect(times.size).toBeGreaterThan(10);
  });
});

describe("backing off", () => {
  it("doubles up to the maximum, a fifth to either side", () => {
    const limits = { baseMs: 100, maxMs: 1000 };
    expect([1, 2, 3, 4, 5, 1000].map((n) => backOffMs(n, limits, 0.5))).toEqual([
      100, 200, 400, 800, 1000, 1000,
    ]);
    expect(backOffMs(1, limits, 0)).toBeCloseTo(80);
    expect(backOffMs(1, limits, 1)).toBeCloseTo(120);
  });
});
