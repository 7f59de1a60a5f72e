import { prefersHtml } from "../../http/accept.ts";
import { fieldValue, hasField, type ReadonlyRawFields } from "../../http/raw-fields.ts";

/**
 * Whether somebody looks at a page that a redirect can replace: a browser that opens a document. Everything else (scripts,
 * images, frames, programs, prefetches) would take the challenge page for what it asked for.
 *
 * Browsers say so by Fetch Metadata, but only to secure origins; without it what counts is that HTML is preferred.
 */
export function isNavigation(method: string, fields: ReadonlyRawFields): boolean {
  if (method !== "GET" || hasField(fields, "upgrade")) return false;
  if (!prefersHtml(fieldValue(fields, "accept"))) return false;
  if (hasField(fields, "x-requested-with")) return false;
  const purpose = fieldValue(fields, "sec-purpose") ?? fieldValue(fields, "purpose");
  if (purpose !== undefined && /prefetch|prerender/i.test(purpose)) return false;
  const mode = fieldValue(fields, "sec-fetch-mode");
  if (mode !== undefined && mode !== "navigate") return false;
  const destination = fieldValue(fields, "sec-fetch-dest");
  return destination === undefined || destination === "document";
}
