import { describe, expect, it } from "vitest";

import { retryAfterMs } from "../../../../runtime/upstream/retry/retry-after.ts";

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);
const clock = { now: () => NOW, monotonic: () => 0 };

describe("retryAfterMs (RFC 9110 §10.2.3)", () => {
  it.each([
    ["0", 0],
    ["3", 3000],
    ["Thu, 01 Jan 2026 12:00:05 GMT", 5000],
    ["Thu, 01 Jan 2026 11:00:00 GMT", 0],
    ["soon", 0],
    ["-1", 0],
    ["1.5", 0],
    ["", 0],
    ["9".repeat(41), 0],
  ])("reads %j as %d ms", (value, ms) => {
    // What Date.parse makes of "-1" and "1.5" lies in the past.
    expect(retryAfterMs(["Retry-After", value], clock)).toBe(ms);
  });

  it("is 0 without the field", () => {
    expect(retryAfterMs(["X-Other", "3"], clock)).toBe(0);
  });

  it("keeps a number that no timer could hold, so that it is above every bound", () => {
    expect(retryAfterMs(["Retry-After", "9".repeat(30)], clock)).toBeGreaterThan(1e20);
  });
});
