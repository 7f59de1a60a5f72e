/**
 * The fields of stored responses: which are kept (RFC 9111 §3.1), how a 304 or a HEAD brings them up to date (§3.2,
 * §4.3.4, §4.3.5).
 */
import { isNamed, fieldValue, type RawFields, type ReadonlyRawFields } from "./raw-fields.ts";

/**
 * Said by the response that brought the content, about the content: a 304 has none, so what it says of these is about
 * something else (§3.2). Content-Length would cut or pad what is stored.
 */
const OF_THE_CONTENT: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-length",
  "content-range",
  "transfer-encoding",
]);

/**
 * For one client only. A 304 to whoever happened to ask first must not hand a session to all that come after, so not
 * even an option that stores responses without their cookies lets them in here.
 */
const OF_ONE_CLIENT: ReadonlySet<string> = new Set(["set-cookie", "set-cookie2"]);

/** Counted anew from the moment of arrival (§4.2.3). */
const COUNTED: ReadonlySet<string> = new Set(["age"]);

/**
 * The stored fields with those of a 304 (or of a HEAD's 200) in place of the lines of the same name. Both lists without
 * hop-by-hop fields already. Neither is changed.
 */
export function freshenedFields(stored: ReadonlyRawFields, fresh: ReadonlyRawFields): RawFields {
  const replaced = new Set<string>();
  const added: RawFields = [];
  for (let at = 0; at < fresh.length; at += 2) {
    const lower = (fresh[at] as string).toLowerCase();
    if (OF_THE_CONTENT.has(lower) || OF_ONE_CLIENT.has(lower) || COUNTED.has(lower)) continue;
    replaced.add(lower);
    added.push(fresh[at] as string, fresh[at + 1] as string);
  }
  const merged: RawFields = [];
  for (let at = 0; at < stored.length; at += 2) {
    const name = stored[at] as string;
    if (!replaced.has(name.toLowerCase())) merged.push(name, stored[at + 1] as string);
  }
  merged.push(...added);
  return merged;
}

/** Fields of a response that can be shared: no cookies, no age. For routes that store without Set-Cookie by option. */
export function sharedFields(fields: ReadonlyRawFields): RawFields {
  const kept: RawFields = [];
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    if (isNamed(name, "age") || isNamed(name, "set-cookie") || isNamed(name, "set-cookie2")) {
      continue;
    }
    kept.push(name, fields[at + 1] as string);
  }
  return kept;
}

/**
 * Whether a 304 speaks of this stored response (§4.3.4): the validators that both have are the same. One that names
 * another tag is about a content that is not here; it must not make this one fresh.
 */
export function speaksOf(fresh: ReadonlyRawFields, stored: ReadonlyRawFields): boolean {
  const tag = fieldValue(fresh, "etag");
  const own = fieldValue(stored, "etag");
  if (tag !== undefined && own !== undefined) return opaque(tag) === opaque(own);
  const modified = fieldValue(fresh, "last-modified");
  const ownModified = fieldValue(stored, "last-modified");
  return modified === undefined || ownModified === undefined || modified === ownModified;
}

/**
 * Whether a HEAD's 200 shows that the stored content is still the one (§4.3.5). Where it does not, what is stored is to
 * be taken for invalid.
 */
export function headConfirms(head: ReadonlyRawFields, stored: ReadonlyRawFields): boolean {
  return (
    speaksOf(head, stored) &&
    sameWhereBoth(head, stored, "content-length") &&
    sameWhereBoth(head, stored, "content-encoding")
  );
}

function sameWhereBoth(one: ReadonlyRawFields, other: ReadonlyRawFields, lower: string): boolean {
  const value = fieldValue(one, lower);
  const own = fieldValue(other, lower);
  return value === undefined || own === undefined || value === own;
}

function opaque(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}
