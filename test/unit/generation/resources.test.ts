import { describe, expect, it, vi } from "vitest";

import { createResourceRegistry } from "../../../runtime/generation/resources.ts";
import { collectLog } from "../../helpers/log-lines.ts";

const start = () => {
  const { log, errors } = collectLog();
  return { registry: createResourceRegistry(log), errors };
};

describe("createResourceRegistry", () => {
  it("makes a resource once and hands the same one to every later caller", () => {
    const { registry } = start();
    const create = vi.fn(() => ({}));
    const first = registry.acquire("a", create, () => {});
    expect(registry.acquire("a", create, () => {})).toBe(first);
    expect(create).toHaveBeenCalledTimes(1);
    expect(registry.size).toBe(1);
  });

  it("disposes of a resource when the last use is given back, not before", async () => {
    const { registry } = start();
    const dispose = vi.fn();
    const value = registry.acquire("a", () => ({}), dispose);
    registry.acquire("a", () => ({}), dispose);
    await registry.release("a");
    expect(dispose).not.toHaveBeenCalled();
    await registry.release("a");
    expect(dispose).toHaveBeenCalledExactlyOnceWith(value);
    expect(registry.size).toBe(0);
  });

  it("makes a new one while the old one is still ending", async () => {
    const { registry } = start();
    const gate = Promise.withResolvers<void>();
    const old = registry.acquire(
      "a",
      () => ({}),
      () => gate.promise,
    );
    const ending = registry.release("a");
    const next = registry.acquire(
      "a",
      () => ({}),
      () => {},
    );
    expect(next).not.toBe(old);
    gate.resolve();
    await ending;
    expect(registry.size).toBe(1);
  });

  it("shares one promise among all who ask while the resource is being made", async () => {
    const { registry } = start();
    const create = vi.fn(async () => ({}));
    const [one, two] = [
      registry.acquire("a", create, () => {}),
      registry.acquire("a", create, () => {}),
    ];
    expect(await one).toBe(await two);
    expect(create).toHaveBeenCalledTimes(1);
  });

  it("does not keep a resource whose making failed, so the next caller tries again", async () => {
    const { registry } = start();
    const failing = registry.acquire(
      "a",
      () => Promise.reject(new Error("down")),
      () => {},
    );
    await expect(failing).rejects.toThrow("down");
    expect(registry.size).toBe(0);
    const value = registry.acquire(
      "a",
      async () => 7,
      () => {},
    );
    expect(await value).toBe(7);
    expect(registry.size).toBe(1);
  });

  it("keeps nothing when create throws", () => {
    const { registry } = start();
    const bad = () => {
      throw new Error("no");
    };
    expect(() => registry.acquire("a", bad, () => {})).toThrow("no");
    expect(registry.size).toBe(0);
  });

  it("logs a disposal that fails and goes on", async () => {
    const { registry, errors } = start();
    registry.acquire(
      "a",
      () => 1,
      () => Promise.reject(new Error("stuck")),
    );
    await registry.release("a");
    expect(errors).toHaveLength(1);
  });

  it("logs a release that nobody owed instead of ending somebody else's resource", async () => {
    const { registry, errors } = start();
    await registry.release("a");
    expect(errors).toHaveLength(1);
  });
});
