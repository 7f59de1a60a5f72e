import type { SlotTimers } from "./slot-timers.ts";

interface WaitOptions {
  readonly signal?: AbortSignal;
  readonly ref?: boolean;
}

/** `node:timers/promises` over the timers of one generation. A wait that is cleared on retire never settles. */
export function createTimersPromises(timers: SlotTimers): Record<string, unknown> {
  const wait = <T>(ms?: number, value?: T, options: WaitOptions = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted === true) return reject(abortError(signal));
      const timer = timers.setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve(value as T);
      }, ms);
      const onAbort = () => {
        timers.clearTimeout(timer);
        reject(abortError(signal));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      if (options.ref === false) timer.unref();
    });
  const turn = <T>(value?: T, options: WaitOptions = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      if (options.signal?.aborted === true) return reject(abortError(options.signal));
      timers.setImmediate(() => {
        if (options.signal?.aborted === true) reject(abortError(options.signal));
        else resolve(value as T);
      });
    });
  async function* repeat<T>(ms?: number, value?: T, options: WaitOptions = {}): AsyncGenerator<T> {
    while (true) yield await wait(ms, value as T, options);
  }
  return {
    setTimeout: wait,
    setImmediate: turn,
    setInterval: repeat,
    scheduler: {
      wait: (ms: number, options?: WaitOptions) => wait(ms, undefined, options),
      yield: () => turn(),
    },
  };
}

function abortError(signal: AbortSignal | undefined): Error {
  const error = new Error("The operation was aborted", { cause: signal?.reason });
  return Object.assign(error, { name: "AbortError", code: "ABORT_ERR" });
}
