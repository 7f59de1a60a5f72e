import {
  MAX_CERTIFICATES,
  MAX_NAMES,
  type ListenerStatus,
  type OnDemandStatus,
} from "../inspect/status.ts";
import type { LookedUpNames } from "../primitives/tls/certificate-source.ts";

interface Certificate {
  readonly names: readonly string[];
  readonly notAfter: number;
  readonly from: string;
}

/** What the status tells about a listener's certificates. */
export function toCertificateStatus(
  certificates: readonly Certificate[],
  now: number,
): Pick<ListenerStatus, "certificates" | "certificateCount"> {
  const soonest = certificates.toSorted((one, other) => one.notAfter - other.notAfter);
  return {
    certificates: soonest.slice(0, MAX_CERTIFICATES).map(({ names, notAfter, from }) => ({
      names: names.slice(0, MAX_NAMES),
      from,
      expires: new Date(notAfter).toISOString(),
      secondsLeft: Math.floor((notAfter - now) / 1000),
    })),
    certificateCount: certificates.length,
  };
}

/** What it tells about the names that clients have asked for. */
export function toOnDemandStatus(sources: readonly LookedUpNames[]): OnDemandStatus[] {
  return sources.map(({ from, names, pairs, waiting, refused, failed, failures }) => ({
    from,
    names,
    certificates: pairs.length,
    waiting,
    refused,
    failed,
    failures: failures.map(({ name, reason, triedAgainAt }) => ({
      name,
      reason,
      triedAgain: new Date(triedAgainAt).toISOString(),
    })),
  }));
}
