import { ErrorCount, isError } from "./error-count.ts";
import type { BreakerRule } from "./health-rules.ts";
import type { Outcome } from "./health.ts";

/** A change of a breaker, with the reason. */
export interface BreakerChange {
  readonly to: "closed" | "open";
  readonly reason: string;
}

/**
 * The circuit breaker of one target: closed until there are too many errors, then open, and after a while half open for
 * a few requests that decide which it is.
 *
 * Who tells it of requests does not say which is which. A trial gives its place back when its answer is there (a tunnel
 * may last for days) and when it is over (the client may have gone before); one that does both gives it back once more
 * than it took, which can never make more than `trials` free.
 */
export class CircuitBreaker {
  phase: "closed" | "open" | "half-open" = "closed";
  #rule: BreakerRule;
  readonly #errors: ErrorCount;
  #free = 0;
  #successes = 0;

  constructor(rule: BreakerRule) {
    this.#rule = rule;
    this.#errors = new ErrorCount(rule);
  }

  setRule(rule: BreakerRule): void {
    this.#rule = rule;
    this.#errors.setRule(rule);
    this.#free = Math.min(this.#free, rule.trials);
  }

  get admits(): boolean {
    return this.phase === "closed" || (this.phase === "half-open" && this.#free > 0);
  }

  begun(): void {
    if (this.phase === "half-open" && this.#free > 0) this.#free -= 1;
  }

  observed(outcome: Outcome, nowMs: number): BreakerChange | undefined {
    // What was sent before it opened says nothing new.
    if (this.phase === "open") return undefined;
    const failed = isError(outcome, this.#rule);
    if (this.phase === "closed") {
      const reason = this.#errors.add(failed, nowMs);
      return reason === undefined ? undefined : this.#open(reason);
    }
    if (failed) return this.#open("a trial request failed");
    this.#giveBack();
    this.#successes += 1;
    if (this.#successes < this.#rule.successes) return undefined;
    this.phase = "closed";
    this.#errors.clear();
    return { to: "closed", reason: `${this.#successes} trial requests went well` };
  }

  ended(): void {
    this.#giveBack();
  }

  /** It has been open for long enough. */
  tryAgain(): void {
    this.phase = "half-open";
    this.#free = this.#rule.trials;
    this.#successes = 0;
  }

  #open(reason: string): BreakerChange {
    this.phase = "open";
    this.#errors.clear();
    return { to: "open", reason };
  }

  #giveBack(): void {
    if (this.phase === "half-open" && this.#free < this.#rule.trials) this.#free += 1;
  }
}
