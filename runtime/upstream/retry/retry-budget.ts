import type { Clock } from "../../clock.ts";

export interface RetryBudgetLimits {
  /** Of the requests of the last ten seconds, how many may be sent again: 0.2 for one in five. */
  readonly share: number;
  /** Allowed even with little traffic. */
  readonly minPerSecond: number;
}

const WINDOW_SECONDS = 10;

/**
 * How much of an upstream's load may be repetition. When everything fails, every request wants to be sent again, and what
 * is overloaded gets several times the load; with a budget it gets a fifth more.
 *
 * Counts by whole seconds, so the window is nine to ten seconds long.
 */
export class RetryBudget {
  readonly #clock: Clock;
  #limits: RetryBudgetLimits;
  readonly #requests = new Uint32Array(WINDOW_SECONDS);
  readonly #retries = new Uint32Array(WINDOW_SECONDS);
  #requestCount = 0;
  #retryCount = 0;
  #second: number;

  constructor(clock: Clock, limits: RetryBudgetLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#second = this.#now();
  }

  adjust(limits: RetryBudgetLimits): void {
    this.#limits = limits;
  }

  /** A request, in its first attempt. */
  countRequest(): void {
    const at = this.#advance();
    this.#requests[at] = (this.#requests[at] as number) + 1;
    this.#requestCount += 1;
  }

  /** Takes leave to send one request once more; false if there is none. */
  tryTake(): boolean {
    const at = this.#advance();
    const { share, minPerSecond } = this.#limits;
    const allowed = Math.max(this.#requestCount * share, minPerSecond * WINDOW_SECONDS);
    if (this.#retryCount + 1 > allowed) return false;
    this.#retries[at] = (this.#retries[at] as number) + 1;
    this.#retryCount += 1;
    return true;
  }

  #now(): number {
    return Math.floor(this.#clock.monotonic() / 1000);
  }

  /** Forgets what has left the window. The place of the present second. */
  #advance(): number {
    const now = this.#now();
    for (let passed = Math.min(now - this.#second, WINDOW_SECONDS); passed > 0; passed--) {
      const at = (now - passed + 1) % WINDOW_SECONDS;
      this.#requestCount -= this.#requests[at] as number;
      this.#retryCount -= this.#retries[at] as number;
      this.#requests[at] = 0;
      this.#retries[at] = 0;
    }
    this.#second = now;
    return now % WINDOW_SECONDS;
  }
}
