/** How many requests of each key are under way. Bounded by the requests themselves: a key without any is not kept. */
export class InFlight {
  readonly #counts = new Map<number, number>();

  get size(): number {
    return this.#counts.size;
  }

  /** Counts one more, or returns false where `limit` are under way. Pair it with `leave`. */
  enter(high: number, low: number, limit: number): boolean {
    const key = keyOf(high, low);
    const count = this.#counts.get(key) ?? 0;
    if (count >= limit) return false;
    this.#counts.set(key, count + 1);
    return true;
  }

  /** How many are under way. */
  count(high: number, low: number): number {
    return this.#counts.get(keyOf(high, low)) ?? 0;
  }

  leave(high: number, low: number): void {
    const key = keyOf(high, low);
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
  }
}

/** 53 of the 64 bits: what a number holds exactly. */
function keyOf(high: number, low: number): number {
  return high * 2 ** 21 + (low >>> 11);
}
