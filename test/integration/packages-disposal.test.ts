/** What plugins start, their disposers end: nothing of a package is left when its proxy is closed, over reloads too. */
import { createHook } from "node:async_hooks";
import { setImmediate as turn } from "node:timers/promises";

import type { Plugin } from "@gatewright/sdk";
import { createTestProxy } from "gatewright/testing";
import { afterEach, describe, expect, it } from "vitest";

import allPackages from "../fixtures/packages/proxy.config.ts";
import { createAllPackages } from "../helpers/all-packages.ts";

/** What goes on by itself until somebody ends it. */
const LASTING: ReadonlySet<string> = new Set([
  "FSEVENTWRAP",
  "PIPESERVERWRAP",
  "PROCESSWRAP",
  "SIGNALWRAP",
  "STATWATCHER",
  "TCPSERVERWRAP",
  "Timeout",
  "UDPWRAP",
  "WORKER",
]);

/** What code in files of these folders has started and nobody has ended, timers without a hold on the loop too. */
class Started {
  readonly #left = new Map<number, string>();
  readonly #listeners = countListeners();
  readonly #hook;

  constructor(folder: string) {
    this.#hook = createHook({
      init: (id, type) => {
        if (!LASTING.has(type)) return;
        const stack = new Error(type).stack ?? "";
        // That one ends by itself, and holds nothing.
        if (stack.includes(folder) && !stack.includes("AbortSignal.timeout")) {
          this.#left.set(id, stack);
        }
      },
      destroy: (id) => void this.#left.delete(id),
    }).enable();
  }

  /** One text for each thing. */
  async left(): Promise<string[]> {
    // `destroy` comes in a turn of its own.
    for (let turns = 0; turns < 3; turns++) await turn();
    const listeners = countListeners();
    const more = Object.keys(listeners).filter(
      (name) => (listeners[name] ?? 0) > (this.#listeners[name] ?? 0),
    );
    return [...this.#left.values(), ...more.map((name) => `listener of process: ${name}`)];
  }

  end(): void {
    this.#hook.disable();
  }
}

function countListeners(): Record<string, number> {
  return Object.fromEntries(
    process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  );
}

let started: Started | undefined;
afterEach(() => started?.end());

describe("what packages start", () => {
  it("is gone when the proxy is closed, with every package of examples/", async () => {
    const { visit, env } = await createAllPackages();
    started = new Started("/examples/");
    const proxy = await createTestProxy(allPackages, { env, clock: "system" });
    const ask = ((url: string, init: RequestInit) => proxy.fetch(url, init)) as typeof fetch;
    await visit(ask, "http://localhost");
    // The API key's package reports each minute: the measure sees what runs.
    expect(await started.left()).toHaveLength(1);
    for (let reloads = 0; reloads < 3; reloads++) {
      await proxy.reload(allPackages);
      await visit(ask, "http://localhost");
    }
    await proxy.close();
    expect(await started.left()).toEqual([]);
  });

  it("shows where a package forgets to end it", async () => {
    started = new Started(import.meta.filename);
    let timer: NodeJS.Timeout | undefined;
    const forgetful: Plugin = {
      name: "forgetful",
      api: 1,
      setup() {
        timer = setInterval(() => {}, 60_000).unref();
        process.on("beforeExit", noop);
      },
    };
    const proxy = await createTestProxy({
      upstreams: { app: { fetch: () => new Response() } },
      plugins: [forgetful],
    });
    await proxy.close();
    const left = await started.left();
    clearInterval(timer);
    process.off("beforeExit", noop);
    expect(left).toHaveLength(2);
    expect(left[0]).toContain("setup");
    expect(left[1]).toBe("listener of process: beforeExit");
    expect(await started.left()).toEqual([]);
  });
});

function noop(): void {}
