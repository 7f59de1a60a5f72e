import { isIP } from "node:net";
import { domainToASCII } from "node:url";

import { hasControl, isToken, type LeafIssue } from "./schema-leaf.ts";

const HOST_EXPECTED = '"a.test", "*.a.test" (one label more) or "**.a.test" (one or more)';
const PATH_EXPECTED = '"/a", "/users/:id" or "/api/*"';

/** Why a text is no host pattern. */
export function hostPatternIssue(value: unknown): LeafIssue | undefined {
  const no = (message: string, fix?: string): LeafIssue => ({
    message,
    expected: HOST_EXPECTED,
    ...(fix === undefined ? {} : { fix }),
  });
  if (typeof value !== "string") return no("Wrong type.");
  if (value === "*" || value === "**")
    return no("A wildcard alone is no host.", "Leave `host` out to match any host.");
  if (/^https?:\/\//i.test(value)) return no("A host has no scheme.", "Write only the name.");
  const name = value.replace(/^\*\*?\./, "");
  if (name.includes("*")) return no("A wildcard can only be the whole first label.");
  const bracketed = /^\[(.+)\](:\d*)?$/.exec(name);
  if (bracketed !== null) {
    if (bracketed[2] !== undefined)
      return no("The port is not part of a host pattern.", "Leave the port out.");
    return isIP(bracketed[1] ?? "") === 6 && name === value
      ? undefined
      : no("Not an IPv6 address.");
  }
  if (isIP(name) === 6) return no("An IPv6 address needs brackets.", `Write "[${name}]".`);
  if (/:\d*$/.test(name))
    return no("The port is not part of a host pattern.", "Leave the port out.");
  return toHostPattern(value) === undefined ? no("Not a host name.") : undefined;
}

/** A host pattern as routes compare it: lower case, international names in their ASCII form. */
export function toHostPattern(value: string): string | undefined {
  const wildcard = /^\*\*?\./.exec(value)?.[0] ?? "";
  const name = value.slice(wildcard.length);
  if (name.startsWith("[") && name.endsWith("]")) return new URL(`http://${name}/`).hostname;
  // URL parsers read "1.2" or "0x7f.1" as addresses; names that no Host can equal are refused instead.
  if (!/^[^\s/\\?#@:%[\]*]+$/.test(name)) return undefined;
  const ascii = domainToASCII(name);
  const valid =
    ascii.length <= 253 &&
    ascii.split(".").every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
  return ascii === "" || !valid ? undefined : wildcard + ascii;
}

/** Why a text is no path pattern. */
export function pathPatternIssue(value: unknown): LeafIssue | undefined {
  const no = (message: string, fix?: string): LeafIssue => ({
    message,
    expected: PATH_EXPECTED,
    ...(fix === undefined ? {} : { fix }),
  });
  if (typeof value !== "string") return no("Wrong type.");
  if (/^https?:\/\//i.test(value))
    return no("A path has no scheme and no host.", "Use `match.host` for the host.");
  if (!value.startsWith("/"))
    return no('A path starts with "/".', `Write "/${value.slice(0, 40)}".`);
  if (/[?#]/.test(value))
    return no("A path pattern has no query and no fragment.", "Use `match.query` for the query.");
  if (hasControl(value) || /\s/.test(value))
    return no("A path has no white space or control characters.", 'Write "%20" for a space.');
  if (value.includes("\\")) return no("A path has no backslash.");
  if (value.includes(";"))
    return no('Parameters after ";" are cut off before matching, so this can never match.');
  const escapes = escapeIssue(value);
  if (escapes !== undefined) return no(escapes);
  return segmentsIssue(value.slice(1).split("/"), no);
}

function segmentsIssue(
  segments: readonly string[],
  no: (message: string, fix?: string) => LeafIssue,
): LeafIssue | undefined {
  const names = new Set<string>();
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === "" && !isLast)
      return no('Empty segments ("//") are merged before matching, so this can never match.');
    if (segment === "." || segment === "..") return no('Segments "." and ".." are not allowed.');
    if (segment === "**")
      return no("There is no such wildcard.", 'Write "*" at the end: it takes everything below.');
    if (segment.includes("*") && segment !== "*")
      return no("A wildcard must be a whole segment.", 'Write "/*" at the end.');
    if (segment === "*" && !isLast)
      return no(
        "A wildcard can only be the last segment.",
        'Use ":name" for one segment in the middle.',
      );
    if (!segment.startsWith(":")) continue;
    const name = segment.slice(1);
    if (!/^[A-Za-z_]\w*$/.test(name))
      return no(
        `"${segment.slice(0, 40)}" is no parameter.`,
        'A parameter is a whole segment, for example ":id".',
      );
    if (names.has(name)) return no(`The parameter ":${name}" is there twice.`);
    names.add(name);
  }
  return undefined;
}

/** Paths are normalised before matching (RFC 3986 §6.2.2): what that changes can never be equal to a pattern. */
function escapeIssue(value: string): string | undefined {
  for (const [escape] of value.matchAll(/%.{0,2}/g)) {
    if (!/^%[0-9A-Fa-f]{2}$/.test(escape)) return `"${escape}" is no percent-encoding.`;
    const decoded = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    if (/[A-Za-z0-9\-._~]/.test(decoded))
      return `"${escape}" is decoded before matching: write "${decoded}".`;
    if (escape !== escape.toUpperCase())
      return `Percent-encodings are compared in capitals: write "${escape.toUpperCase()}".`;
  }
  return undefined;
}

/** A path pattern as routes compare it: characters beyond ASCII percent-encoded. */
export function toPathPattern(value: string): string {
  return value.replace(/[\u0080-\uffff]+/g, (text) => encodeURIComponent(text.toWellFormed()));
}

const KNOWN_METHODS = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "PATCH",
  "OPTIONS",
  "TRACE",
  "QUERY",
]);

/** Why a text is no method. */
export function methodIssue(value: unknown): LeafIssue | undefined {
  const expected = '"GET", "POST", …';
  if (typeof value !== "string" || !isToken(value)) return { message: "Not a method.", expected };
  const upper = value.toUpperCase();
  if (value !== upper && KNOWN_METHODS.has(upper)) {
    return {
      message: "Methods are case-sensitive (RFC 9110 §9.1).",
      expected,
      fix: `Write "${upper}".`,
    };
  }
  if (upper === "CONNECT") return { message: "CONNECT is never forwarded.", expected };
  return undefined;
}

/** Why a value is no ValueMatch. */
export function valueMatchIssue(value: unknown): LeafIssue | undefined {
  if (value === true || typeof value === "string") return undefined;
  if (value instanceof RegExp || Object.prototype.toString.call(value) === "[object RegExp]") {
    return regExpIssue(value as RegExp, "gy");
  }
  return {
    message: "Wrong type.",
    expected: 'a text, a regular expression, or true for "present"',
  };
}

/** Refuses flags with which one match changes the outcome of the next. */
export function regExpIssue(value: RegExp, refused: string): LeafIssue | undefined {
  const bad = value.flags.split("").filter((flag) => refused.includes(flag));
  return bad.length === 0
    ? undefined
    : {
        message: `The flag "${bad.join("")}" makes a regular expression remember its last match.`,
        fix: `Leave out "${bad.join("")}".`,
      };
}
