/** Reading Cookie: RFC 6265 §4.2, leniently as §5.4 has user agents send it. */
import { trimOws, unquote } from "./field-syntax.ts";
import { isNamed, type ReadonlyRawFields } from "./raw-fields.ts";

/**
 * The first cookie of that name (the most specific one comes first, RFC 6265 §5.4), quotes around its value removed, or
 * `undefined`. Names are case-sensitive. Several lines are read in order (HTTP/2 splits them, RFC 9113 §8.2.3).
 */
export function cookieValue(fields: ReadonlyRawFields, name: string): string | undefined {
  for (let at = 0; at < fields.length; at += 2) {
    if (!isNamed(fields[at] as string, "cookie")) continue;
    const value = cookieInLine(fields[at + 1] as string, name);
    if (value !== undefined) return value;
  }
  return undefined;
}

function cookieInLine(line: string, name: string): string | undefined {
  for (let start = 0; start < line.length;) {
    const semicolon = line.indexOf(";", start);
    const end = semicolon === -1 ? line.length : semicolon;
    const pair = trimOws(line.slice(start, end));
    const equals = pair.indexOf("=");
    if (equals === name.length && pair.startsWith(name)) return unquote(pair.slice(equals + 1));
    start = end + 1;
  }
  return undefined;
}
