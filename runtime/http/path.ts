/**
 * The one rule for paths. Routes, lists, limits, hooks and the upstream must all see the same path, so a path that two of
 * them could read differently is refused, and every other one is brought to one form for matching. What is forwarded are
 * the bytes that the client sent, unless a rewrite or a hook changes the path.
 *
 * Implements RFC 3986 §3.3, §6.2.2.1 (hex in capitals) and §6.2.2.2 (unreserved characters decoded). Deliberately not:
 * §5.2.4, removing dot segments: who walks up a path is refused instead, because an upstream that does not remove them,
 * or removes them after decoding, would act on another path than the one that was checked.
 *
 * Refused:
 * - an escape that is none (`%zz`), NUL in any encoding, bytes that no URI has, a raw backslash;
 * - `.` and `..` as a segment: as they are, percent-encoded up to three times over, in overlong UTF-8, and also where
 *   `%2F`, `\`, `%5C`, `%3F`, `%23` or `;parameters` end the segment (some servers cut at those after decoding);
 * - a segment of nothing but `;parameters`: servers that strip them see `//` or nothing there;
 * - what is still encoded after three decodings.
 *
 * Otherwise, for matching: unreserved characters decoded, other escapes in capitals, characters that should have been
 * encoded (`{` `|` …) encoded, empty segments merged, `;parameters` cut. `%2F` stays `%2F`: it is no separator here.
 */
import type { Refusal } from "./refusal.ts";

export interface SplitTarget {
  readonly rawPath: string;
  /** With its `?`, or `""`. */
  readonly search: string;
}

/** An origin-form target at its first `?`, bytes untouched. */
export function splitTarget(target: string): SplitTarget {
  const at = target.indexOf("?");
  if (at === -1) return { rawPath: target, search: "" };
  return { rawPath: target.slice(0, at), search: target.slice(at) };
}

/** Sizes of the decoding that servers behind us might do: each layer of proxies and frameworks may decode once. */
const MAX_DECODINGS = 3;

const REFUSED = 0;
/** Stands for itself in every form of the path. */
const PLAIN = 1;
const SLASH = 2;
const DOT = 3;
/** Allowed, but the path is not in its one form yet, or needs a closer look. */
const SPECIAL = 4;

const KINDS: Uint8Array = new Uint8Array(128);
const UNRESERVED: Uint8Array = new Uint8Array(128);
for (const char of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~") {
  KINDS[char.charCodeAt(0)] = PLAIN;
  UNRESERVED[char.charCodeAt(0)] = 1;
}
for (const char of "!$&'()*+,=:@") KINDS[char.charCodeAt(0)] = PLAIN;
for (const char of "%;") KINDS[char.charCodeAt(0)] = SPECIAL;
// RFC 3986 has these only encoded; browsers and libraries send some of them as they are.
for (const char of '"<>^`{|}[]') KINDS[char.charCodeAt(0)] = SPECIAL;
KINDS[0x2f] = SLASH;
KINDS[0x2e] = DOT;

/** The path in its one form, or why it is refused. A path that is in that form already is returned as it is. */
export function normalizePath(rawPath: string): string | Refusal {
  if (rawPath.charCodeAt(0) !== 0x2f) return NOT_A_PATH;
  let previous = 0;
  let special = false;
  for (let at = 0; at < rawPath.length; at++) {
    const code = rawPath.charCodeAt(at);
    const kind = code < 128 ? (KINDS[code] as number) : REFUSED;
    if (kind !== PLAIN) {
      if (kind === REFUSED) return code === 0x5c ? BACKSLASH : BAD_BYTE;
      // "//" and "/." are looked at more closely; so is all that is encoded or has parameters.
      if (kind === SPECIAL || previous === 0x2f) special = true;
    }
    previous = code;
  }
  return special ? normalizeSpecial(rawPath) : rawPath;
}

/**
 * Any text as path characters: whatever a path cannot carry is percent-encoded as UTF-8, `?`, `#` and a `%` that begins
 * no escape included. For what the config's author writes: patterns, prefixes, replacements.
 */
export function encodePathText(text: string): string {
  let encoded = "";
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const kind = code < 128 ? (KINDS[code] as number) : REFUSED;
    if (kind !== REFUSED && (code !== 0x25 || isEscape(text, at))) continue;
    encoded += text.slice(start, at);
    const char = String.fromCodePoint(text.codePointAt(at) as number);
    for (const byte of ENCODER.encode(char)) encoded += escapeOf(byte);
    at += char.length - 1;
    start = at + 1;
  }
  return start === 0 ? text : encoded + text.slice(start);
}

const ENCODER = new TextEncoder();

function normalizeSpecial(rawPath: string): string | Refusal {
  const refusal = findAmbiguity(rawPath);
  if (refusal !== undefined) return refusal;
  let path = "";
  for (let start = 1; start <= rawPath.length;) {
    const slash = rawPath.indexOf("/", start);
    const end = slash === -1 ? rawPath.length : slash;
    if (end > start) path += `/${normalizeSegment(rawPath.slice(start, end))}`;
    start = end + 1;
  }
  return path === "" || rawPath.charCodeAt(rawPath.length - 1) === 0x2f ? `${path}/` : path;
}

/** Looks at the path as it is and as up to three servers, each decoding once, would see it. */
function findAmbiguity(rawPath: string): Refusal | undefined {
  let revealing = false;
  for (let at = rawPath.indexOf("%"); at !== -1; at = rawPath.indexOf("%", at + 3)) {
    if (!isEscape(rawPath, at)) return BAD_ESCAPE;
    if (REVEALING[byteAt(rawPath, at)] === 1) revealing = true;
  }
  let text = rawPath;
  for (let decodings = 0; ; decodings++) {
    const refusal = findSegment(text);
    if (refusal !== undefined || !revealing) return refusal;
    const decoded = decode(text);
    if (decoded === text) return undefined;
    if (decodings === MAX_DECODINGS) return TOO_DEEP;
    if (decoded.includes("\0")) return NUL;
    if (OVERLONG.test(decoded)) return OVERLONG_UTF8;
    text = decoded;
  }
}

/**
 * Bytes that can make another path of this one when they are decoded: escapes again, dots, what ends a segment, NUL, and
 * the first bytes of overlong sequences. Paths without them (spaces, most scripts) need no decoding to be judged.
 */
const REVEALING: Uint8Array = new Uint8Array(256);
for (const byte of [0x00, 0x23, 0x25, 0x2e, 0x2f, 0x3b, 0x3f, 0x5c, 0xc0, 0xc1, 0xe0, 0xf0]) {
  REVEALING[byte] = 1;
}

/** Two-, three- and four-byte sequences for characters that need fewer: `%C0%AE` is a dot to a lenient decoder. */
const OVERLONG =
  /[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf][\x80-\xbf]/;

/** A dot segment or one of parameters only, by the widest reading of what ends a segment. */
function findSegment(text: string): Refusal | undefined {
  let start = 1;
  let parameters = -1;
  for (let at = 1; at <= text.length; at++) {
    const code = at === text.length ? 0x2f : text.charCodeAt(at);
    if (code === 0x3b) {
      if (parameters === -1) parameters = at;
      continue;
    }
    if (code !== 0x2f && code !== 0x5c && code !== 0x3f && code !== 0x23) continue;
    const length = (parameters === -1 ? at : parameters) - start;
    if (length === 0 && parameters !== -1) return PARAMETERS_ONLY;
    if (length === 1 && text.charCodeAt(start) === 0x2e) return DOT_SEGMENT;
    if (length === 2 && text.charCodeAt(start) === 0x2e && text.charCodeAt(start + 1) === 0x2e) {
      return DOT_SEGMENT;
    }
    start = at + 1;
    parameters = -1;
  }
  return undefined;
}

/** Every escape decoded once, bytes as Latin-1 characters. What is no escape stays. */
function decode(text: string): string {
  let percent = text.indexOf("%");
  if (percent === -1) return text;
  let decoded = "";
  let start = 0;
  while (percent !== -1) {
    if (isEscape(text, percent)) {
      decoded += text.slice(start, percent) + String.fromCharCode(byteAt(text, percent));
      start = percent + 3;
    }
    percent = text.indexOf("%", Math.max(start, percent + 1));
  }
  return start === 0 ? text : decoded + text.slice(start);
}

function normalizeSegment(segment: string): string {
  const semicolon = segment.indexOf(";");
  const text = semicolon === -1 ? segment : segment.slice(0, semicolon);
  let normal = "";
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (KINDS[code] !== SPECIAL) continue;
    if (code === 0x25) {
      const byte = byteAt(text, at);
      const decodes = byte < 128 && UNRESERVED[byte] === 1;
      at += 2;
      if (!decodes && text.charCodeAt(at) < 0x61 && text.charCodeAt(at - 1) < 0x61) continue;
      normal += text.slice(start, at - 2);
      normal += decodes ? String.fromCharCode(byte) : escapeOf(byte);
    } else {
      normal += text.slice(start, at) + escapeOf(code);
    }
    start = at + 1;
  }
  return start === 0 ? text : normal + text.slice(start);
}

function isEscape(text: string, at: number): boolean {
  return (
    at + 2 < text.length &&
    hexValue(text.charCodeAt(at + 1)) !== -1 &&
    hexValue(text.charCodeAt(at + 2)) !== -1
  );
}

function byteAt(text: string, at: number): number {
  return hexValue(text.charCodeAt(at + 1)) * 16 + hexValue(text.charCodeAt(at + 2));
}

function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function escapeOf(byte: number): string {
  return ESCAPES[byte] as string;
}

const ESCAPES: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
);

function refuse(message: string): Refusal {
  return Object.freeze({ error: "PROXY_REQUEST_PATH", message } as const);
}

const NOT_A_PATH = refuse("the path does not begin with a slash");
const BACKSLASH = refuse("the path has a backslash");
const BAD_BYTE = refuse("the path has a byte that no URI has");
const BAD_ESCAPE = refuse("the path has an invalid percent-encoding");
const NUL = refuse("the path has a NUL");
const DOT_SEGMENT = refuse("the path has a dot segment");
const PARAMETERS_ONLY = refuse("the path has a segment of parameters only");
const OVERLONG_UTF8 = refuse("the path has an overlong UTF-8 sequence");
const TOO_DEEP = refuse("the path is percent-encoded more than three times");
