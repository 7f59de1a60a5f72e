/**
 * Where redirects may lead: RFC 9110 §10.2.2, RFC 3986 §4.2, and what browsers make of it (the WHATWG URL rules treat
 * `\` as `/` and drop tabs and line breaks).
 *
 * Two attacks: a line break in the value starts another field or another response; and `//evil.test`, `/\evil.test` or
 * `\\evil.test`, made from a client's path, look like a path here and are another host to a browser.
 */
import { domainToASCII } from "node:url";

import { parseAuthority } from "./host.ts";

/**
 * The text as a Location value: an absolute http(s) URL, or a reference on the client's own host. Characters that a URI
 * cannot carry are percent-encoded as UTF-8; escapes stay. `undefined` for other schemes (`javascript:`), user
 * information, an invalid host or nothing at all.
 */
export function safeLocation(text: string): string | undefined {
  if (text === "") return undefined;
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*(?=:)/.exec(text)?.[0].toLowerCase();
  if (scheme === undefined) return encodeReference(withLocalStart(text));
  if (scheme !== "http" && scheme !== "https") return undefined;
  return absoluteUrl(scheme, text.slice(scheme.length + 1));
}

function absoluteUrl(scheme: string, rest: string): string | undefined {
  // "http:x" and "http:/x" are relative to some parsers and another host to others.
  if (!rest.startsWith("//")) return undefined;
  const end = rest.slice(2).search(/[/?#]/);
  const authority = end === -1 ? rest.slice(2) : rest.slice(2, 2 + end);
  const ascii = asciiAuthority(authority);
  if (ascii === undefined) return undefined;
  return `${scheme}://${ascii}${encodeReference(rest.slice(2 + authority.length))}`;
}

/** Internationalised names in their ASCII form (RFC 5890): a Location field has no other characters. */
function asciiAuthority(authority: string): string | undefined {
  if (parseAuthority(authority) !== undefined) return authority;
  const [, name = "", port = ""] = /^([\p{L}\p{M}\p{N}._-]+)(:\d{1,5})?$/u.exec(authority) ?? [];
  const ascii = name === "" ? "" : domainToASCII(name) + port;
  return parseAuthority(ascii) === undefined ? undefined : ascii;
}

/** Several slashes or backslashes at the start name a host: one slash is left of them. */
function withLocalStart(text: string): string {
  let end = 0;
  while (end < text.length && (text[end] === "/" || text[end] === "\\")) end++;
  return end === 0 ? text : `/${text.slice(end)}`;
}

function encodeReference(text: string): string {
  return text.replace(UNSAFE, (char) => {
    let escaped = "";
    for (const byte of ENCODER.encode(char)) {
      escaped += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    }
    return escaped;
  });
}

/** Whatever RFC 3986 has no place for. The backslash too: browsers read it as a slash. */
const UNSAFE = /[^!#$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~]/gu;
const ENCODER = new TextEncoder();
