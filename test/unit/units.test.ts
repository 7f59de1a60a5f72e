import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { MAX_DURATION_MS, parseDuration, parseSize } from "../../runtime/units.ts";

describe("parseDuration", () => {
  it.each([
    [250, 250],
    ["250ms", 250],
    ["10s", 10_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["7d", 604_800_000],
    ["1.5s", 1500],
    ["0.1ms", 1],
    [0.2, 1],
    [MAX_DURATION_MS, MAX_DURATION_MS],
  ])("reads %j as %d ms", (value, ms) => {
    expect(parseDuration(value)).toBe(ms);
  });

  it.each([
    0,
    -1,
    "0s",
    "-1s",
    "1e3ms",
    " 1s",
    "1 s",
    "1S",
    "1",
    "s",
    "",
    "1w",
    "30d",
    NaN,
    Infinity,
    null,
    undefined,
    {},
    "1.s",
    ".5s",
  ])("refuses %j", (value) => {
    expect(parseDuration(value)).toBeUndefined();
  });
});

describe("parseSize", () => {
  it.each([
    [1, 1],
    ["512b", 512],
    ["16kb", 16_384],
    ["1mb", 1_048_576],
    ["2gb", 2_147_483_648],
    ["1.5kb", 1536],
  ])("reads %j as %d bytes, in powers of 1024", (value, bytes) => {
    expect(parseSize(value)).toBe(bytes);
  });

  it.each([0, -1, "0b", "16k", "1MB", "1 mb", "9999999999gb", null, true])(
    "refuses %j",
    (value) => {
      expect(parseSize(value)).toBeUndefined();
    },
  );
});

it("never gives anything but a whole number in range, whatever the value", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.anything(), fc.stringMatching(/^-?[\d.]{0,8}(ms|s|m|h|d|b|kb|mb|gb)?$/)),
      (value) => {
        const ms = parseDuration(value);
        const bytes = parseSize(value);
        for (const result of [ms, bytes]) {
          if (result !== undefined) expect(Number.isSafeInteger(result) && result >= 1).toBe(true);
        }
        if (ms !== undefined) expect(ms).toBeLessThanOrEqual(MAX_DURATION_MS);
      },
    ),
  );
});
