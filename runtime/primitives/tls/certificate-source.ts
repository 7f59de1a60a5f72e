import type { CertificatePair } from "./certificate-pair.ts";

/** What a source remembers of names that clients ask for. */
export interface LookedUpNames {
  readonly from: "acme" | "onServerName";
  /** Remembered, those without a certificate included. */
  readonly names: number;
  readonly pairs: readonly CertificatePair[];
  /** Handshakes wait for these. */
  readonly waiting: number;
  readonly refused: number;
  readonly failed: number;
  /** At most {@link MAX_FAILURES}. */
  readonly failures: readonly LookUpFailure[];
}

export interface LookUpFailure {
  readonly name: string;
  readonly reason: string;
  /** Not before then, wall clock. */
  readonly triedAgainAt: number;
}

export const MAX_FAILURES = 20;

/**
 * Where certificates of a listener come from: files, the development authority, `onServerName`, and whatever else
 * (an ACME client) can say which ones it has.
 */
export interface CertificateSource {
  /** Those that are ready now. A different array after every change. */
  readonly pairs: readonly CertificatePair[];
  /**
   * For names that no ready pair of any source covers. `undefined`: not from here. What is known answers at once, without
   * a promise. Must not reject.
   */
  find?(name: string): CertificatePair | undefined | Promise<CertificatePair | undefined>;
  /** Of those whose `find` may have to ask: for the status. */
  lookedUp?(): LookedUpNames;
  /** The certificate that answers a pending tls-alpn-01 challenge for this name (RFC 8737 §3). */
  challenge?(name: string): CertificatePair | undefined;
  /** It tells by itself when a renewal is late: that a certificate ends in 30 days is its normal course. */
  readonly renewsItself?: boolean;
  /** Looks again at whatever it is made from; never rejects. */
  refresh(): Promise<void>;
  /** Assigned by whoever serves from it: `pairs` has changed. */
  onChange: (() => void) | null;
  close(): void | Promise<void>;
}
