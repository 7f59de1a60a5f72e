/**
 * RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers-10: lists of items (RFC 9651) named after the
 * policy, `q` and `w` what is allowed in how many seconds, `r` and `t` what is left and in how many seconds it is whole.
 */

/** The policy's item, made once for each rule. */
export function policyItem(name: string, quota: number, windowMs: number): string {
  return `${quoted(name)};q=${quota};w=${Math.max(1, Math.ceil(windowMs / 1000))}`;
}

export function limitItem(quotedName: string, remaining: number, resetMs: number): string {
  return `${quotedName};r=${remaining};t=${Math.ceil(resetMs / 1000)}`;
}

/** A string of RFC 9651 §3.3.3: printable ASCII. */
export function quoted(name: string): string {
  return `"${name.replace(/[^\u0020-\u007e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
}

/** Whole seconds, at least one (RFC 9110 §10.2.3): 0 would ask for the next try at once. */
export function retryAfterSeconds(waitMs: number): string {
  return String(Math.max(1, Math.ceil(waitMs / 1000)));
}
