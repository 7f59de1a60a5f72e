import { systemClock, type Clock } from "../clock.ts";

/** The part of a budget that comes back every second. */
const REFILL = 1 / 5;

/** So many at once, and a fifth of that again every second. */
export class RateBudget {
  readonly #clock: Clock;
  #left: number;
  #at: number;

  constructor(burst: number, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#left = burst;
    this.#at = clock.monotonic();
  }

  /** False if there was nothing left. */
  take(burst: number): boolean {
    const now = this.#clock.monotonic();
    this.#left = Math.min(burst, this.#left + ((now - this.#at) / 1000) * burst * REFILL);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
