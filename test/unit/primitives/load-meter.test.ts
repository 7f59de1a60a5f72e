import { expect, it } from "vitest";

import { LoadMeter } from "../../../runtime/primitives/load-meter.ts";

function meterAt(start = 50_000) {
  const clock = { now: () => 0, monotonic: () => clock.time, time: start };
  return { clock, meter: new LoadMeter(clock) };
}

it("counts the requests of the last second, and forgets older ones", () => {
  const { clock, meter } = meterAt();
  for (let i = 0; i < 30; i++) meter.begin(clock.time);
  expect(meter.requestsPerSecond).toBe(30);
  clock.time += 500;
  for (let i = 0; i < 5; i++) meter.begin(clock.time);
  expect(meter.requestsPerSecond).toBe(35);
  clock.time += 600;
  expect(meter.requestsPerSecond).toBe(5);
  clock.time += 1_000_000;
  expect(meter.requestsPerSecond).toBe(0);
});

it("says what 95 of 100 heads stayed under, to within a step", () => {
  const { clock, meter } = meterAt();
  expect(meter.p95Ms).toBe(0);
  for (let i = 0; i < 95; i++) meter.answered(clock.time, 10);
  for (let i = 0; i < 5; i++) meter.answered(clock.time, 5000);
  expect(meter.p95Ms).toBeGreaterThanOrEqual(10);
  expect(meter.p95Ms).toBeLessThan(14.2);
  meter.answered(clock.time, 1e9);
  expect(meter.p95Ms).toBeGreaterThan(5000);
  clock.time += 10_000;
  expect(meter.p95Ms).toBe(0);
});

it("counts what is in flight", () => {
  const { clock, meter } = meterAt();
  meter.begin(clock.time);
  meter.begin(clock.time);
  meter.end();
  expect(meter.inFlight).toBe(1);
});
