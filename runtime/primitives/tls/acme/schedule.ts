import type { CertificatePair } from "../certificate-pair.ts";

/** Share of a certificate's life around the two thirds over which renewals are spread. */
const SPREAD = 0.05;

/**
 * When a certificate is renewed: after two thirds of its life. A little before or after, by its fingerprint, so that those
 * that were issued together are not renewed together, and a restart changes nothing.
 */
export function renewalTime(
  pair: Pick<CertificatePair, "fingerprint" | "notBefore" | "notAfter">,
): number {
  const life = pair.notAfter - pair.notBefore;
  const fraction = Number.parseInt(pair.fingerprint.replaceAll(":", "").slice(0, 8), 16) / 2 ** 32;
  return pair.notBefore + life * (2 / 3 + (fraction - 0.5) * SPREAD);
}

export interface BackOff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Doubles with each failure; `random` (0 to 1) moves it by a fifth to either side. */
export function backOffMs(failures: number, { baseMs, maxMs }: BackOff, random: number): number {
  const ms = Math.min(baseMs * 2 ** Math.min(Math.max(failures, 1) - 1, 30), maxMs);
  return ms * (0.8 + 0.4 * random);
}
