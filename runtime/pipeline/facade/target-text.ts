import { isAuthority } from "../../http/host.ts";
import { hookTypeError } from "./field-error.ts";

/**
 * What hooks assign to parts of a request's target, made safe for a request line. Characters that a URI cannot carry
 * are percent-encoded as UTF-8 (RFC 3986 §2.1); what is encoded already stays as it is.
 */

const PATH_CHARS = table("!$&'()*+,-./:;=@_~");
const QUERY_CHARS = table("!$&'()*+,-./:;=@_~?");
const ENCODER = new TextEncoder();

/** A path from its leading slash on. `?` and `#` in it are encoded: they would end the path. */
export function pathText(path: string): string {
  if (typeof path !== "string" || path.charCodeAt(0) !== 0x2f) {
    throw hookTypeError("PROXY_HOOK_FIELD", 'request.path needs a string that begins with "/"');
  }
  return encoded(path, PATH_CHARS);
}

/** A query with its `?`, which is added if it is missing; `""` and `"?"` alone stay. */
export function searchText(search: string): string {
  if (typeof search !== "string") {
    throw hookTypeError("PROXY_HOOK_FIELD", "request.search needs a string");
  }
  if (search === "") return "";
  return `?${encoded(search.charCodeAt(0) === 0x3f ? search.slice(1) : search, QUERY_CHARS)}`;
}

/** Host and port. Throws for what is none: user information, spaces, a path or a list would be read differently upstream. */
export function authorityText(host: string): string {
  if (!isAuthority(host)) {
    throw hookTypeError(
      "PROXY_HOOK_FIELD",
      `field "host" cannot be ${JSON.stringify(host)}: it takes a host name or address and a port`,
    );
  }
  return host;
}

function encoded(text: string, allowed: Uint8Array): string {
  if (isClean(text, allowed)) return text;
  let result = "";
  // By code point: a surrogate pair is one character of four bytes.
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at) as number;
    const width = code > 0xffff ? 2 : 1;
    const char = text.slice(at, at + width);
    const kept = code < 128 && (allowed[code] === 1 || (code === 0x25 && isEscape(text, at)));
    result += kept ? char : percent(char);
    at += width;
  }
  return result;
}

function isClean(text: string, allowed: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127) return false;
    if (allowed[code] === 0 && !(code === 0x25 && isEscape(text, at))) return false;
  }
  return true;
}

function isEscape(text: string, at: number): boolean {
  return isHex(text.charCodeAt(at + 1)) && isHex(text.charCodeAt(at + 2));
}

function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
}

function percent(char: string): string {
  let result = "";
  for (const byte of ENCODER.encode(char)) {
    result += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return result;
}

function table(others: string): Uint8Array {
  const allowed = new Uint8Array(128);
  const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (const char of alphanumeric + others) allowed[char.charCodeAt(0)] = 1;
  return allowed;
}
