/**
 * Conditional requests answered from a stored response: RFC 9110 §8.8.3 (entity tags), §13.1 (preconditions), §13.2.2
 * (their order), RFC 9111 §4.3.2 (what a cache may answer itself).
 *
 * Not here: If-Match and If-Unmodified-Since, which are about the origin server's state; RFC 9111 §4.3.2 has a cache
 * forward them.
 */
import { splitList } from "./field-syntax.ts";
import { httpDate } from "./http-date.ts";
import { fieldValue, fieldValues, hasField, type ReadonlyRawFields } from "./raw-fields.ts";

export interface EntityTag {
  readonly weak: boolean;
  /** With its quotes. */
  readonly opaque: string;
}

/** §8.8.3. What is not written as an entity tag is none: it matches nothing. */
export function parseEntityTag(text: string): EntityTag | undefined {
  const match = /^(W\/)?("[\x21\x23-\x7e\x80-\xff]*")$/.exec(text);
  if (match === null) return undefined;
  return { weak: match[1] !== undefined, opaque: match[2] as string };
}

/** §8.8.3.2, weak comparison: for If-None-Match. */
function weaklyEqual(one: EntityTag, other: EntityTag): boolean {
  return one.opaque === other.opaque;
}

/** §8.8.3.2, strong comparison: for If-Range and wherever bytes are put together. */
function stronglyEqual(one: EntityTag, other: EntityTag): boolean {
  return !one.weak && !other.weak && one.opaque === other.opaque;
}

/** More tags than anybody holds: what stands after them is not compared. */
const MAX_TAGS = 256;

/**
 * Whether a client that asked conditionally has what is stored already, and a 304 will do. If-None-Match decides alone
 * where it is there (§13.1.3, §13.2.2). `receivedAt` stands in for a Last-Modified or Date that is missing
 * (RFC 9111 §4.3.2).
 */
export function isNotModified(
  requestFields: ReadonlyRawFields,
  storedFields: ReadonlyRawFields,
  receivedAt: number,
): boolean {
  const lines = fieldValues(requestFields, "if-none-match");
  if (lines.length > 0) return matchesAny(lines, fieldValue(storedFields, "etag"));
  const since = fieldValues(requestFields, "if-modified-since");
  // §13.1.3: one that is no date, or stands there twice, is not there.
  const limit = since.length === 1 ? httpDate(since[0]) : undefined;
  if (limit === undefined) return false;
  const modified =
    httpDate(fieldValue(storedFields, "last-modified")) ??
    httpDate(fieldValue(storedFields, "date")) ??
    receivedAt;
  return modified <= limit;
}

function matchesAny(lines: readonly string[], stored: string | undefined): boolean {
  const own = stored === undefined ? undefined : parseEntityTag(stored);
  let count = 0;
  for (const line of lines) {
    // §13.1.2: any representation at all, and there is one.
    if (line.trim() === "*") return true;
    for (const text of splitList(line)) {
      if (++count > MAX_TAGS) return false;
      const tag = parseEntityTag(text);
      if (tag !== undefined && own !== undefined && weaklyEqual(tag, own)) return true;
    }
  }
  return false;
}

/** Preconditions that only the origin server can judge (RFC 9111 §4.3.2): such a request is forwarded. */
export function asksOrigin(requestFields: ReadonlyRawFields): boolean {
  return hasField(requestFields, "if-match") || hasField(requestFields, "if-unmodified-since");
}

/**
 * Whether a Range is to be obeyed (§13.1.5): true without If-Range, or where its validator is that of the stored
 * response. A weak tag never is, nor a date that could stand for two contents of the same second (§8.8.2.2).
 */
export function rangeApplies(
  requestFields: ReadonlyRawFields,
  storedFields: ReadonlyRawFields,
): boolean {
  const lines = fieldValues(requestFields, "if-range");
  if (lines.length === 0) return true;
  if (lines.length > 1) return false;
  const text = lines[0] as string;
  const tag = parseEntityTag(text);
  if (tag !== undefined) {
    const own = parseEntityTag(fieldValue(storedFields, "etag") ?? "");
    return own !== undefined && stronglyEqual(tag, own);
  }
  const given = httpDate(text);
  const modified = httpDate(fieldValue(storedFields, "last-modified"));
  if (given === undefined || given !== modified) return false;
  const date = httpDate(fieldValue(storedFields, "date"));
  return date !== undefined && date - modified >= 60_000;
}

/** The fields that ask whether a stored response is still right (RFC 9111 §4.3.1); empty where it has no validator. */
export function validatingFields(storedFields: ReadonlyRawFields): string[] {
  const fields: string[] = [];
  const tag = fieldValue(storedFields, "etag");
  if (tag !== undefined) fields.push("If-None-Match", tag);
  const modified = fieldValue(storedFields, "last-modified");
  if (modified !== undefined) fields.push("If-Modified-Since", modified);
  return fields;
}
