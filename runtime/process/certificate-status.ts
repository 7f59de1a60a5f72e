import { MAX_CERTIFICATES, MAX_NAMES, type ListenerStatus } from "../inspect/status.ts";

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
