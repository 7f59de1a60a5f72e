import { inRanges, type RateRule, type StatusRange } from "./health-rules.ts";
import type { Outcome } from "./health.ts";
import { SlidingWindow } from "./sliding-window.ts";

export interface ErrorRule {
  readonly errorStatus: readonly StatusRange[];
  readonly consecutiveErrors: number | undefined;
  readonly errorRate: RateRule | undefined;
}

export function isError(outcome: Outcome, rule: ErrorRule): boolean {
  if (outcome.failed) return true;
  return outcome.status !== undefined && inRanges(outcome.status, rule.errorStatus);
}

/** Errors of one target: in a row, and as a share of what it got lately. */
export class ErrorCount {
  #rule: ErrorRule;
  #inRow = 0;
  #window: SlidingWindow | undefined;

  constructor(rule: ErrorRule) {
    this.#rule = rule;
    this.#window = windowOf(rule);
  }

  /** Counts go on unless they are about another time. */
  setRule(rule: ErrorRule): void {
    const before = this.#rule.errorRate?.windowMs;
    this.#rule = rule;
    if (rule.errorRate?.windowMs !== before) this.#window = windowOf(rule);
  }

  /** Why it is too much by now, if it is. */
  add(failed: boolean, nowMs: number): string | undefined {
    this.#window?.add(nowMs, failed);
    if (!failed) {
      this.#inRow = 0;
      return undefined;
    }
    this.#inRow += 1;
    const { consecutiveErrors = Number.POSITIVE_INFINITY, errorRate } = this.#rule;
    if (this.#inRow >= consecutiveErrors) return `${this.#inRow} errors in a row`;
    const window = this.#window;
    if (window === undefined || errorRate === undefined) return undefined;
    const { total, errors } = window;
    if (total < errorRate.minRequests || errors < total * errorRate.above) return undefined;
    return `${errors} of ${total} requests failed`;
  }

  clear(): void {
    this.#inRow = 0;
    this.#window?.clear();
  }
}

function windowOf({ errorRate }: ErrorRule): SlidingWindow | undefined {
  return errorRate && new SlidingWindow(errorRate.windowMs);
}
