/** What a reload promises with every package of `examples/` in the config, measured on the real command. Linux: /proc. */
import { mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { expect, it, onTestFinished } from "vitest";

import { createAllPackages } from "../helpers/all-packages.ts";
import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { isFullScale, scaled } from "../helpers/scale.ts";

const root = resolve(import.meta.dirname, "../..");
const RELOADS = scaled(6, 300);
/** The first reloads fill the caches of the compiler and of the JIT. */
const WARM_UP = 40;
const MAX_HEAP_GROWTH = 5 * 1024 ** 2;

it(
  "reloads with all packages: all of them work, the heap stays flat, one ticker ticks",
  { timeout: scaled(60_000, 300_000) },
  async () => {
    const packages = await createAllPackages();
    const config = (version: number): string =>
      `${packages.config(version)}\nsetInterval(() => console.log("tick ${version}"), 100);\n`;
    for (const name of await readdir(join(root, "examples/packages"))) {
      if (name !== "README.md") expect(config(1)).toContain(`"gatewright-plugin-${name}"`);
    }
    // Inside the workspace: packages are linked, so that each reload evaluates them anew, the worst case for the heap.
    const dir = await mkdtemp(join(root, "examples/.e2e-"));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    await using proxy = await startMeasuredProxy({
      config: config(1),
      dir,
      watch: true,
      env: packages.env,
    });

    expect(await packages.visit(fetch, proxy.url)).toBe("1");
    let before = await proxy.measure();
    for (let version = 2; version <= RELOADS + 1; version++) {
      if (version === WARM_UP + 1) before = await proxy.measure();
      await writeFile(join(dir, "next.ts"), config(version));
      await rename(join(dir, "next.ts"), join(dir, "proxy.config.ts"));
      while (!(await (await fetch(proxy.url)).text()).includes(`<p>site ${version}<`)) {
        await delay(2);
      }
      expect(await packages.visit(fetch, proxy.url)).toBe(String(version));
    }
    // Kept over all reloads by `env.keep`.
    expect(packages.keyVisits).toBe(1);

    const ticks = (): string[] =>
      proxy.started.command.lines
        .map((line) => String(line["msg"]))
        .filter((text) => text.startsWith("tick "));
    const ticked = ticks().length;
    await expect.poll(() => ticks().length - ticked, { timeout: 10_000 }).toBeGreaterThan(12);
    // What was written before this moment may still be on its way: the newest lines count.
    expect(new Set(ticks().slice(-8))).toEqual(new Set([`tick ${RELOADS + 1}`]));
    expect(proxy.errors).toEqual([]);

    const after = await proxy.measure();
    expect(after.openFiles).toBeLessThanOrEqual(before.openFiles + 8);
    if (isFullScale) expect(after.heapBytes - before.heapBytes).toBeLessThan(MAX_HEAP_GROWTH);
    expect((await proxy.stop()).code).toBe(0);
  },
);
