import type { CertificatePair } from "./certificate-pair.ts";

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
