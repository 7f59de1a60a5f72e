import type { HookLog } from "./context.ts";
import type { Hooks } from "./hooks.ts";
import type { MaybePromise } from "./units.ts";

/** What a plugin gets when its generation is prepared. */
export interface PluginEnv {
  /** Number of the generation being prepared. */
  readonly generation: number;
  /** Logger whose lines carry the plugin's name. */
  readonly log: HookLog;
  /** Folder for the plugin's own files, inside `dataDir`; made with mode 0700 on first use. */
  readonly dataDir: string;
  /**
   * A value that survives reloads: made by `create` the first time, handed on by later generations that ask for the
   * same `key`, and disposed of when the last generation that used it has retired.
   */
  keep<T>(
    key: string,
    create: () => MaybePromise<T>,
    dispose?: (value: T) => MaybePromise<void>,
  ): Promise<T>;
}

/** A plugin: named hooks with an optional set-up. Made by {@link definePlugin}. */
export interface Plugin extends Hooks {
  /** Appears in every log line and error about this plugin; usually the package's name. */
  readonly name: string;
  /** Contract number. This SDK speaks 1. */
  readonly api: 1;
  /** `"pre"` runs before all others, `"post"` after the config's own hook; default: between them, in the order of `plugins`. Response hooks run in reverse. */
  readonly order?: "pre" | "post";
  /**
   * Runs once for each generation, before it takes traffic, for at most 30 s. What it returns runs when the generation
   * retires. A throw keeps the generation from going live.
   */
  setup?(env: PluginEnv): MaybePromise<(() => MaybePromise<void>) | void>;
}

/**
 * Makes a plugin factory from a function of its options.
 *
 * @example
 * ```ts
 * export default definePlugin((options: { header: string }) => ({
 *   name: "stamp",
 *   onResponse(response) {
 *     response.headers.set(options.header, "1");
 *   },
 * }));
 * ```
 */
export function definePlugin<Options extends unknown[]>(
  make: (...options: Options) => Omit<Plugin, "api">,
): (...options: Options) => Plugin {
  return (...options) => ({ ...make(...options), api: 1 });
}
