/** One step of a request's path, as `gatewright explain` prints it. */
export interface ExplainStep {
  /** The phase's name as in the docs: "begin", "route", "onRequest", "target", "forward" … */
  readonly phase: string;
  /** What happened, in one sentence. */
  readonly text: string;
  /** Reasons and facts under it, one line each. */
  readonly details: readonly string[];
  /** `"decided"`: this step settled what happens. `"failed"`: it ended in an error. */
  readonly outcome: "continued" | "decided" | "failed";
}

export interface Explanation {
  readonly method: string;
  readonly url: string;
  readonly steps: readonly ExplainStep[];
}

/** A request to explain, without a connection. */
export interface ExplainInput {
  readonly method: string;
  /** Absolute http(s) URL. */
  readonly url: string;
  /** Flat `[name, value, …]`, without Host. */
  readonly fields: readonly string[];
  /** Default 127.0.0.1. */
  readonly clientAddress?: string;
  /** The head of an answer: what the cache would make of it is explained too. */
  readonly response?: ExplainedResponse;
}

/** What an upstream might answer. */
export interface ExplainedResponse {
  readonly status: number;
  /** Flat `[name, value, …]`. */
  readonly fields: readonly string[];
}
