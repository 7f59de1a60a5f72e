import { fieldValues, type ReadonlyRawFields } from "./raw-fields.ts";

/** Directive names in lower case, with their argument: `""` where there is none. */
export type Directives = ReadonlyMap<string, string>;

const NONE: Directives = new Map();
const DIRECTIVE = /[\s,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s,]*)))?/y;

/** `Cache-Control` (RFC 9111 §5.2): of a directive that comes twice the first one counts (§4.2.1). */
export function cacheDirectives(fields: ReadonlyRawFields, lower = "cache-control"): Directives {
  const lines = fieldValues(fields, lower);
  if (lines.length === 0) return NONE;
  const found = new Map<string, string>();
  for (const line of lines) {
    let at = 0;
    while (at < line.length) {
      DIRECTIVE.lastIndex = at;
      const match = DIRECTIVE.exec(line);
      if (match === null) {
        // What cannot be read is skipped up to the next comma.
        const comma = line.indexOf(",", at);
        if (comma === -1) break;
        at = comma + 1;
        continue;
      }
      at = DIRECTIVE.lastIndex;
      const name = (match[1] as string).toLowerCase();
      if (!found.has(name)) found.set(name, match[2] ?? match[3] ?? "");
    }
  }
  return found;
}

const MAX_SECONDS = 2 ** 31;

/** delta-seconds (RFC 9111 §1.2.2). What is no such number is `undefined`. */
export function deltaSeconds(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]+$/.test(text)) return undefined;
  return Math.min(Number(text), MAX_SECONDS);
}

const MEMBER =
  /[ \t]*([a-z*][a-z0-9_\-.*]*)(?:=(\?[01]|-?[0-9]{1,15}(?:\.[0-9]{1,3})?|"(?:[ !#-[\]-~]|\\["\\])*"|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*))?((?:;[ ]*[a-z*][a-z0-9_\-.*]*(?:=(?:\?[01]|-?[0-9.]+|"(?:[ !#-[\]-~]|\\["\\])*"|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*))?)*)[ \t]*(,|$)/y;

const SECONDS: ReadonlySet<string> = new Set([
  "max-age",
  "s-maxage",
  "stale-while-revalidate",
  "stale-if-error",
]);

/**
 * A targeted field (RFC 9213 §2.1): a Dictionary of structured fields. Unlike `Cache-Control`, one that is not well formed
 * says nothing at all, and of a member that comes twice the last one counts (RFC 9651 §4.2.2).
 */
export function targetedDirectives(
  fields: ReadonlyRawFields,
  lower: string,
): Directives | undefined {
  const lines = fieldValues(fields, lower);
  if (lines.length === 0) return undefined;
  const text = lines.join(",");
  const found = new Map<string, string>();
  let at = 0;
  while (at < text.length) {
    MEMBER.lastIndex = at;
    const match = MEMBER.exec(text);
    if (match === null) return undefined;
    at = MEMBER.lastIndex;
    if (match[4] === "," && at === text.length) return undefined;
    const value = match[2];
    const name = match[1] as string;
    // A lifetime of another type than Integer is a field that is not understood: it must not switch a no-store off.
    if (SECONDS.has(name) && !/^-?[0-9]+$/.test(value ?? "")) return undefined;
    if (value === "?0") found.delete(name);
    else found.set(name, value === undefined || value === "?1" ? "" : value);
  }
  return found.size === 0 ? undefined : found;
}
