import type { AcmeStore } from "./store.ts";

export interface OrderLimits {
  readonly perHour: number;
  /** Of one host set. */
  readonly failuresPerHour: number;
}

const HOUR_MS = 3_600_000;
const MAX_SETS = 1000;

/**
 * Orders and failures of the last hour, kept over restarts: a process that is restarted again and again must not use up
 * what the CA allows (which would lock the host out for hours or days).
 */
export class OrderLog {
  readonly #store: AcmeStore;
  readonly #limits: OrderLimits;
  #orders: number[] = [];
  #failures = new Map<string, number[]>();

  constructor(store: AcmeStore, limits: OrderLimits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** Under the lock: another process may have added to it. */
  async read(now: number): Promise<void> {
    const { orders, failures } = parse(await this.#store.readOrders());
    this.#orders = orders;
    this.#failures = failures;
    this.#forget(now);
  }

  /** When the next order may be made, 0 for at once. `share`: the part of the hourly limit that may be used up. */
  freeAt(share: number): number {
    return freeAt(this.#orders, Math.max(1, Math.floor(this.#limits.perHour * share)));
  }

  /** The same for one set that has failed. */
  freeAtFor(id: string): number {
    return freeAt(this.#failures.get(id) ?? [], this.#limits.failuresPerHour);
  }

  async addOrder(now: number): Promise<void> {
    this.#orders.push(now);
    await this.#write(now);
  }

  async addFailure(id: string, now: number): Promise<void> {
    this.#failures.set(id, [...(this.#failures.get(id) ?? []), now]);
    await this.#write(now);
  }

  async #write(now: number): Promise<void> {
    this.#forget(now);
    const failures = Object.fromEntries(this.#failures);
    await this.#store.writeOrders(JSON.stringify({ orders: this.#orders, failures }));
  }

  #forget(now: number): void {
    // Times to come are those of a clock that was wrong.
    const isRecent = (at: number): boolean => at > now - HOUR_MS && at <= now;
    this.#orders = this.#orders.filter(isRecent).slice(-this.#limits.perHour);
    for (const [id, times] of this.#failures) {
      const recent = times.filter(isRecent).slice(-this.#limits.failuresPerHour);
      if (recent.length === 0 || this.#failures.size > MAX_SETS) this.#failures.delete(id);
      else this.#failures.set(id, recent);
    }
  }
}

/** When one more fits into the hour. */
function freeAt(times: readonly number[], most: number): number {
  return times.length < most ? 0 : (times[times.length - most] ?? 0) + HOUR_MS;
}

function parse(text: string | undefined): { orders: number[]; failures: Map<string, number[]> } {
  let value: { orders?: unknown; failures?: unknown } = {};
  try {
    if (text !== undefined) value = (JSON.parse(text) ?? {}) as typeof value;
  } catch {
    // Half a file, or none of ours: the limits begin anew.
  }
  return {
    orders: toTimes(value.orders),
    failures: new Map(Object.entries(value.failures ?? {}).map(([id, one]) => [id, toTimes(one)])),
  };
}

function toTimes(value: unknown): number[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "number") : [];
}
