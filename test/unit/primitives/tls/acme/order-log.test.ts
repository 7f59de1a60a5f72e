import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";

import { OrderLog } from "../../../../../runtime/primitives/tls/acme/order-log.ts";
import { AcmeStore, storedIdOf } from "../../../../../runtime/primitives/tls/acme/store.ts";

const HOUR_MS = 3_600_000;

async function openStore(): Promise<AcmeStore> {
  const folder = await mkdtemp(join(tmpdir(), "gatewright-orders-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return AcmeStore.open(folder, "https://ca.test/dir");
}

describe("the order log", () => {
  it("allows no more than the limit in any hour, whatever the times and restarts", async () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: HOUR_MS }), fc.boolean()), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const store = await openStore();
        const limits = { perHour: 5, failuresPerHour: 4 };
        const made: number[] = [];
        let log = new OrderLog(store, limits);
        let now = 10 * HOUR_MS;
        for (const [ms, isRestart] of all) {
          now += ms;
          if (isRestart) log = new OrderLog(store, limits);
          await log.read(now);
          if (log.freeAt(1) > now) continue;
          await log.addOrder(now);
          made.push(now);
          expect(made.filter((at) => at > now - HOUR_MS).length).toBeLessThanOrEqual(5);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("leaves a part to those that may use all of it", async () => {
    const log = new OrderLog(await openStore(), { perHour: 4, failuresPerHour: 4 });
    for (const at of [1, 2, 3]) await log.addOrder(at);
    expect(log.freeAt(0.75)).toBe(1 + HOUR_MS);
    expect(log.freeAt(1)).toBe(0);
  });

  it("counts failures of each set apart", async () => {
    const log = new OrderLog(await openStore(), { perHour: 100, failuresPerHour: 2 });
    for (const at of [1, 2]) await log.addFailure("a.test", at);
    expect(log.freeAtFor("a.test")).toBe(1 + HOUR_MS);
    expect(log.freeAtFor("b.test")).toBe(0);
  });

  it.each(["", "{", "null", "[]", '{"orders":"x","failures":[1]}', '{"failures":{"a":3}}'])(
    "begins anew where the file holds %j, and where the clock was wrong",
    async (text) => {
      const store = await openStore();
      await writeFile(join(store.folder, "orders.json"), text);
      const log = new OrderLog(store, { perHour: 1, failuresPerHour: 1 });
      await log.read(1000);
      expect([log.freeAt(1), log.freeAtFor("a")]).toEqual([0, 0]);
      await log.addOrder(1000);
      await log.read(500);
      expect(log.freeAt(1)).toBe(0);
    },
  );
});

describe("the name of a stored certificate", () => {
  it("is that of the host, or of the first with what tells it from other sets", () => {
    expect(storedIdOf(["a.test"])).toBe("a.test");
    expect(storedIdOf(["a.test", "b.test"])).toMatch(/^a\.test\+[0-9a-f]{12}$/);
    expect(storedIdOf(["a.test", "b.test"])).not.toBe(storedIdOf(["a.test", "c.test"]));
  });
});
