import { describe, expect, it } from "vitest";

import type { OnDemandDecision } from "../../../../../runtime/primitives/tls/acme/acme-options.ts";
import type { HostSet } from "../../../../../runtime/primitives/tls/acme/host-set.ts";
import {
  OnDemandNames,
  type OnDemandLimits,
} from "../../../../../runtime/primitives/tls/acme/on-demand-names.ts";
import type { CertificatePair } from "../../../../../runtime/primitives/tls/certificate-pair.ts";
import { collectLog } from "../../../../helpers/log-lines.ts";

const HOUR_MS = 3_600_000;

function pairFor(name: string, from: number, lifeMs: number): CertificatePair {
  return {
    fingerprint: `80000000${from}`,
    cert: "",
    key: "",
    passphrase: undefined,
    names: [name],
    keyType: "ec",
    notBefore: from,
    notAfter: from + lifeMs,
    from: "test",
  };
}

function setUp(limits: Partial<OnDemandLimits> = {}) {
  const log = collectLog();
  const state = { time: 1_000_000, orders: 0, asked: [] as string[], isPaused: false };
  const stored = new Map<string, CertificatePair>();
  const names = new OnDemandNames({
    limits: {
      names: 100,
      waiting: 100,
      decisions: 100,
      decisionMs: 1000,
      refusalMs: 60_000,
      ...limits,
    },
    clock: { now: () => state.time, monotonic: () => state.time },
    log: log.log,
    describeError: (error) => ({ error: String(error) }),
    read: async (id) => {
      const pair = stored.get(id);
      return pair === undefined ? undefined : { pair, signature: "1" };
    },
    onOrder: () => (state.orders += 1),
    isPaused: () => state.isPaused,
  });
  const decide =
    (answer: unknown): OnDemandDecision =>
    (name) => {
      state.asked.push(name);
      return answer as boolean;
    };
  /** What the orders do: they end with a certificate, or with a failure. */
  const finish = (lifeMs: number | undefined): HostSet => {
    const set = names.nextDue(state.time);
    if (set === undefined) throw new Error("nothing is due");
    if (lifeMs === undefined) {
      set.failures += 1;
      set.dueAt = state.time + HOUR_MS;
    } else {
      const pair = pairFor(set.names[0] ?? "", state.time, lifeMs);
      set.adopt({ pair, signature: undefined });
    }
    names.settle(set);
    return set;
  };
  return { names, state, stored, log, decide, finish };
}

async function wanted({ names, state }: ReturnType<typeof setUp>): Promise<void> {
  await expect.poll(() => names.nextDue(state.time)).toBeDefined();
}

describe("names on demand", () => {
  it("lets all who ask for an allowed name wait for one order, then answers at once", async () => {
    const setup = setUp();
    const { names, state, decide, finish } = setup;
    names.setDecision(decide(true));
    const all = [names.find("a.test"), names.find("a.test"), names.find("a.test")];
    await wanted(setup);
    finish(3 * HOUR_MS);
    const [pair, ...others] = [await all[0], await all[1], await all[2]];
    expect(pair?.names).toEqual(["a.test"]);
    expect(others).toEqual([pair, pair]);
    expect(state).toMatchObject({ orders: 1, asked: ["a.test"] });
    expect(names.find("a.test")).toBe(pair);
  });

  it("remembers a refusal for a minute, and asks a reload's function anew", async () => {
    const { names, state, decide } = setUp();
    names.setDecision(decide(false));
    expect(await names.find("a.test")).toBeUndefined();
    expect(names.find("a.test")).toBeUndefined();
    expect(state.asked).toHaveLength(1);
    state.time += 60_001;
    expect(await names.find("a.test")).toBeUndefined();
    expect(state.asked).toHaveLength(2);
    names.setDecision(decide(false));
    await names.find("a.test");
    expect(state.asked).toHaveLength(3);
    expect(state.orders).toBe(0);
  });

  it.each([
    ["nothing", undefined],
    ["a text", "yes"],
    ["an object", {}],
    ["a number", 1],
  ])("takes %s for no: only true orders certificates for strangers", async (_what, answer) => {
    const { names, state, decide } = setUp();
    names.setDecision(decide(answer));
    expect(await names.find("a.test")).toBeUndefined();
    expect(state.orders).toBe(0);
  });

  it("takes an error and a decision that never comes for no, and tells the error", async () => {
    const { names, log } = setUp({ decisionMs: 20 });
    names.setDecision(() => {
      throw new Error("no database");
    });
    expect(await names.find("a.test")).toBeUndefined();
    names.setDecision(() => new Promise(() => {}));
    expect(await names.find("b.test")).toBeUndefined();
    expect(log.errors).toMatchObject([
      { msg: "onDemand failed", servername: "a.test", error: "Error: no database" },
      { servername: "b.test", error: "Error: onDemand took longer than 20 ms" },
    ]);
  });

  it("does not try a name again before its time, however often it is asked for", async () => {
    const setup = setUp();
    const { names, state, decide, finish } = setup;
    names.setDecision(decide(true));
    const first = names.find("a.test");
    await wanted(setup);
    finish(undefined);
    expect(await first).toBeUndefined();
    expect(names.find("a.test")).toBeUndefined();
    expect(state.asked).toHaveLength(1);
    state.time += HOUR_MS + 1;
    void names.find("a.test");
    await wanted(setup);
    expect(state.asked).toHaveLength(2);
    names.close();
  });

  it("serves while it renews, and what it has if that fails", async () => {
    const setup = setUp();
    const { names, state, decide, finish } = setup;
    names.setDecision(decide(true));
    const first = names.find("a.test");
    await wanted(setup);
    finish(3 * HOUR_MS);
    const pair = await first;
    state.time += 2.5 * HOUR_MS;
    expect(names.find("a.test")).toBe(pair);
    await wanted(setup);
    expect(names.find("a.test")).toBe(pair);
    finish(undefined);
    expect(names.find("a.test")).toBe(pair);
    state.time += 0.9 * HOUR_MS;
    // Expired, and not yet to be tried again: better than nothing.
    expect(names.find("a.test")).toBe(pair);
    expect(state.asked).toHaveLength(2);
  });

  it("does not renew a name that is no longer allowed", async () => {
    const setup = setUp();
    const { names, state, stored, decide } = setup;
    stored.set("a.test", pairFor("a.test", state.time - 2.5 * HOUR_MS, 3 * HOUR_MS));
    names.setDecision(decide(false));
    expect((await names.find("a.test"))?.names).toEqual(["a.test"]);
    await expect.poll(() => state.asked).toHaveLength(1);
    expect(names.nextDue(state.time)).toBeUndefined();
  });

  it("takes what is stored without asking", async () => {
    const { names, state, stored, decide } = setUp();
    stored.set("a.test", pairFor("a.test", state.time, HOUR_MS));
    names.setDecision(decide(false));
    expect((await names.find("a.test"))?.names).toEqual(["a.test"]);
    expect(state.asked).toEqual([]);
  });

  it("asks nobody while the CA does not work, and lets nobody wait", async () => {
    const setup = setUp();
    const { names, state, decide } = setup;
    names.setDecision(decide(true));
    const first = names.find("a.test");
    await wanted(setup);
    state.isPaused = true;
    names.settleAll();
    expect(await first).toBeUndefined();
    expect(names.find("b.test")).toBeUndefined();
    expect(state.asked).toEqual(["a.test"]);
  });

  it("bounds names, decisions and waiting under a flood of made-up names", async () => {
    const setup = setUp({ names: 50, waiting: 5, decisions: 3 });
    const { names, state, decide } = setup;
    names.setDecision(decide(true));
    const found = Array.from({ length: 1000 }, (_, at) => names.find(`${at}.test`));
    expect(found.filter((one) => one instanceof Promise)).toHaveLength(3);
    await expect.poll(() => state.orders).toBe(3);
    for (let at = 0; at < 10; at++) {
      void names.find(`more-${at}.test`);
      await new Promise(setImmediate);
    }
    expect(state.orders).toBe(5);
    names.close();
    for (const one of found) expect(await one).toBeUndefined();
  });

  it("keeps names with a certificate when made-up ones need the room", async () => {
    const setup = setUp({ names: 3 });
    const { names, state, stored, decide } = setup;
    stored.set("kept.test", pairFor("kept.test", state.time, HOUR_MS));
    names.setDecision(decide(false));
    const pair = await names.find("kept.test");
    for (let at = 0; at < 20; at++) await names.find(`${at}.test`);
    expect(names.find("kept.test")).toBe(pair);
  });

  it("tells what it remembers: certificates, who waits, refusals, and what failed with why", async () => {
    const setup = setUp();
    const { names, state, decide, finish } = setup;
    names.setDecision((name) => name !== "refused.test" && decide(true)(name));
    void names.find("had.test");
    await wanted(setup);
    finish(3 * HOUR_MS);
    void names.find("failed.test");
    await wanted(setup);
    finish(undefined).reason = "the CA cannot reach it";
    await names.find("refused.test");
    void names.find("waiting.test");
    expect(names.lookedUp()).toMatchObject({
      from: "acme",
      names: 4,
      pairs: [{ names: ["had.test"] }],
      waiting: 1,
      refused: 1,
      failed: 1,
      failures: [
        {
          name: "failed.test",
          reason: "the CA cannot reach it",
          triedAgainAt: state.time + HOUR_MS,
        },
      ],
    });
  });

  it("lists no more than twenty failures, and counts them all", async () => {
    const setup = setUp();
    const { names, decide, finish } = setup;
    names.setDecision(decide(true));
    for (let at = 0; at < 25; at++) {
      void names.find(`${at}.test`);
      await wanted(setup);
      finish(undefined).reason = "no";
    }
    const told = names.lookedUp();
    expect([told.failed, told.failures.length]).toEqual([25, 20]);
  });
});
