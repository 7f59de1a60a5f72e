/** What a request that changes things makes invalid in a cache: RFC 9111 §4.4, safe methods: RFC 9110 §9.2.1. */
import { fieldValue, type ReadonlyRawFields } from "./raw-fields.ts";

/** An unknown method is taken for one that changes things. */
const SAFE: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "CONNECT",
  "QUERY",
  "PROPFIND",
  "REPORT",
  "SEARCH",
]);

/**
 * URLs whose stored responses are no longer to be used: that of the request, and those that Location and
 * Content-Location name *on the same origin*, else one site could empty another one's cache. Nothing after an error
 * (§4.4: "non-error" is 2xx and 3xx). `base` is scheme and authority as the store writes them, `target` path and query
 * as sent.
 */
export function invalidatedUrls(
  method: string,
  status: number,
  base: string,
  target: string,
  fields: ReadonlyRawFields,
): string[] {
  if (SAFE.has(method) || status < 200 || status >= 400) return [];
  const own = base + target;
  const urls = new Set([own]);
  const origin = URL.parse(base)?.origin;
  for (const lower of ["location", "content-location"]) {
    const value = fieldValue(fields, lower);
    const named = value === undefined ? null : URL.parse(value, own);
    if (named === null || origin === undefined || named.origin !== origin) continue;
    urls.add(base + named.pathname + named.search);
  }
  return [...urls];
}
