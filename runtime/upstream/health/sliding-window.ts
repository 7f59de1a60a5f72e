const BUCKETS = 10;

/**
 * How many requests went wrong lately, in ten buckets: what is older than the window is forgotten bucket by bucket, so
 * the totals cover between nine tenths of the window and all of it.
 */
export class SlidingWindow {
  readonly #bucketMs: number;
  readonly #totals = new Uint32Array(BUCKETS);
  readonly #errors = new Uint32Array(BUCKETS);
  /** Number of the newest bucket since time began. */
  #newest = 0;
  total = 0;
  errors = 0;

  constructor(windowMs: number) {
    this.#bucketMs = Math.max(1, windowMs / BUCKETS);
  }

  add(nowMs: number, isError: boolean): void {
    this.advance(nowMs);
    const at = this.#newest % BUCKETS;
    this.#totals[at] = (this.#totals[at] ?? 0) + 1;
    this.total += 1;
    if (!isError) return;
    this.#errors[at] = (this.#errors[at] ?? 0) + 1;
    this.errors += 1;
  }

  /** Forgets what is too old by now. */
  advance(nowMs: number): void {
    const bucket = Math.floor(nowMs / this.#bucketMs);
    if (bucket <= this.#newest) return;
    const passed = Math.min(bucket - this.#newest, BUCKETS);
    for (let step = 1; step <= passed; step++) {
      const at = (this.#newest + step) % BUCKETS;
      this.total -= this.#totals[at] ?? 0;
      this.errors -= this.#errors[at] ?? 0;
      this.#totals[at] = 0;
      this.#errors[at] = 0;
    }
    this.#newest = bucket;
  }

  clear(): void {
    this.#totals.fill(0);
    this.#errors.fill(0);
    this.total = 0;
    this.errors = 0;
  }
}
