import { AsyncLocalStorage } from "node:async_hooks";
import { promisify } from "node:util";

/** What a slot's timers report. */
export interface TimerReports {
  onError(error: unknown, source: string): void;
  onRefused(source: string): void;
}

type Callback = (...args: never[]) => unknown;

interface Entry {
  readonly source: "setTimeout" | "setInterval" | "setImmediate";
  /** Started by the generation itself, not by a hook on behalf of a request. */
  readonly background: boolean;
}

/** Set while code of a slot runs that no request asked for, and inherited by all that it starts. */
const backgroundOwner = new AsyncLocalStorage<object>();

/**
 * The timers of one generation.
 *
 * Retiring stops what the generation does by itself: every interval, and one-shot timers begun while its code was
 * evaluated, by `setup`, or by their own callbacks (the "ticker" that starts itself again). One-shot timers of hooks in
 * flight go on: a transform that waits 5 ms for each chunk must be able to finish on the generation it began with.
 */
export class SlotTimers {
  readonly #reports: TimerReports;
  readonly #timeouts = new Map<NodeJS.Timeout, Entry>();
  readonly #immediates = new Map<NodeJS.Immediate, Entry>();
  #retired = false;
  #callbackDepth = 0;

  /** The functions that the config file sees. Bound: user code takes them out of their object. */
  readonly setTimeout: typeof globalThis.setTimeout;
  readonly setInterval: typeof globalThis.setInterval;
  readonly setImmediate: typeof globalThis.setImmediate;
  readonly clearTimeout: typeof globalThis.clearTimeout;
  readonly clearImmediate: typeof globalThis.clearImmediate;
  readonly queueMicrotask: typeof globalThis.queueMicrotask;

  constructor(reports: TimerReports) {
    this.#reports = reports;
    const start = (fn: Callback, ms?: number, ...args: unknown[]) =>
      this.#startTimeout("setTimeout", fn, ms, args);
    const repeat = (fn: Callback, ms?: number, ...args: unknown[]) =>
      this.#startTimeout("setInterval", fn, ms, args);
    const soon = (fn: Callback, ...args: unknown[]) => this.#startImmediate(fn, args);
    const sleep = (ms?: number, value?: unknown) =>
      new Promise((resolve) => {
        start(resolve as Callback, ms, value);
      });
    const turn = (value?: unknown) =>
      new Promise((resolve) => {
        soon(resolve as Callback, value);
      });
    this.setTimeout = Object.assign(start, { [promisify.custom]: sleep }) as never;
    this.setInterval = repeat as never;
    this.setImmediate = Object.assign(soon, { [promisify.custom]: turn }) as never;
    this.clearTimeout = (timer) => this.#clearTimeout(timer);
    this.clearImmediate = (timer) => this.#clearImmediate(timer);
    this.queueMicrotask = (fn) => {
      if (typeof fn !== "function") throw notCallable(fn);
      globalThis.queueMicrotask(() => this.guard("queueMicrotask", fn as Callback, undefined, []));
    };
  }

  /** Runs `fn` as the generation's own work: timers it starts end with the generation. */
  runInBackground<T>(fn: () => T): T {
    return backgroundOwner.run(this, fn);
  }

  /** Stops the generation's own timers and lets it start no more. */
  retire(): void {
    this.#retired = true;
    for (const [timer, entry] of this.#timeouts) {
      if (entry.background || entry.source === "setInterval") {
        clearTimeout(timer);
        this.#timeouts.delete(timer);
      }
    }
    for (const [timer, entry] of this.#immediates) {
      if (entry.background) {
        clearImmediate(timer);
        this.#immediates.delete(timer);
      }
    }
  }

  /** Timers that are waiting. */
  get size(): number {
    return this.#timeouts.size + this.#immediates.size;
  }

  /** Calls user code that nobody waits for: what it throws, or rejects with, is reported and kills nothing. */
  guard(source: string, fn: Callback, self: unknown, args: readonly unknown[]): void {
    this.#callbackDepth += 1;
    try {
      const result: unknown = fn.apply(self as never, args as never[]);
      if (result instanceof Promise)
        result.catch((error: unknown) => this.#reports.onError(error, source));
    } catch (error) {
      this.#reports.onError(error, source);
    } finally {
      this.#callbackDepth -= 1;
    }
  }

  #startTimeout(
    source: "setTimeout" | "setInterval",
    fn: Callback,
    ms: number | undefined,
    args: readonly unknown[],
  ): NodeJS.Timeout {
    if (typeof fn !== "function") throw notCallable(fn);
    const entry = this.#entry(source);
    if (this.#refuses(entry)) {
      const inert = setTimeout(() => {}, 1);
      clearTimeout(inert);
      return inert;
    }
    const repeats = source === "setInterval";
    const run = () => {
      if (!repeats) this.#timeouts.delete(timer);
      // `timer.refresh()` can bring back a timer that is no longer listed.
      else if (this.#retired) return clearInterval(timer);
      if (this.#retired && entry.background) return;
      this.guard(source, fn, timer, args);
    };
    const timer: NodeJS.Timeout = repeats ? setInterval(run, ms) : setTimeout(run, ms);
    this.#timeouts.set(timer, entry);
    return timer;
  }

  #startImmediate(fn: Callback, args: readonly unknown[]): NodeJS.Immediate {
    if (typeof fn !== "function") throw notCallable(fn);
    const entry = this.#entry("setImmediate");
    if (this.#refuses(entry)) {
      const inert = setImmediate(() => {});
      clearImmediate(inert);
      return inert;
    }
    const timer = setImmediate(() => {
      this.#immediates.delete(timer);
      this.guard("setImmediate", fn, timer, args);
    });
    this.#immediates.set(timer, entry);
    return timer;
  }

  #entry(source: Entry["source"]): Entry {
    return { source, background: backgroundOwner.getStore() === this };
  }

  /** After retiring: nothing that repeats, nothing of the generation's own, nothing that a timer's callback starts. */
  #refuses(entry: Entry): boolean {
    if (!this.#retired) return false;
    if (entry.source !== "setInterval" && !entry.background && this.#callbackDepth === 0)
      return false;
    this.#reports.onRefused(entry.source);
    return true;
  }

  #clearTimeout(timer: unknown): void {
    clearTimeout(timer as NodeJS.Timeout);
    if (typeof timer === "object" && timer !== null) {
      this.#timeouts.delete(timer as NodeJS.Timeout);
    } else if (timer !== undefined && timer !== null) {
      // `+timer` gives a number that clears it too.
      for (const known of this.#timeouts.keys()) {
        if (known[Symbol.toPrimitive]() === Number(timer)) this.#timeouts.delete(known);
      }
    }
  }

  #clearImmediate(timer: unknown): void {
    clearImmediate(timer as NodeJS.Immediate);
    this.#immediates.delete(timer as NodeJS.Immediate);
  }
}

/** As Node's own timers throw it. */
function notCallable(value: unknown): TypeError {
  const error = new TypeError(
    `The "callback" argument must be of type function, not ${typeof value}`,
  );
  return Object.assign(error, { code: "ERR_INVALID_ARG_TYPE" });
}
