import type { RawFields } from "../../http/raw-fields.ts";

/**
 * Brings a response's fields in line with content that is edited in passing, in place: what counted or fingerprinted
 * the old bytes is gone, and the ETag is weak. RFC 9110 §8.8.1: a strong validator stands for exact bytes, and this one
 * was made for others.
 */
export function transformedFields(fields: RawFields): void {
  dropStale(fields, EDITED_STALE);
}

/** Fields that are wrong once the bytes are others, whatever the coding. Content-Digest and Repr-Digest: RFC 9530. */
export const DIGEST_FIELDS: readonly string[] = [
  "content-digest",
  "content-md5",
  "digest",
  "repr-digest",
];

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
