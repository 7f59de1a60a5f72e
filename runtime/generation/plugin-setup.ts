/**
 * Sets up the plugins of a generation that is being prepared, and takes them down when it retires.
 *
 * Everything here runs beside the living generation: whatever a plugin does wrong in `setup` must end with the new
 * generation refused and the old one untouched.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { MaybePromise, Plugin, PluginEnv } from "@gatewright/sdk";

import type { ConfigIssue } from "../config/issue.ts";
import type { CodeSlot } from "../config/slot.ts";
import type { StackMapper } from "../config/stack-mapper.ts";
import type { Log } from "../log.ts";
import { PrepareError } from "./prepare-error.ts";
import type { ResourceRegistry } from "./resources.ts";
import { withinTime } from "./time-limit.ts";

const SETUP_LIMIT_MS = 30_000;
const DISPOSE_LIMIT_MS = 10_000;

export interface PluginSetupOptions {
  /** In running order. */
  readonly plugins: readonly Plugin[];
  readonly generation: number;
  /** The config's `dataDir`; each plugin gets a folder in it. */
  readonly dataDir: string;
  readonly resources: ResourceRegistry;
  readonly log: Log;
  /** The generation's code: timers that `setup` starts belong to it. */
  readonly slot: Pick<CodeSlot, "runInBackground">;
  readonly stackMapper: Pick<StackMapper, "describeError" | "errorFields">;
  /** Default 30 s for each plugin. */
  readonly setupLimitMs?: number;
  /** Default 10 s for each disposer. */
  readonly disposeLimitMs?: number;
}

/** Plugins that are set up. */
export interface PluginSetup {
  /** Runs the disposers and gives kept values back, last plugin first. Never rejects; a second call waits for the first. */
  dispose(): Promise<void>;
}

/** Throws a {@link PrepareError} that names the plugin, after the plugins before it were taken down again. */
export async function setUpPlugins(options: PluginSetupOptions): Promise<PluginSetup> {
  const ready: PluginSeat[] = [];
  const takeDown = async (): Promise<void> => {
    for (const seat of ready.reverse()) await seat.dispose();
    ready.length = 0;
  };
  for (const plugin of options.plugins) {
    const seat = new PluginSeat(plugin, options);
    ready.push(seat);
    try {
      await seat.setUp();
    } catch (error) {
      await takeDown();
      throw new PrepareError([toIssue(plugin.name, error, options)], { cause: error });
    }
  }
  let disposed: Promise<void> | undefined;
  return { dispose: () => (disposed ??= takeDown()) };
}

type Disposer = () => MaybePromise<void>;

/** One plugin's place in one generation: its environment, its disposer and the values it keeps. */
class PluginSeat {
  readonly #plugin: Plugin;
  readonly #options: PluginSetupOptions;
  readonly #log: Log;
  readonly #kept = new Map<string, Promise<unknown>>();
  #disposer: Disposer | undefined;
  #over = false;

  constructor(plugin: Plugin, options: PluginSetupOptions) {
    this.#plugin = plugin;
    this.#options = options;
    this.#log = options.log.child({ plugin: plugin.name, generation: options.generation });
  }

  async setUp(): Promise<void> {
    if (this.#plugin.setup === undefined) return;
    const limitMs = this.#options.setupLimitMs ?? SETUP_LIMIT_MS;
    // The call itself belongs into the promise: `setup` may throw instead of rejecting.
    const setup = this.#options.slot.runInBackground(async () => this.#plugin.setup?.(this.#env()));
    const disposer = await withinTime(setup, limitMs, () => {
      // Too late to be used, but what it took must still be given back.
      setup.then(
        (late) => this.#run(late),
        () => {},
      );
      return new Error(`setup took longer than ${limitMs / 1000} s`);
    });
    if (disposer !== undefined && typeof disposer !== "function") {
      throw new TypeError("setup must return nothing or a function that disposes");
    }
    this.#disposer = disposer ?? undefined;
  }

  async dispose(): Promise<void> {
    this.#over = true;
    const disposer = this.#disposer;
    this.#disposer = undefined;
    await this.#run(disposer);
    for (const [key, value] of this.#kept) {
      await value.then(
        () => this.#release(key),
        () => {},
      );
    }
    this.#kept.clear();
  }

  #env(): PluginEnv {
    const folder = join(this.#options.dataDir, "plugins", toFolderName(this.#plugin.name));
    let made = false;
    return {
      generation: this.#options.generation,
      log: this.#log,
      get dataDir() {
        // 0700: plugins put keys and tokens here.
        if (!made) mkdirSync(folder, { recursive: true, mode: 0o700 });
        made = true;
        return folder;
      },
      keep: (key, create, dispose) => this.#keep(key, create, dispose),
    };
  }

  #keep<T>(
    key: string,
    create: () => MaybePromise<T>,
    dispose?: (value: T) => MaybePromise<void>,
  ): Promise<T> {
    if (this.#over) {
      return Promise.reject(
        new Error(`keep(${JSON.stringify(key)}) after the generation's plugins were disposed of`),
      );
    }
    // One use for each key and generation, however often a hook asks.
    const known = this.#kept.get(key);
    if (known !== undefined) return known as Promise<T>;
    const value = this.#options.resources.acquire(
      this.#keyOf(key),
      async () => create(),
      (made) => made.then((living) => dispose?.(living)),
    );
    this.#kept.set(key, value);
    value.catch(() => {
      if (this.#kept.get(key) === value) this.#kept.delete(key);
    });
    return value;
  }

  #release(key: string): Promise<void> {
    return this.#guarded("closing a kept value", () =>
      this.#options.resources.release(this.#keyOf(key)),
    );
  }

  #run(disposer: Disposer | void): Promise<void> {
    if (typeof disposer !== "function") return Promise.resolve();
    return this.#guarded("a disposer", disposer);
  }

  async #guarded(what: string, work: Disposer): Promise<void> {
    const limitMs = this.#options.disposeLimitMs ?? DISPOSE_LIMIT_MS;
    try {
      await withinTime(
        (async () => work())(),
        limitMs,
        () => new Error(`it took longer than ${limitMs / 1000} s`),
      );
    } catch (error) {
      const fields = this.#options.stackMapper.errorFields(error);
      this.#log.error(fields, `${what} of the plugin ${this.#plugin.name} failed`);
    }
  }

  #keyOf(key: string): string {
    // JSON of the pair: no choice of names makes two plugins share a key.
    return `keep:${JSON.stringify([this.#plugin.name, key])}`;
  }
}

function toIssue(name: string, error: unknown, options: PluginSetupOptions): ConfigIssue {
  const { message, place, frame } = options.stackMapper.describeError(error);
  return {
    path: "plugins",
    message: `The plugin ${JSON.stringify(name)} failed in setup: ${message}`,
    ...(place === undefined ? {} : { place }),
    ...(frame === undefined ? {} : { frame }),
  };
}

/** A plugin's name as one path segment: `@scope/name` and `../..` stay inside the folder. */
function toFolderName(name: string): string {
  return encodeURIComponent(name).replaceAll("*", "%2A").replace(/^\./, "%2E");
}
