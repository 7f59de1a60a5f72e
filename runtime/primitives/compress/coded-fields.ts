import { DIGEST_FIELDS } from "../../http/digest-fields.ts";
import { splitList } from "../../http/field-syntax.ts";
import {
  fieldValues,
  isNamed,
  type RawFields,
  type ReadonlyRawFields,
} from "../../http/raw-fields.ts";
import { toVariantTag } from "./variant-tag.ts";

/** Of the other bytes: their length, their offsets (RFC 9110 §14.3) and their digests. */
const STALE: ReadonlySet<string> = new Set([
  "content-length",
  "accept-ranges",
  "content-encoding",
  ...DIGEST_FIELDS,
]);

/**
 * Brings a head in line with content whose coding was changed, in place. `coding` undefined: the content is plain now.
 * A strong ETag becomes that of the variant.
 */
export function codedFields(fields: RawFields, coding: string | undefined): void {
  let kept = 0;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const lower = name.toLowerCase();
    if (STALE.has(lower)) continue;
    const value = fields[at + 1] as string;
    fields[kept] = name;
    fields[kept + 1] = lower === "etag" ? toVariantTag(value.trim()) : value;
    kept += 2;
  }
  fields.length = kept;
  if (coding !== undefined) fields.push("Content-Encoding", coding);
}

/** RFC 9110 §12.5.5: the answer depends on Accept-Encoding. Added once, to the first line that there is. */
export function varyByCoding(fields: RawFields): void {
  let line = -1;
  for (let at = 0; at < fields.length; at += 2) {
    if (!isNamed(fields[at] as string, "vary")) continue;
    const value = (fields[at + 1] as string).toLowerCase();
    if (/(?:^|[\s,])(?:\*|accept-encoding)(?:[\s,]|$)/.test(value)) return;
    if (line === -1) line = at;
  }
  if (line === -1) fields.push("Vary", "Accept-Encoding");
  else fields[line + 1] = [...splitList(fields[line + 1] as string), "Accept-Encoding"].join(", ");
}

/** RFC 9110 §7.7, RFC 9111 §5.2.1.6 and §5.2.2.6: nobody on the way may change the content. */
export function forbidsTransform(fields: ReadonlyRawFields): boolean {
  return fieldValues(fields, "cache-control").some((value) =>
    /(?:^|[\s,])no-transform(?:[\s,=]|$)/i.test(value),
  );
}
