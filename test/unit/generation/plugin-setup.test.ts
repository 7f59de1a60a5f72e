import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Plugin, PluginEnv } from "@gatewright/sdk";
import { describe, expect, it, onTestFinished } from "vitest";

import { createStackMapper } from "../../../runtime/config/stack-mapper.ts";
import {
  setUpPlugins,
  type PluginSetup,
  type PluginSetupOptions,
} from "../../../runtime/generation/plugin-setup.ts";
import { PrepareError } from "../../../runtime/generation/prepare-error.ts";
import { createResourceRegistry } from "../../../runtime/generation/resources.ts";
import { collectLog } from "../../helpers/log-lines.ts";

const collector = () => {
  const { log, errors } = collectLog();
  const resources = createResourceRegistry(log);
  const setUp = (
    plugins: readonly Plugin[],
    options: Partial<PluginSetupOptions> = {},
  ): Promise<PluginSetup> =>
    setUpPlugins({
      plugins,
      generation: 1,
      dataDir: "/nonexistent",
      resources,
      log,
      slot: { runInBackground: (work) => work() },
      stackMapper: createStackMapper(),
      ...options,
    });
  return { setUp, errors, resources };
};

const plugin = (name: string, setup: NonNullable<Plugin["setup"]>): Plugin => ({
  name,
  api: 1,
  setup,
});

describe("setUpPlugins", () => {
  it("sets plugins up in order and disposes of them in reverse", async () => {
    const { setUp } = collector();
    const events: string[] = [];
    const make = (name: string) =>
      plugin(name, async () => {
        events.push(`set up ${name}`);
        return () => void events.push(`dispose ${name}`);
      });
    const setup = await setUp([make("a"), make("b"), { name: "none", api: 1 }]);
    await Promise.all([setup.dispose(), setup.dispose()]);
    expect(events).toEqual(["set up a", "set up b", "dispose b", "dispose a"]);
  });

  it("refuses the generation with the plugin's name and takes the earlier ones down when one throws", async () => {
    const { setUp } = collector();
    const events: string[] = [];
    const failed = setUp([
      plugin("first", () => () => void events.push("first is down")),
      plugin("@acme/auth", () => {
        throw new Error("no key");
      }),
      plugin("never", () => void events.push("never")),
    ]);
    const error = await failed.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PrepareError);
    expect((error as PrepareError).issues).toEqual([
      expect.objectContaining({
        path: "plugins",
        message: 'The plugin "@acme/auth" failed in setup: Error: no key',
      }),
    ]);
    expect(events).toEqual(["first is down"]);
  });

  it("refuses a setup that returns something else than a function", async () => {
    const { setUp } = collector();
    await expect(setUp([plugin("odd", () => 7 as never)])).rejects.toThrow(
      /function that disposes/,
    );
  });

  it("gives up a setup after its time limit and runs the disposer that comes too late", async () => {
    const { setUp } = collector();
    const gate = Promise.withResolvers<void>();
    const disposed = Promise.withResolvers<void>();
    const slow = plugin("slow", async () => {
      await gate.promise;
      return () => disposed.resolve();
    });
    await expect(setUp([slow], { setupLimitMs: 10 })).rejects.toThrow(/slow.*longer than/);
    gate.resolve();
    await disposed.promise;
  });

  it("logs a disposer that throws, rejects or takes too long, and runs the others", async () => {
    const { setUp, errors } = collector();
    const events: string[] = [];
    const setup = await setUp(
      [
        plugin("good", () => () => void events.push("good")),
        plugin("hangs", () => () => new Promise<void>(() => {})),
        plugin("rejects", () => () => Promise.reject(new Error("r"))),
        plugin("throws", () => () => {
          throw new Error("t");
        }),
      ],
      { disposeLimitMs: 10 },
    );
    await setup.dispose();
    expect(events).toEqual(["good"]);
    expect(errors.map((line) => line["plugin"])).toEqual(["throws", "rejects", "hangs"]);
  });

  describe("keep", () => {
    const keeper = (events: string[], key = "client"): Plugin =>
      plugin("db", async (env) => {
        await env.keep(
          key,
          async () => void events.push("made"),
          () => void events.push("closed"),
        );
        return () => void events.push("disposer");
      });

    it("hands a value on to the next generation and closes it after the last", async () => {
      const { setUp } = collector();
      const events: string[] = [];
      const first = await setUp([keeper(events)]);
      const second = await setUp([keeper(events)], { generation: 2 });
      await first.dispose();
      expect(events).toEqual(["made", "disposer"]);
      await second.dispose();
      expect(events).toEqual(["made", "disposer", "disposer", "closed"]);
    });

    it("counts one use for each generation, however often it is asked", async () => {
      const { setUp, resources } = collector();
      const setup = await setUp([
        plugin("db", async (env) => {
          const one = await env.keep("a", () => ({}));
          expect(await env.keep("a", () => ({}))).toBe(one);
        }),
      ]);
      await setup.dispose();
      expect(resources.size).toBe(0);
    });

    it("keeps the keys of plugins apart, whatever they are called", async () => {
      const { setUp, resources } = collector();
      const keep = (name: string, key: string) =>
        plugin(name, async (env) => void (await env.keep(key, () => 1)));
      await setUp([keep("a", '","b'), keep('a","', "b"), keep("a:b", "c"), keep("a", "b:c")]);
      expect(resources.size).toBe(4);
    });

    it("does not keep a value whose making failed and leaves nothing behind", async () => {
      const { setUp, resources, errors } = collector();
      const failing = plugin("db", async (env) => {
        await env.keep("a", () => Promise.reject(new Error("down")));
      });
      await expect(setUp([failing])).rejects.toThrow("down");
      expect(resources.size).toBe(0);
      expect(errors).toEqual([]);
    });

    it("refuses to keep anything once the generation has been taken down", async () => {
      const { setUp } = collector();
      let env: PluginEnv | undefined;
      const setup = await setUp([plugin("late", (given) => void (env = given))]);
      await setup.dispose();
      await expect(env?.keep("a", () => 1)).rejects.toThrow(/disposed of/);
    });
  });

  it("makes the plugin's folder on first use, private, inside dataDir whatever the name is", async () => {
    const { setUp } = collector();
    const dataDir = await mkdtemp(join(tmpdir(), "gatewright-"));
    onTestFinished(() => rm(dataDir, { recursive: true }));
    const folders: string[] = [];
    await setUp([plugin("quiet", () => {})], { dataDir });
    await expect(stat(join(dataDir, "plugins"))).rejects.toThrow(/ENOENT/);
    await setUp(
      ["@acme/auth", "../../etc", "..", "."].map((name) =>
        plugin(name, (env) => void folders.push(env.dataDir)),
      ),
      { dataDir },
    );
    expect(new Set(folders).size).toBe(4);
    for (const folder of folders) {
      expect(join(folder, "..")).toBe(join(dataDir, "plugins"));
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
    }
  });
});
