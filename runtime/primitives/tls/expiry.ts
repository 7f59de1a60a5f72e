import type { CertificatePair } from "./certificate-pair.ts";

const DAY_MS = 86_400_000;
/** Days before the end at which the log says so; 0 for the end itself. */
const THRESHOLDS = [0, 1, 7, 30] as const;
/** More would be one cause, not as many. */
const MAX_LINES = 20;

export interface ExpiryNotice {
  readonly pair: CertificatePair;
  readonly days: number;
}

/** Says once for each certificate and threshold that its end comes near. */
export class ExpiryCheck {
  /** Lowest threshold already told, by fingerprint. */
  readonly #told = new Map<string, number>();

  /** Notices that are new, nearest end first; the rest only as a number. */
  look(pairs: readonly CertificatePair[], now: number): { notices: ExpiryNotice[]; more: number } {
    const notices: ExpiryNotice[] = [];
    const present = new Set<string>();
    for (const pair of pairs) {
      present.add(pair.fingerprint);
      const left = (pair.notAfter - now) / DAY_MS;
      const threshold = THRESHOLDS.find((days) => left <= days);
      if (threshold === undefined) continue;
      if ((this.#told.get(pair.fingerprint) ?? Infinity) <= threshold) continue;
      this.#told.set(pair.fingerprint, threshold);
      notices.push({ pair, days: Math.max(0, Math.ceil(left)) });
    }
    for (const fingerprint of this.#told.keys()) {
      if (!present.has(fingerprint)) this.#told.delete(fingerprint);
    }
    notices.sort((one, other) => one.pair.notAfter - other.pair.notAfter);
    return { notices: notices.slice(0, MAX_LINES), more: Math.max(0, notices.length - MAX_LINES) };
  }
}
