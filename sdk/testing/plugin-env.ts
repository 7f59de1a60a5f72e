import type { PluginEnv } from "../plugin.ts";
import type { MaybePromise } from "../units.ts";
import { createLog, type LoggedLine } from "./log.ts";

/** What {@link makePluginEnv} takes. */
export interface PluginEnvOptions {
  /** Default 1. */
  readonly generation?: number;
  /** A folder that the test has made, for plugins that keep files. Default: asking for it throws. */
  readonly dataDir?: string;
}

/** For `setup` of a plugin. */
export interface TestPluginEnv extends PluginEnv {
  /** Lines of `env.log`. */
  readonly logs: readonly LoggedLine[];
  /** Disposes of what `env.keep` has made, as when the last generation retires. */
  dispose(): Promise<void>;
}

/**
 * An environment for a plugin's `setup`, without a proxy.
 *
 * @example
 * ```ts
 * const env = makePluginEnv();
 * const dispose = await plugin.setup?.(env);
 * await dispose?.();
 * await env.dispose();
 * ```
 */
export function makePluginEnv(options: PluginEnvOptions = {}): TestPluginEnv {
  const logs: LoggedLine[] = [];
  const kept = new Map<string, { value: Promise<unknown>; dispose: () => MaybePromise<void> }>();
  return {
    generation: options.generation ?? 1,
    log: createLog(logs),
    logs,
    get dataDir(): string {
      if (options.dataDir !== undefined) return options.dataDir;
      throw new Error("give makePluginEnv a `dataDir`: this plugin keeps files");
    },
    async keep<T>(
      key: string,
      create: () => MaybePromise<T>,
      dispose?: (value: T) => MaybePromise<void>,
    ): Promise<T> {
      const known = kept.get(key);
      if (known !== undefined) return known.value as Promise<T>;
      const value = (async () => create())();
      kept.set(key, { value, dispose: async () => dispose?.(await value) });
      value.catch(() => kept.delete(key));
      return value;
    },
    async dispose(): Promise<void> {
      const all = [...kept.values()].reverse();
      kept.clear();
      for (const one of all) await one.dispose();
    },
  };
}
