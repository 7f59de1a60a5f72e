import type { LimitCounters, LimitTerms } from "./gcra-table.ts";
import { InFlight } from "./in-flight.ts";
import { policyItem, quoted } from "./limit-fields.ts";

/** What may change about a rule while its counts go on. */
export interface RuleTerms {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly maxDelayMs: number;
}

/** One rule's counts. They outlive a reload that leaves the rule's key alone. */
export class LimitRule {
  readonly counters: LimitCounters;
  readonly inFlight: InFlight = new InFlight();
  readonly quotedName: string;
  /** Requests that wait for their turn. */
  waiting = 0;
  terms: LimitTerms;
  policy: string;
  readonly #name: string;

  constructor(name: string, counters: LimitCounters, terms: RuleTerms) {
    this.#name = name;
    this.counters = counters;
    this.quotedName = quoted(name);
    this.terms = toTerms(terms);
    this.policy = policyItem(name, terms.limit, terms.windowMs);
  }

  adjust(terms: RuleTerms, nowMs: number): void {
    const next = toTerms(terms);
    const factor = next.intervalMs / this.terms.intervalMs;
    if (factor !== 1) this.counters.rescale(factor, nowMs);
    this.terms = next;
    this.policy = policyItem(this.#name, terms.limit, terms.windowMs);
  }
}

function toTerms({ limit, windowMs, burst, maxDelayMs }: RuleTerms): LimitTerms {
  // A rule that limits only what is under way never asks its counters.
  return { intervalMs: windowMs / Math.max(1, limit), burst, maxWaitMs: maxDelayMs };
}
