import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  GcraTable,
  gcraTableBytes,
  type LimitTerms,
} from "../../../../runtime/primitives/rate-limit/gcra-table.ts";
import { KeyHash } from "../../../../runtime/primitives/rate-limit/key-hash.ts";
import { scaled } from "../../../helpers/scale.ts";

/** Of live objects and arrays. */
function liveBytes(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const terms = (limit: number, windowMs: number, maxWaitMs = 0): LimitTerms => ({
  intervalMs: windowMs / limit,
  burst: limit,
  maxWaitMs,
});

describe("GcraTable", () => {
  it("grants the burst at once, then one for each interval", () => {
    const table = new GcraTable({ maxKeys: 8 });
    const rule = terms(5, 1000);
    const granted = Array.from({ length: 7 }, () => table.take(1, 1, 1, rule, 1000));
    expect(granted).toEqual([true, true, true, true, true, false, false]);
    expect(table.waitMs).toBeCloseTo(200);
    expect(table.resetMs).toBeCloseTo(1000);
    expect(table.take(1, 1, 1, rule, 1199)).toBe(false);
    expect(table.take(1, 1, 1, rule, 1200)).toBe(true);
    expect(table.remaining).toBe(0);
  });

  it("knows how many keys it holds, in memory of its own and in memory that is shared", () => {
    const rule = terms(2, 1000);
    const own = new GcraTable({ maxKeys: 8 });
    const buffer = new SharedArrayBuffer(gcraTableBytes(8));
    const tables = [own, new GcraTable({ maxKeys: 8, buffer })];
    const other = new GcraTable({ maxKeys: 8, buffer });
    for (const table of tables) {
      expect([table.size, table.capacity]).toEqual([0, 8]);
      for (let key = 1; key <= 3; key++) table.take(key, key, 1, rule, 1000);
      table.take(3, 3, 1, rule, 1000);
      table.peek(4, 4, 1, rule, 1000);
      expect(table.size).toBe(3);
      for (let key = 1; key <= 20; key++) table.take(key, 8, 1, rule, 1000);
      expect(table.size).toBe(8);
    }
    expect(other.size).toBe(8);
  });

  it("lets a taker wait where the terms allow it, one after the other", () => {
    const table = new GcraTable({ maxKeys: 8 });
    const rule = terms(1, 100, 250);
    const waits = [0, 0, 0, 0].map(() => (table.take(1, 1, 1, rule, 0), table.waitMs));
    expect(waits).toEqual([0, 100, 200, 50]);
  });

  it("decides as a leaky bucket does, whatever the times and costs", () => {
    const step = fc.record({ waitMs: fc.nat(400), cost: fc.nat(4), key: fc.nat(3) });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 1, max: 20 }),
        (steps, limit) => {
          const table = new GcraTable({ maxKeys: 64 });
          const rule: LimitTerms = { intervalMs: 64, burst: limit, maxWaitMs: 0 };
          const levels = new Map<number, { level: number; at: number }>();
          let now = 1000;
          for (const { waitMs, cost, key } of steps) {
            now += waitMs;
            const bucket = levels.get(key) ?? { level: 0, at: now };
            const level = Math.max(0, bucket.level - (now - bucket.at) / 64);
            const fits = level + cost <= limit;
            levels.set(key, { level: fits ? level + cost : level, at: now });
            expect(table.take(key, key * 7, cost, rule, now)).toBe(fits);
            expect(table.remaining).toBe(Math.floor(limit - (fits ? level + cost : level)));
          }
        },
      ),
    );
  });

  it("stays as large as it is, and keeps a key that owes much while others pass through", () => {
    const table = new GcraTable({ maxKeys: 1024 });
    const rule = terms(100, 10_000);
    for (let at = 0; at < 100; at++) table.take(7, 7, 1, rule, 1000);
    const keys = scaled(200_000, 10_000_000);
    const hash = new KeyHash(Uint32Array.of(1, 2));
    const pass = (from: number, to: number): void => {
      for (let at = from; at < to; at++) {
        hash.begin();
        hash.word(at);
        hash.text(`agent ${at}`);
        hash.end();
        table.take(hash.high, hash.low, 1, rule, 1000);
      }
    };
    pass(0, 10_000);
    const before = liveBytes();
    pass(10_000, keys);
    expect(liveBytes() - before).toBeLessThan(2 ** 20);
    expect(table.capacity).toBe(1024);
    expect(table.size).toBeLessThanOrEqual(1024);
    expect(table.take(7, 7, 1, rule, 1000)).toBe(false);
  });

  it("counts in memory that others see too", () => {
    const buffer = new SharedArrayBuffer(gcraTableBytes(64));
    const one = new GcraTable({ maxKeys: 64, buffer });
    const other = new GcraTable({ maxKeys: 64, buffer });
    expect(one.take(1, 2, 3, terms(4, 1000), 10)).toBe(true);
    expect(other.take(1, 2, 2, terms(4, 1000), 10)).toBe(false);
  });

  it("says in advance what a take would say, and takes nothing", () => {
    const step = fc.record({ waitMs: fc.nat(300), cost: fc.nat(3), key: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), fc.nat(200), (steps, maxWaitMs) => {
        const table = new GcraTable({ maxKeys: 8 });
        const rule: LimitTerms = { intervalMs: 64, burst: 3, maxWaitMs };
        let now = 1000;
        for (const { waitMs, cost, key } of steps) {
          now += waitMs;
          const said = (takes: boolean): unknown[] => [
            takes ? table.take(key, key, cost, rule, now) : table.peek(key, key, cost, rule, now),
            table.remaining,
            table.resetMs,
            table.waitMs,
          ];
          const peeked = said(false);
          expect(said(false)).toEqual(peeked);
          expect(said(true)).toEqual(peeked);
        }
      }),
    );
  });

  it("keeps the share that is used when the limit changes", () => {
    const table = new GcraTable({ maxKeys: 8 });
    for (let at = 0; at < 5; at++) table.take(1, 1, 1, terms(10, 1000), 1000);
    table.rescale(50 / 100, 1000);
    table.take(1, 1, 0, terms(20, 1000), 1000);
    expect(table.remaining).toBe(15);
  });
});
