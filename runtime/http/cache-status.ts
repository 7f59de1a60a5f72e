/** `Cache-Status`: RFC 9211, as a List of structured fields (RFC 9651). */

export interface CacheStatus {
  /** Answered from the store. */
  readonly hit?: boolean;
  /** Why it went on to the upstream (RFC 9211 §2.2). */
  readonly forwarded?:
    | "bypass"
    | "method"
    | "uri-miss"
    | "vary-miss"
    | "request"
    | "stale"
    | "partial"
    | "miss";
  /** What the upstream answered, where it is not what the client gets (§2.3). */
  readonly forwardedStatus?: number;
  /** Seconds that the response is still fresh; below zero: for how long it has been stale (§2.4). */
  readonly ttl?: number;
  readonly stored?: boolean;
  /** Another request's fetch answered this one (§2.6). */
  readonly collapsed?: boolean;
  /** A word or two of our own (§2.8). */
  readonly detail?: string;
}

/** The member for this cache. Members of caches nearer to the origin stand before it (§2). */
export function cacheStatusMember(name: string, status: CacheStatus): string {
  let text = name;
  if (status.hit === true) text += "; hit";
  if (status.forwarded !== undefined) text += `; fwd=${status.forwarded}`;
  if (status.forwardedStatus !== undefined) text += `; fwd-status=${status.forwardedStatus}`;
  if (status.ttl !== undefined) text += `; ttl=${Math.trunc(status.ttl)}`;
  if (status.stored === true) text += "; stored";
  if (status.collapsed === true) text += "; collapsed";
  if (status.detail !== undefined) text += `; detail=${detailText(status.detail)}`;
  return text;
}

/** A token where it can be one, else a string (RFC 9651 §3.3.3, §3.3.4). */
function detailText(detail: string): string {
  if (/^[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*$/.test(detail)) return detail;
  return `"${detail.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
}
