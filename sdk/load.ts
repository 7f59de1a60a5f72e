/** How busy the thread that serves this request is. Each reading looks anew. */
export interface LoadView {
  /** Requests whose heads came in the last second. */
  readonly requestsPerSecond: number;
  /** 95 of 100 response heads of the last ten seconds were out in this time or less, to within 42 %. 0 without any. */
  readonly p95Ms: number;
  /** Requests that are not over, this one included. Tunnels do not count. */
  readonly inFlight: number;
  /**
   * By how much timers are late: the 95th percentile since the reading before, at most once a second. 0 at the very
   * first reading, which begins the measurement.
   */
  readonly loopDelayMs: number;
}
