import type { ProxyRequest } from "./request.ts";
import type { Duration } from "./units.ts";

/** What went wrong with an attempt. */
export interface RetryFailure {
  /** `PROXY_UPSTREAM_…`, or `undefined` if the upstream answered. */
  readonly code: string | undefined;
  /** The upstream's, or the one that the client would get. */
  readonly status: number;
  /** What happened, as the log says it. */
  readonly message: string;
  /** Address of the target, if there was one. */
  readonly target: string | undefined;
  /** The answer's field, as it is. */
  readonly retryAfter: string | undefined;
}

/** `true`: again. `{ delay }`: again, after just that time (0: at once). `false`: not again. Nothing: as the other options say. */
export type RetryDecision = boolean | { readonly delay: Duration };

/**
 * Asked after an attempt that failed or was answered with 500 or above, if another one is possible at all: attempts are
 * left, the method allows it and the content is there. `attempt` counts from 1. Must answer at once; if it throws, there
 * is no other attempt.
 */
export type RetryFunction = (
  failure: RetryFailure,
  attempt: number,
  request: ProxyRequest,
) => RetryDecision | undefined | void;

/** When a request is sent again. */
export interface RetryConfig {
  /** In all, the first one included. From 1 to 10. Default 2. */
  attempts?: number;
  /**
   * Methods whose requests may run twice. Default: the idempotent ones, GET, HEAD, OPTIONS, TRACE, PUT and DELETE. What was
   * never sent is sent again whatever its method. _Risk_ of others: the service gets the same order twice.
   */
  methods?: readonly string[];
  /** Answers that are taken for failures, such as `[502, 503, 504]`. Default: none. */
  statuses?: readonly number[];
  /** For the connection and again for the head of each attempt, where `timeouts` allows more. Default: `timeouts` only. */
  perTryTimeout?: Duration;
  /** The wait before an attempt is drawn from 0 to `base`, twice that the next time, up to `max`. */
  backoff?: {
    /** Default `"25ms"`. */
    base?: Duration;
    /** Default `"1s"`. */
    max?: Duration;
  };
  /** Longest Retry-After that is waited for. An answer that asks for more goes to the client. Default `"1s"`. */
  retryAfter?: Duration;
  /** The decision in code. */
  when?: RetryFunction;
}

/** How much of an upstream's traffic may be attempts after the first. */
export interface RetryBudgetConfig {
  /** Of the requests of the last ten seconds. Default 0.2. */
  share?: number;
  /** Allowed even with little traffic. Default 3. */
  minPerSecond?: number;
}

/** A second attempt beside a slow one, for GET, HEAD and OPTIONS: the first head wins, the other is given up. */
export interface HedgeConfig {
  /** How long the first one is waited for. */
  after: Duration;
  /** Attempts beside the first one. From 1 to 5. Default 1. */
  max?: number;
}
