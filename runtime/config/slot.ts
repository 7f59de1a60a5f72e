import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";

import type { Log } from "../log.ts";
import type { ExternalPackage } from "./compile.ts";
import { importView } from "./external-view.ts";
import type { PackageShape } from "./external-view.ts";
import { toPackageError } from "./package-error.ts";
import { IMPORT_PREFIX } from "./package-rule.ts";
import type { ImportView } from "./package-rule.ts";
import { createSlotConsole } from "./slot-console.ts";
import { createSlotProcess } from "./slot-process.ts";
import { createTimersPromises } from "./slot-timers-promises.ts";
import { SlotTimers } from "./slot-timers.ts";
import type { Sources } from "./sources.ts";
import { nextScriptName } from "./stack-mapper.ts";
import type { MappedScript, StackMapper } from "./stack-mapper.ts";

/** The place where one generation's code lives. */
export interface CodeSlot {
  readonly generation: number;
  /**
   * Runs the generation's own work (plugin `setup`): timers that it starts end when the generation retires, while those
   * of hooks in flight go on.
   */
  runInBackground<T>(fn: () => T): T;
  /** Clears its timers, refuses new ones, removes its listeners from `process`. What hooks still do in flight goes on. */
  retire(): void;
  /** Drops the source map: no more stacks of it are mapped. */
  dispose(): void;
}

export interface SlotOptions {
  readonly generation: number;
  readonly file: string;
  readonly dir: string;
  readonly sources: Sources;
  readonly packages: readonly ExternalPackage[];
  readonly stackMapper: StackMapper;
  readonly log: Log;
}

/**
 * One generation's code with everything that belongs to it. Nothing outside refers to what is in here once the
 * generation is gone, so all of it is collected: there is no module cache that keeps it, as `import()` would.
 *
 * Its timers, `console` and `process` are parameters of the code, and what `node:timers`, `node:timers/promises`,
 * `node:console` and `node:process` give to it. They are a convenience and no sandbox: `globalThis.setTimeout` and
 * installed packages reach Node's own.
 */
export class Slot implements CodeSlot {
  readonly generation: number;
  /** What the packages loaded so far looked like, by name. */
  readonly shapes = new Map<string, PackageShape>();
  readonly timers: SlotTimers;
  /** Without the sources: streams of a replaced generation hold its slot for as long as they last. */
  readonly #options: Omit<SlotOptions, "sources">;
  readonly #process: ReturnType<typeof createSlotProcess>;
  readonly #console: Console;
  readonly #script: MappedScript;
  readonly #scriptName = nextScriptName();
  readonly #require: NodeJS.Require;

  constructor(options: SlotOptions) {
    const { sources, ...others } = options;
    const { generation, stackMapper } = others;
    const log = others.log.child({ generation });
    this.generation = generation;
    this.#options = others;
    this.#script = stackMapper.register(this.#scriptName, generation, sources);
    this.timers = new SlotTimers({
      onError: (error, source) =>
        log.error(
          { ...stackMapper.errorFields(error), origin: "config" },
          `the config's code failed in ${source}`,
        ),
      onRefused: (source) =>
        log.debug(`${source} was refused: its generation has been replaced by a newer one`),
    });
    this.#process = createSlotProcess(this.timers);
    this.#console = createSlotConsole(log, (text) => stackMapper.mapStack(text));
    this.#require = this.#createRequire();
  }

  /** Runs the code from its first to its last line, cut after `limitMs`; returns what it exports. */
  evaluate(code: string, limitMs: number): unknown {
    const module = { exports: {} as unknown };
    const { timers } = this;
    const values: Record<string, unknown> = {
      exports: module.exports,
      require: this.#require,
      module,
      setTimeout: timers.setTimeout,
      clearTimeout: timers.clearTimeout,
      setInterval: timers.setInterval,
      clearInterval: timers.clearTimeout,
      setImmediate: timers.setImmediate,
      clearImmediate: timers.clearImmediate,
      queueMicrotask: timers.queueMicrotask,
      console: this.#console,
      process: this.#process.process,
      __filename: this.#options.file,
      __dirname: this.#options.dir,
    };
    const head = `(function (${Object.keys(values).join(", ")}) {\n`;
    this.#run(head + code, "\n})", Object.values(values), limitMs, -1);
    return module.exports;
  }

  /** Calls a function of the config file with its synchronous part under a time limit. */
  call(fn: (...args: never[]) => unknown, args: readonly unknown[], limitMs: number): unknown {
    return this.#run("((call) => call()", ")", [() => fn(...(args as never[]))], limitMs, 0);
  }

  runInBackground<T>(fn: () => T): T {
    return this.timers.runInBackground(fn);
  }

  /** For the same code compiled from text that differs (an edited comment). */
  replaceSources(sources: Sources): void {
    this.#script.replaceSources(sources);
  }

  retire(): void {
    this.timers.retire();
    this.#process.retire();
  }

  dispose(): void {
    this.#script.remove();
  }

  /**
   * A vm time limit covers only what the script itself runs, so the script must make the call. Its arguments wait under a
   * global symbol for as long as that one call takes to pick them up.
   */
  #run(
    head: string,
    tail: string,
    args: readonly unknown[],
    limitMs: number,
    lineOffset: number,
  ): unknown {
    const key = `gatewright.arguments.${this.#scriptName}`;
    const symbol = Symbol.for(key);
    const pickUp = () => {
      Reflect.deleteProperty(globalThis, symbol);
      return args;
    };
    const script = new Script(
      `${head}${tail}(...globalThis[Symbol.for(${JSON.stringify(key)})]());`,
      {
        filename: lineOffset === 0 ? "gatewright-call.cjs" : this.#scriptName,
        lineOffset,
      },
    );
    Reflect.set(globalThis, symbol, pickUp);
    try {
      return this.runInBackground((): unknown =>
        script.runInThisContext({ timeout: limitMs, displayErrors: false }),
      );
    } finally {
      Reflect.deleteProperty(globalThis, symbol);
    }
  }

  #createRequire(): NodeJS.Require {
    const nodeRequire = createRequire(this.#options.file);
    const { timers } = this;
    const owned = new Map<string, unknown>([
      ["node:process", this.#process.process],
      [
        "node:console",
        Object.assign(
          Object.create(nodeRequire("node:console") as object) as object,
          this.#console,
        ),
      ],
      ["node:timers/promises", createTimersPromises(timers)],
    ]);
    owned.set("node:timers", {
      setTimeout: timers.setTimeout,
      clearTimeout: timers.clearTimeout,
      setInterval: timers.setInterval,
      clearInterval: timers.clearTimeout,
      setImmediate: timers.setImmediate,
      clearImmediate: timers.clearImmediate,
      promises: owned.get("node:timers/promises"),
    });
    const load = (id: string): unknown => {
      const own = owned.get(id.startsWith("node:") ? id : `node:${id}`);
      if (own !== undefined) return own;
      if (id.startsWith(IMPORT_PREFIX)) return this.#loadView(id, nodeRequire);
      return this.#load(id.startsWith("file:") ? fileURLToPath(id) : id, nodeRequire);
    };
    return Object.assign(load, {
      resolve: nodeRequire.resolve,
      cache: nodeRequire.cache,
      main: nodeRequire.main,
      // oxlint-disable-next-line typescript/no-deprecated -- part of the type, and of what old packages look for
      extensions: nodeRequire.extensions,
    });
  }

  #loadView(id: string, nodeRequire: NodeJS.Require): unknown {
    const rest = id.slice(IMPORT_PREFIX.length);
    const split = rest.indexOf(":");
    const path = rest.slice(split + 1);
    const { exports, shape } = importView(
      this.#load(path, nodeRequire),
      rest.slice(0, split) as ImportView,
    );
    const name = this.#options.packages.find((one) => one.entry === path)?.name;
    if (name !== undefined) this.shapes.set(name, shape);
    return exports;
  }

  #load(path: string, nodeRequire: NodeJS.Require): unknown {
    try {
      return nodeRequire(path) as unknown;
    } catch (error) {
      const name = this.#options.packages.find((one) => one.entry === path)?.name;
      if (name === undefined) throw error;
      throw toPackageError(name, error);
    }
  }
}
