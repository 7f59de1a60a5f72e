/**
 * GCRA counters in a table of fixed size: each key has one number, the time at which its allowance is whole again
 * ("theoretical arrival time" in ITU-T I.371). A set holds eight keys; where it is full, the one that is whole soonest
 * goes, which is the one that loses the least. A flood of new keys costs memory for nobody.
 */

/** How much a key may take. */
export interface LimitTerms {
  /** Time that one unit takes to come back. */
  readonly intervalMs: number;
  /** Units at once. */
  readonly burst: number;
  /** A taker may be told to wait this long instead of being refused. */
  readonly maxWaitMs: number;
}

/**
 * Counters behind a limit. The result of a `take` stands in the members until the next one: nothing is allocated.
 * Another implementation may lie in memory that workers share, or lease shares of a count that a server holds.
 */
export interface LimitCounters {
  /** Takes `cost` units from the key, or nothing and returns false. */
  take(high: number, low: number, cost: number, terms: LimitTerms, nowMs: number): boolean;
  /** The same without taking anything: what a `take` would say. */
  peek(high: number, low: number, cost: number, terms: LimitTerms, nowMs: number): boolean;
  /** Units left at once. */
  readonly remaining: number;
  /** Until the allowance is whole. */
  readonly resetMs: number;
  /** Refused: until it would be granted. Granted: how long the taker waits, 0 unless `maxWaitMs` allows it. */
  readonly waitMs: number;
  /** Keys in the table, those that are whole again included. */
  readonly size: number;
  readonly capacity: number;
  /** The same share of the allowance stays used when terms change. */
  rescale(factor: number, nowMs: number): void;
}

const WAYS = 8;
const BYTES = 16;

export interface GcraTableOptions {
  /** Rounded up to a power of two. */
  readonly maxKeys: number;
  /** Shared memory of `gcraTableBytes(maxKeys)`, zeroed. Default: memory of its own. */
  readonly buffer?: ArrayBufferLike;
}

export class GcraTable implements LimitCounters {
  remaining = 0;
  resetMs = 0;
  waitMs = 0;
  readonly capacity: number;
  readonly #highs: Uint32Array;
  readonly #lows: Uint32Array;
  readonly #wholeAt: Float64Array;
  readonly #setMask: number;
  /** Other threads write into shared memory: there nobody's own count is the whole. */
  readonly #isShared: boolean;
  #used = 0;

  constructor({ maxKeys, buffer }: GcraTableOptions) {
    const capacity = capacityFor(maxKeys);
    const memory = buffer ?? new ArrayBuffer(capacity * BYTES);
    this.capacity = capacity;
    this.#wholeAt = new Float64Array(memory, 0, capacity);
    this.#highs = new Uint32Array(memory, capacity * 8, capacity);
    this.#lows = new Uint32Array(memory, capacity * 12, capacity);
    this.#setMask = capacity / WAYS - 1;
    this.#isShared = buffer !== undefined;
  }

  get size(): number {
    if (!this.#isShared) return this.#used;
    let used = 0;
    for (const time of this.#wholeAt) if (time !== 0) used += 1;
    return used;
  }

  take(high: number, low: number, cost: number, terms: LimitTerms, nowMs: number): boolean {
    return this.#count(high, low, cost, terms, nowMs, true);
  }

  peek(high: number, low: number, cost: number, terms: LimitTerms, nowMs: number): boolean {
    return this.#count(high, low, cost, terms, nowMs, false);
  }

  #count(
    high: number,
    low: number,
    cost: number,
    terms: LimitTerms,
    nowMs: number,
    takes: boolean,
  ): boolean {
    const slot = this.#slotOf(high, low);
    const isKnown = this.#highs[slot] === high && this.#lows[slot] === low;
    const { intervalMs } = terms;
    const toleranceMs = intervalMs * terms.burst;
    const known = isKnown ? (this.#wholeAt[slot] as number) : 0;
    // Never beyond what the terms can owe: the limit may have been raised, or the clock of another thread be ahead.
    const base = Math.min(Math.max(known, nowMs), nowMs + toleranceMs + terms.maxWaitMs);
    const next = base + cost * intervalMs;
    const over = next - nowMs - toleranceMs;
    // Times are sums of fractions: a billionth of a unit is no refusal.
    const slack = intervalMs * 1e-6;
    if (over > terms.maxWaitMs + slack) {
      this.remaining = Math.max(0, Math.floor((nowMs + toleranceMs - base) / intervalMs + 1e-6));
      this.resetMs = base - nowMs;
      this.waitMs = over - terms.maxWaitMs;
      return false;
    }
    if (takes) {
      if (this.#wholeAt[slot] === 0 && next !== 0) this.#used += 1;
      this.#highs[slot] = high;
      this.#lows[slot] = low;
      this.#wholeAt[slot] = next;
    }
    this.remaining = Math.max(0, Math.floor(-over / intervalMs + 1e-6));
    this.resetMs = next - nowMs;
    this.waitMs = over > slack ? over : 0;
    return true;
  }

  rescale(factor: number, nowMs: number): void {
    const times = this.#wholeAt;
    for (let at = 0; at < times.length; at++) {
      const owed = (times[at] as number) - nowMs;
      if (owed > 0) times[at] = nowMs + owed * factor;
    }
  }

  /** The key's slot, or the one that it would get. */
  #slotOf(high: number, low: number): number {
    const first = (low & this.#setMask) * WAYS;
    let soonest = first;
    let least = Number.POSITIVE_INFINITY;
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.#highs[slot] === high && this.#lows[slot] === low) return slot;
      const time = this.#wholeAt[slot] as number;
      if (time < least) {
        least = time;
        soonest = slot;
      }
    }
    return soonest;
  }
}

export function gcraTableBytes(maxKeys: number): number {
  return capacityFor(maxKeys) * BYTES;
}

function capacityFor(maxKeys: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(WAYS, maxKeys)));
}
