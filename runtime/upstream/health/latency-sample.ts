const SIZE = 32;
/** Fewer say nothing. */
const MIN_HEADS = 10;
const MIN_UNANSWERED = 5;

/**
 * How long a target takes to its heads. The middle of the last ones, so that one slow report among quick pages says
 * nothing. A target that hangs gives no heads at all: there it counts how long it has been since several requests went
 * to it and nothing came back.
 */
export class LatencySample {
  readonly #heads = new Float64Array(SIZE);
  #count = 0;
  #median = 0;
  #isStale = false;
  #unanswered = 0;
  /** When the first of them was sent. */
  #silentSinceMs = 0;

  begun(nowMs: number): void {
    if (this.#unanswered === 0) this.#silentSinceMs = nowMs;
    this.#unanswered += 1;
  }

  answered(headMs: number): void {
    this.#unanswered = 0;
    this.#heads[this.#count % SIZE] = headMs;
    this.#count += 1;
    this.#isStale = true;
  }

  /** Nobody waits any more: silence is no sign. */
  rested(): void {
    this.#unanswered = 0;
  }

  clear(): void {
    this.#count = 0;
    this.#unanswered = 0;
    this.#isStale = false;
    this.#median = 0;
  }

  /** `undefined` while too little is known. */
  latencyMs(nowMs: number): number | undefined {
    const silentMs = this.#unanswered >= MIN_UNANSWERED ? nowMs - this.#silentSinceMs : 0;
    if (this.#count < MIN_HEADS) return silentMs > 0 ? silentMs : undefined;
    if (this.#isStale) {
      this.#isStale = false;
      const known = this.#heads.slice(0, Math.min(this.#count, SIZE)).toSorted();
      this.#median = known[known.length >> 1] ?? 0;
    }
    return Math.max(this.#median, silentMs);
  }
}

/**
 * Of each that has a latency, whether it is too slow beside the others. Without others nobody is: there is no telling
 * whether the target is slow or its work is much.
 */
export function tooSlow(
  latencies: readonly (number | undefined)[],
  factor: number,
  minMs: number,
): { at: number; latencyMs: number; othersMs: number }[] {
  const known = latencies.filter((one) => one !== undefined).toSorted((a, b) => a - b);
  if (known.length < 2) return [];
  const found: { at: number; latencyMs: number; othersMs: number }[] = [];
  for (const [at, latencyMs] of latencies.entries()) {
    if (latencyMs === undefined || latencyMs < minMs) continue;
    const othersMs = medianWithout(known, latencyMs);
    if (latencyMs > othersMs * factor) found.push({ at, latencyMs, othersMs });
  }
  // The slowest first: only so many may go.
  return found.toSorted((a, b) => b.latencyMs - a.latencyMs);
}

/** The lower of the two in the middle: of one quick and one slow, the quick one is what can be had. */
function medianWithout(sorted: readonly number[], value: number): number {
  const middle = (sorted.length - 2) >> 1;
  const own = sorted.indexOf(value);
  return sorted[middle < own ? middle : middle + 1] ?? 0;
}
