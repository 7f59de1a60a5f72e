/** How one request to a target went, as far as its health is concerned. */
export interface Outcome {
  /** Status of the final head, or `undefined` if none came. */
  readonly status: number | undefined;
  /** No connection, a reset, a time-out: the target's fault. Not set when the client went away. */
  readonly failed: boolean;
  /** From dispatch to the head, milliseconds; `undefined` if none came. */
  readonly headMs: number | undefined;
}

/**
 * `up`: takes traffic. `down`: an active check says no. `ejected`: its answers were bad, it is left out for a while.
 * `open` and `half-open`: its circuit breaker.
 */
export type HealthState = "up" | "down" | "ejected" | "open" | "half-open";

/** A change of a target's state: logged once and shown in the status. */
export interface HealthChange {
  readonly key: string;
  readonly from: HealthState;
  readonly to: HealthState;
  /** Why, in words for the log. */
  readonly reason: string;
}
