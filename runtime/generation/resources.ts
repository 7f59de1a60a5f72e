import type { Log } from "../log.ts";

/**
 * Living things that outlast a generation (pools, kept values of plugins): keyed, reference-counted, disposed of when
 * the last generation that uses them gives them back.
 */
export interface ResourceRegistry {
  /**
   * The resource under this key, made if it is new. Each call is one use: pair it with `release`.
   *
   * `create` may return a promise, which is then what is shared. If it rejects, the resource is not kept: whoever got
   * the rejection must not release it, and the next call makes a new one. A `create` that throws keeps nothing either.
   */
  acquire<T>(key: string, create: () => T, dispose: (value: T) => void | Promise<void>): T;
  /** Gives one use back. With the last one the resource is disposed of; the promise then resolves afterwards. Never rejects. */
  release(key: string): Promise<void>;
  readonly size: number;
}

interface Entry {
  readonly value: unknown;
  uses: number;
  /** The code that made a value also ends it: a later generation may no longer know its shape. */
  readonly dispose: () => void | Promise<void>;
}

export function createResourceRegistry(log: Log): ResourceRegistry {
  const entries = new Map<string, Entry>();
  return {
    acquire<T>(key: string, create: () => T, dispose: (value: T) => void | Promise<void>): T {
      const known = entries.get(key);
      if (known !== undefined) {
        known.uses += 1;
        return known.value as T;
      }
      const value = create();
      const entry: Entry = { value, uses: 1, dispose: () => dispose(value) };
      entries.set(key, entry);
      if (isThenable(value)) {
        value.then(undefined, () => {
          // By now another entry may stand under the key.
          if (entries.get(key) === entry) entries.delete(key);
        });
      }
      return value;
    },
    async release(key) {
      const entry = entries.get(key);
      if (entry === undefined) {
        log.error({ key }, "a resource was given back more often than it was taken");
        return;
      }
      entry.uses -= 1;
      if (entry.uses > 0) return;
      // Out of the table before the first await: whoever asks now gets a new one, not one that is ending.
      entries.delete(key);
      try {
        await entry.dispose();
      } catch (error) {
        log.error({ key, error }, "a resource failed to close");
      }
    },
    get size() {
      return entries.size;
    },
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}
