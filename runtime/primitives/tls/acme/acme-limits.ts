import type { OnDemandLimits } from "./on-demand-names.ts";

export interface AcmeLimits extends OnDemandLimits {
  /** After a refused or failed order; doubles. */
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
  /** While the CA as a whole does not work; doubles. */
  readonly pauseBaseMs: number;
  readonly pauseMaxMs: number;
  readonly failuresPerHour: number;
  readonly orderMs: number;
  readonly pollMs: number;
  /** Between attempts while another process orders. */
  readonly lockRetryMs: number;
  /** The soonest that a new certificate is renewed, however short its life: our clock may be wrong. */
  readonly renewLeastMs: number;
}

export const ACME_LIMITS: AcmeLimits = {
  retryBaseMs: 5 * 60_000,
  retryMaxMs: 12 * 3_600_000,
  pauseBaseMs: 60_000,
  pauseMaxMs: 3_600_000,
  // Let's Encrypt locks a name out after five in an hour.
  failuresPerHour: 4,
  orderMs: 5 * 60_000,
  pollMs: 500,
  lockRetryMs: 5000,
  renewLeastMs: 60_000,
  names: 5000,
  waiting: 100,
  decisions: 50,
  decisionMs: 5000,
  refusalMs: 60_000,
};
