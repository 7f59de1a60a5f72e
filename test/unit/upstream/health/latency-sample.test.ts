import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { LatencySample, tooSlow } from "../../../../runtime/upstream/health/latency-sample.ts";

describe("LatencySample", () => {
  function answered(...heads: number[]): LatencySample {
    const sample = new LatencySample();
    for (const ms of heads) sample.answered(ms);
    return sample;
  }

  it("says nothing before ten heads", () => {
    expect(answered(1, 2, 3, 4, 5, 6, 7, 8, 9).latencyMs(0)).toBeUndefined();
  });

  it("is the middle, which a few slow ones among quick ones do not move", () => {
    expect(answered(2, 2, 2, 2, 2, 2, 2, 5000, 5000, 5000).latencyMs(0)).toBe(2);
  });

  it("forgets all but the last 32 heads", () => {
    const sample = answered(...Array.from({ length: 32 }, () => 900));
    for (let i = 0; i < 32; i++) sample.answered(3);
    expect(sample.latencyMs(0)).toBe(3);
  });

  it("grows with the time that several requests have waited in vain", () => {
    const sample = answered(...Array.from({ length: 10 }, () => 2));
    for (let i = 0; i < 4; i++) sample.begun(1000);
    expect(sample.latencyMs(6000)).toBe(2);
    sample.begun(1100);
    expect(sample.latencyMs(6000)).toBe(5000);
    sample.answered(2);
    expect(sample.latencyMs(6000)).toBe(2);
  });

  it("takes no silence for a sign when nobody waits", () => {
    const sample = new LatencySample();
    for (let i = 0; i < 9; i++) sample.begun(0);
    sample.rested();
    expect(sample.latencyMs(9000)).toBeUndefined();
  });
});

describe("tooSlow", () => {
  const slowOnes = (latencies: (number | undefined)[]): number[] =>
    tooSlow(latencies, 3, 100).map(({ at }) => at);

  it("finds those above the factor times the others' median, the slowest first", () => {
    expect(slowOnes([50, 400, 60, undefined, 900, 55])).toEqual([4, 1]);
  });

  it("finds nobody where all are slow, where there is nobody else, and below the minimum", () => {
    expect(slowOnes([5000, 4800, 5100])).toEqual([]);
    expect(slowOnes([5000, undefined])).toEqual([]);
    expect(slowOnes([1, 2, 99])).toEqual([]);
  });

  it("tells the slow one of two", () => {
    expect(slowOnes([5000, 2])).toEqual([0]);
    expect(slowOnes([2, 5000])).toEqual([1]);
  });

  it("compares with the others alone (property)", () => {
    const latency = fc.option(fc.integer({ min: 0, max: 2000 }), { nil: undefined });
    fc.assert(
      fc.property(fc.array(latency, { maxLength: 12 }), (latencies) => {
        const expected = latencies.flatMap((own, at) => {
          const others = latencies
            .filter((other, index): other is number => index !== at && other !== undefined)
            .toSorted((a, b) => a - b);
          const median = others[(others.length - 1) >> 1];
          const isSlow =
            own !== undefined && median !== undefined && own >= 100 && own > 3 * median;
          return isSlow ? [at] : [];
        });
        expect(slowOnes(latencies).toSorted((a, b) => a - b)).toEqual(expected);
      }),
    );
  });
});
