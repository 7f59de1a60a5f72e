import type { CertificatePair } from "../certificate-pair.ts";
import { renewalTime } from "./schedule.ts";
import type { StoredCertificate } from "./store.ts";
import { storedIdOf } from "./store.ts";

/** The names of one certificate, the certificate, and how it goes with getting the next one. */
export class HostSet {
  readonly id: string;
  readonly names: readonly string[];
  readonly isOnDemand: boolean;
  pair: CertificatePair | undefined;
  signature: string | undefined;
  /** When to order, wall clock. */
  dueAt = 0;
  /** In a row. */
  failures = 0;
  /** The challenge to begin with: after a failure the next one, and then the one that has worked. */
  turn = 0;
  /** What was last told about it: the same is not told again. */
  told = "";
  /** Why the last attempt failed; empty after one that did not. */
  reason = "";

  constructor(names: readonly string[], isOnDemand: boolean) {
    this.id = storedIdOf(names);
    this.names = names;
    this.isOnDemand = isOnDemand;
  }

  /** Takes a certificate over. False if it does not cover the names, is the same one, or an older one. */
  adopt({ pair, signature }: StoredCertificate): boolean {
    this.signature = signature;
    if (!this.names.every((name) => pair.names.includes(name))) return false;
    // Not the end of its life: a CA may issue shorter ones than before.
    const isNewer =
      this.pair === undefined ||
      (pair.fingerprint !== this.pair.fingerprint && pair.notBefore >= this.pair.notBefore);
    if (!isNewer) return false;
    this.pair = pair;
    this.dueAt = renewalTime(pair);
    this.failures = 0;
    this.reason = "";
    return true;
  }
}
