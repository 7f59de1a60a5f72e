import fc from "fast-check";
import { expect, it } from "vitest";

import {
  DURATION_BOUNDS,
  OTHER,
  TrafficTally,
  type Served,
} from "../../../runtime/primitives/traffic-tally.ts";

const SERVED: Served = {
  route: "api",
  upstream: "origin",
  status: 200,
  cache: undefined,
  outcome: "complete",
  error: undefined,
  refusedBy: undefined,
  flagged: false,
  attempts: 1,
  totalMs: 4,
  hooksMs: 1,
  upstreamMs: 3,
  requestBytes: 100,
  responseBytes: 1000,
};

it("counts by route, upstream, status class and the cache's part", () => {
  const tally = new TrafficTally();
  tally.count(SERVED);
  tally.count({ ...SERVED, status: 204 });
  tally.count({ ...SERVED, status: 503 });
  tally.count({ ...SERVED, cache: "hit", upstream: "", upstreamMs: 0 });
  tally.count({ ...SERVED, status: 0, outcome: "dropped", refusedBy: "ip-list" });
  const { series, outcomes, refused, upstreamHeads } = tally.figures;
  expect(
    series.map(({ route, upstream, status, cache, seconds }) => [
      route,
      upstream,
      status,
      cache,
      seconds.count,
    ]),
  ).toEqual([
    ["api", "origin", "2xx", "none", 2],
    ["api", "origin", "5xx", "none", 1],
    ["api", "origin", "dropped", "none", 1],
    ["api", "", "2xx", "hit", 1],
  ]);
  expect(series[0]).toMatchObject({ requestBytes: 200, responseBytes: 2000 });
  expect(outcomes).toEqual({ complete: 4, dropped: 1 });
  expect(refused).toEqual({ "ip-list": 1 });
  expect(upstreamHeads.map(({ upstream, seconds }) => [upstream, seconds.count])).toEqual([
    ["origin", 4],
  ]);
});

it("counts attempts beyond the first as retries, errors by code, and time in hooks", () => {
  const tally = new TrafficTally();
  tally.count({ ...SERVED, attempts: 3 });
  tally.count({ ...SERVED, attempts: 0, error: "PROXY_UPSTREAM_CONNECT", status: 502 });
  tally.count({ ...SERVED, flagged: true });
  const { retries, errors, hooks, flagged } = tally.figures;
  expect(retries).toEqual([{ upstream: "origin", count: 2 }]);
  expect(errors).toEqual({ PROXY_UPSTREAM_CONNECT: 1 });
  expect(hooks.sum).toBeCloseTo(0.003);
  expect(flagged).toBe(1);
});

it("puts each time into the first bucket whose bound it does not exceed, and nothing gets lost", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 50 }),
      (times) => {
        const tally = new TrafficTally();
        for (const totalMs of times) tally.count({ ...SERVED, totalMs });
        const seconds = tally.figures.series[0]?.seconds;
        const expected = Array.from({ length: DURATION_BOUNDS.length + 1 }, () => 0);
        for (const ms of times) {
          const at = DURATION_BOUNDS.findIndex((bound) => ms / 1000 <= bound);
          const bucket = at === -1 ? DURATION_BOUNDS.length : at;
          expected[bucket] = (expected[bucket] as number) + 1;
        }
        expect(seconds?.buckets).toEqual(expected);
        expect(seconds?.count).toBe(times.length);
        expect(seconds?.sum).toBeCloseTo(
          times.reduce((sum, ms) => sum + ms / 1000, 0),
          6,
        );
      },
    ),
  );
});

it("keeps a bounded number of series, whatever names reloads bring", () => {
  const tally = new TrafficTally();
  for (let i = 0; i < 5_000; i++) {
    tally.count({ ...SERVED, route: `route-${i}`, upstream: `upstream-${i}` });
  }
  const { series, upstreamHeads } = tally.figures;
  expect(series.length).toBeLessThanOrEqual(2_001);
  expect(upstreamHeads.length).toBeLessThanOrEqual(2_001);
  const rest = series.find(({ route }) => route === OTHER);
  const all = series.reduce((sum, { seconds }) => sum + seconds.count, 0);
  expect(all).toBe(5_000);
  expect(rest?.seconds.count).toBeGreaterThan(2_900);
});
