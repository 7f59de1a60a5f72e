import type { RetryFunction } from "@gatewright/sdk";

import type { Clock, DeadlineWheel } from "../../clock.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** When a request that has failed is sent again. */
export interface RetryRules {
  /** In all, the first one included. */
  readonly attempts: number;
  /** That may be run twice. Requests that were never sent may be sent whatever their method. */
  readonly methods: ReadonlySet<string>;
  /** Answers that are no answers. */
  readonly statuses: ReadonlySet<number>;
  /** For the connection, and again for the head, of each attempt. */
  readonly perTryTimeoutMs: number | undefined;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  /** Longest Retry-After that is waited for. */
  readonly retryAfterMs: number;
  readonly decide: RetryFunction | undefined;
}

/** When a second attempt is begun beside a slow first one. */
export interface HedgeRules {
  readonly afterMs: number;
  /** Attempts beside the first. */
  readonly max: number;
}

/** What becomes of a request beyond one plain attempt. Absent where nothing does: such requests go straight to the upstream. */
export interface AttemptPolicy {
  readonly retry: RetryRules | undefined;
  readonly hedge: HedgeRules | undefined;
  /** For all attempts and the whole answer. */
  readonly totalTimeoutMs: number | undefined;
  /** The upstream's, shared by all who send to it. */
  readonly budget: RetryBudget;
  readonly wheel: DeadlineWheel;
  readonly clock: Clock;
  /** From 0 to 1, without 1. */
  readonly random?: () => number;
  /** The config's function threw, or answered with something that is no answer. */
  readonly onFault: (error: unknown) => void;
}
