import type { CertificatePair } from "./certificate-pair.ts";
import { wildcardOf } from "./server-names.ts";

/** What is served under a name: one pair for each kind of key. */
export interface CertificateEntry {
  /** Equal keys: the same pairs, so the same secure context. */
  readonly key: string;
  readonly pairs: readonly CertificatePair[];
}

/** Certificates by name: one look-up for the exact name and one for its wildcard, however many there are. */
export interface CertificateIndex {
  find(name: string): CertificateEntry | undefined;
  readonly size: number;
}

export function createCertificateIndex(pairs: readonly CertificatePair[]): CertificateIndex {
  const byName = new Map<string, CertificatePair[]>();
  for (const pair of pairs) {
    for (const name of pair.names) {
      const known = byName.get(name);
      if (known === undefined) byName.set(name, [pair]);
      else add(known, pair);
    }
  }
  const entries = new Map<string, CertificateEntry>();
  // One entry for all the names of a certificate: what is derived from it is derived once.
  const byKey = new Map<string, CertificateEntry>();
  for (const [name, found] of byName) {
    const entry = toEntry(found);
    const known = byKey.get(entry.key);
    if (known === undefined) byKey.set(entry.key, entry);
    entries.set(name, known ?? entry);
  }
  return {
    find(name) {
      const exact = entries.get(name);
      if (exact !== undefined) return exact;
      const wildcard = wildcardOf(name);
      return wildcard === undefined ? undefined : entries.get(wildcard);
    },
    size: entries.size,
  };
}

export function toEntry(pairs: readonly CertificatePair[]): CertificateEntry {
  return { key: pairs.map((pair) => pair.fingerprint).join(" "), pairs };
}

/** Of two for one name and kind of key the one that lasts longer: the renewed one, where both lie in a folder. */
function add(known: CertificatePair[], pair: CertificatePair): void {
  const at = known.findIndex((other) => other.keyType === pair.keyType);
  const other = known[at];
  if (other === undefined) known.push(pair);
  else if (pair.notAfter > other.notAfter) known[at] = pair;
}
