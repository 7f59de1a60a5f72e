/** What the pools try again by themselves, whether retries are configured or not: requests that nobody has seen. */

/** RFC 9110 §9.2.2: sent twice, they do what they do once. For connections that grew old as the request went out. */
export const IDEMPOTENT: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

/** Other targets that a request is offered to when connections cannot be made. */
export const MAX_CONNECT_RETRIES = 3;
