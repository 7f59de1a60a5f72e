import { monitorEventLoopDelay } from "node:perf_hooks";

import type { LoadView } from "@gatewright/sdk";

import type { Clock } from "../clock.ts";

const BUCKET_MS = 100;
/** Requests a second are those of the last second. */
const BUCKETS = 10;
/** Times to a head are those of the last ten seconds. */
const SLICES = 10;
const SLICE_MS = 1000;
/** Powers of the square root of two from 1/8 ms on: the last one begins at nearly three minutes. */
const STEPS = 42;
const LOWEST_MS = 1 / 8;
const LOOP_RESOLUTION_MS = 10;

/**
 * How busy this thread is: windows of fixed size, so that a request costs two additions and a logarithm whatever comes.
 * The loop's delay is only measured once somebody has asked.
 */
export class LoadMeter implements LoadView {
  inFlight = 0;
  readonly #clock: Clock;
  readonly #counts = new Uint32Array(BUCKETS);
  readonly #times = new Uint32Array(SLICES * STEPS);
  #bucket: number;
  #slice: number;
  #loop: ReturnType<typeof monitorEventLoopDelay> | undefined;
  #loopReadAt = 0;
  #loopDelayMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    const now = clock.monotonic();
    this.#bucket = Math.floor(now / BUCKET_MS);
    this.#slice = Math.floor(now / SLICE_MS);
  }

  /** A request's head has arrived. */
  begin(now: number): void {
    this.inFlight += 1;
    this.#turnBuckets(now);
    const at = this.#bucket % BUCKETS;
    this.#counts[at] = (this.#counts[at] as number) + 1;
  }

  /** A response's head is out. */
  answered(now: number, ms: number): void {
    this.#turnSlices(now);
    const step =
      ms <= LOWEST_MS ? 0 : Math.min(STEPS - 1, Math.ceil(2 * Math.log2(ms / LOWEST_MS)));
    const at = (this.#slice % SLICES) * STEPS + step;
    this.#times[at] = (this.#times[at] as number) + 1;
  }

  /** A request is over, or has become a tunnel. */
  end(): void {
    this.inFlight -= 1;
  }

  get requestsPerSecond(): number {
    this.#turnBuckets(this.#clock.monotonic());
    let sum = 0;
    for (const count of this.#counts) sum += count;
    return sum;
  }

  get p95Ms(): number {
    this.#turnSlices(this.#clock.monotonic());
    const sums = new Uint32Array(STEPS);
    let all = 0;
    for (let at = 0; at < this.#times.length; at++) {
      const count = this.#times[at] as number;
      sums[at % STEPS] = (sums[at % STEPS] as number) + count;
      all += count;
    }
    if (all === 0) return 0;
    let left = Math.ceil(all * 0.95);
    let step = 0;
    while ((left -= sums[step] as number) > 0) step += 1;
    return LOWEST_MS * 2 ** (step / 2);
  }

  get loopDelayMs(): number {
    if (this.#loop === undefined) {
      this.#loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
      this.#loop.enable();
    }
    const now = this.#clock.monotonic();
    if (now - this.#loopReadAt >= SLICE_MS) {
      this.#loopReadAt = now;
      // What it measures is the time between two turns: the resolution is no delay.
      const ms = this.#loop.count === 0 ? 0 : this.#loop.percentile(95) / 1e6 - LOOP_RESOLUTION_MS;
      this.#loopDelayMs = Math.max(0, Math.round(ms * 10) / 10);
      this.#loop.reset();
    }
    return this.#loopDelayMs;
  }

  #turnBuckets(now: number): void {
    const bucket = Math.floor(now / BUCKET_MS);
    for (let at = Math.max(this.#bucket + 1, bucket - BUCKETS + 1); at <= bucket; at++) {
      this.#counts[at % BUCKETS] = 0;
    }
    if (bucket > this.#bucket) this.#bucket = bucket;
  }

  #turnSlices(now: number): void {
    const slice = Math.floor(now / SLICE_MS);
    for (let at = Math.max(this.#slice + 1, slice - SLICES + 1); at <= slice; at++) {
      const start = (at % SLICES) * STEPS;
      this.#times.fill(0, start, start + STEPS);
    }
    if (slice > this.#slice) this.#slice = slice;
  }
}
