import { describe, expect, it, vi } from "vitest";

import { createStackMapper } from "../../../runtime/config/stack-mapper.ts";
import { prepareGeneration, type Generation } from "../../../runtime/generation/generation.ts";
import { createResourceRegistry } from "../../../runtime/generation/resources.ts";
import { fakeLoaded, fakeProvision, type FakeSlot } from "../../helpers/fake-generation.ts";
import { collectLog } from "../../helpers/log-lines.ts";

interface Started {
  readonly generation: Generation;
  readonly slot: FakeSlot;
  readonly events: string[];
  readonly fake: ReturnType<typeof fakeProvision>;
  readonly errors: readonly unknown[];
  acquire(): void;
  release(): void;
  waitUntil(promise: Promise<unknown>): void;
}

async function start(config: Parameters<typeof fakeLoaded>[1] = {}): Promise<Started> {
  const { log, errors } = collectLog();
  const fake = fakeProvision();
  const events: string[] = [];
  const { loaded, slot } = fakeLoaded(1, {
    plugins: [{ name: "p", api: 1, setup: () => () => void events.push("disposer") }],
    ...config,
  });
  const generation = await prepareGeneration({
    loaded,
    provision: fake.provision,
    resources: createResourceRegistry(log),
    stackMapper: createStackMapper(),
    log,
  });
  const { lease, waitUntil } = fake.calls[0]!;
  return { generation, slot, events, fake, errors, ...bound(lease), waitUntil };
}

const bound = (lease: { acquire(): void; release(): void }) => ({
  acquire: () => lease.acquire(),
  release: () => lease.release(),
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("Generation", () => {
  it("is released at once when nothing leases it", async () => {
    const { generation, slot, events, fake } = await start();
    generation.commit();
    expect(fake.committed).toEqual([1]);
    await generation.retire();
    expect(events).toEqual(["disposer"]);
    expect(slot).toMatchObject({ retired: 1, disposed: 1 });
    expect(fake.disposed).toEqual([1]);
    expect(generation.state).toBe("retired");
  });

  it("keeps its disposers, timers and resources while a request leases it", async () => {
    const { generation, slot, events, fake, acquire, release } = await start();
    acquire();
    acquire();
    const retired = generation.retire();
    release();
    await turn();
    expect(generation.state).toBe("retiring");
    expect(events).toEqual([]);
    expect(slot).toMatchObject({ retired: 0, disposed: 0 });
    release();
    await retired;
    expect(events).toEqual(["disposer"]);
    expect(slot).toMatchObject({ retired: 1, disposed: 1 });
    expect(fake.disposed).toEqual([1]);
  });

  it("runs disposers and clears timers after retireAfter, but keeps resources and stacks for the request that stays", async () => {
    const { generation, slot, events, fake, acquire, release } = await start({
      config: { retireAfterMs: 10 },
    });
    acquire();
    const retired = generation.retire();
    await vi.waitUntil(() => generation.state === "retired");
    expect(events).toEqual(["disposer"]);
    expect(slot).toMatchObject({ retired: 1, disposed: 0 });
    expect(fake.disposed).toEqual([]);
    release();
    await retired;
    expect(slot).toMatchObject({ retired: 1, disposed: 1 });
    expect(fake.disposed).toEqual([1]);
  });

  it("waits for work given to waitUntil like for a lease, but not beyond retireAfter", async () => {
    const { generation, events, waitUntil } = await start({ config: { retireAfterMs: 20 } });
    const work = Promise.withResolvers<void>();
    waitUntil(work.promise);
    waitUntil(new Promise(() => {}));
    expect(generation.background).toBe(2);
    const retired = generation.retire();
    work.resolve();
    await turn();
    expect(events).toEqual([]);
    await retired;
    expect(events).toEqual(["disposer"]);
    expect(generation.background).toBe(0);
  });

  it("logs background work that fails and lives on", async () => {
    const { generation, errors, waitUntil } = await start();
    waitUntil(Promise.reject(new Error("mail server is down")));
    await turn();
    expect(errors).toHaveLength(1);
    expect(generation.background).toBe(0);
  });

  it("cuts streams after closeStreamsAfter, and only if there are any", async () => {
    const { generation, fake } = await start({ config: { closeStreamsAfterMs: 5 } });
    fake.stats = { requests: 0, streams: 1, tunnels: 0 };
    await generation.retire();
    await vi.waitUntil(() => fake.cut.length > 0);
    expect(fake.cut).toEqual([1]);
  });

  it("leaves nothing behind when provision or a plugin refuses", async () => {
    const { log } = collectLog();
    const options = {
      resources: createResourceRegistry(log),
      stackMapper: createStackMapper(),
      log,
    };
    const setup = (): never => {
      throw new Error("no");
    };
    const bad = fakeLoaded(1, { plugins: [{ name: "p", api: 1, setup }] });
    const fake = fakeProvision();
    await expect(
      prepareGeneration({ ...options, loaded: bad.loaded, provision: fake.provision }),
    ).rejects.toThrow(/"p" failed in setup/);
    expect(bad.slot).toMatchObject({ retired: 1, disposed: 1 });
    expect(fake.disposed).toEqual([1]);

    const other = fakeLoaded(2);
    const provision = () => Promise.reject(new Error("broken"));
    await expect(
      prepareGeneration({ ...options, loaded: other.loaded, provision }),
    ).rejects.toThrow("broken");
    expect(other.slot).toMatchObject({ retired: 1, disposed: 1 });
  });

  it("is collected once it is released", async () => {
    const references: WeakRef<object>[] = [];
    await (async () => {
      const { generation, acquire, release } = await start({
        config: { retireAfterMs: 10_000, closeStreamsAfterMs: 10_000 },
      });
      references.push(new WeakRef(generation), new WeakRef(generation.pipeline));
      acquire();
      const retired = generation.retire();
      release();
      await retired;
    })();
    await turn();
    (globalThis as { gc?: () => void }).gc?.();
    expect(references.map((one) => one.deref())).toEqual([undefined, undefined]);
  });
});
