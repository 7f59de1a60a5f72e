import type { RawFields } from "./raw-fields.ts";

/** Fields that are wrong once the bytes are others, whatever the coding. Content-Digest and Repr-Digest: RFC 9530. */
export const DIGEST_FIELDS: readonly string[] = [
  "content-digest",
  "content-md5",
  "digest",
  "repr-digest",
];

/** A digest of the bytes before is as wrong in a trailer as in the head. */
export function trailersWithoutDigests(trailers: RawFields): RawFields {
  if (trailers.length === 0) return trailers;
  const kept: RawFields = [];
  for (let at = 0; at < trailers.length; at += 2) {
    const name = trailers[at] as string;
    if (!DIGEST_FIELDS.includes(name.toLowerCase())) kept.push(name, trailers[at + 1] as string);
  }
  return kept;
}
