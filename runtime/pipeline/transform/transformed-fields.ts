import { DIGEST_FIELDS } from "../../http/digest-fields.ts";
import type { RawFields } from "../../http/raw-fields.ts";

/**
 * Brings a response's fields in line with content that is edited in passing, in place: what counted or fingerprinted
 * the old bytes is gone, and the ETag is weak. RFC 9110 §8.8.1: a strong validator stands for exact bytes, and this one
 * was made for others.
 */
export function transformedFields(fields: RawFields): void {
  dropStale(fields, EDITED_STALE);
}

const EDITED_STALE: ReadonlySet<string> = new Set([
  "content-length",
  "accept-ranges",
  ...DIGEST_FIELDS,
]);

/** In place: removes the named fields (lower case) and makes the ETag weak. */
export function dropStale(fields: RawFields, stale: ReadonlySet<string>): void {
  let kept = 0;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const lower = name.toLowerCase();
    if (stale.has(lower)) continue;
    const value = fields[at + 1] as string;
    fields[kept] = name;
    fields[kept + 1] = lower === "etag" && value.startsWith('"') ? `W/${value}` : value;
    kept += 2;
  }
  fields.length = kept;
}
