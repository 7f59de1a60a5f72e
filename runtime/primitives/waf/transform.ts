import {
  BACKSLASH,
  classOf,
  CONTROL,
  DASHES,
  DOTS,
  NO_BASE64,
  PERCENT,
  PIPE,
  PLUS,
  SPACE,
  WIDE,
} from "./detect/characters.ts";
import { decodeEntities } from "./detect/entities.ts";
import type { WafTransformation } from "./rule.ts";

/** Base64 of readable text shorter than this says nothing: many words are valid base64. */
const MIN_BASE64 = 16;

/** Those that leave a value alone in which nothing is encoded: {@link isDecoded}. */
export const DECODING: ReadonlySet<WafTransformation> = new Set<WafTransformation>([
  "base64Decode",
  "cssDecode",
  "escapeSeqDecode",
  "jsDecode",
  "urlDecodeDeep",
  "utf8toUnicode",
]);

/**
 * Classes of characters without which a transformation leaves a value alone or brings in no class that was not there.
 * Absent: it may turn anything into anything. `base64Decode` is asked for by {@link mayBeBase64}.
 */
const ENCODED_BY: Partial<Readonly<Record<WafTransformation, number>>> = {
  base64Decode: 0,
  cssDecode: BACKSLASH,
  escapeSeqDecode: BACKSLASH,
  htmlEntityDecode: PIPE,
  jsDecode: BACKSLASH,
  lowercase: 0,
  removeNulls: CONTROL,
  trim: 0,
  urlDecodeDeep: PERCENT,
  urlDecodeUni: PERCENT | PLUS,
  utf8toUnicode: WIDE,
};

/** Classes of a value that this chain may turn into something with other classes; -1: any value. */
export function encodedClasses(chain: readonly WafTransformation[]): number {
  let classes = 0;
  for (const name of chain) classes |= ENCODED_BY[name] ?? -1;
  return classes;
}

/**
 * Classes of characters without all of which this chain leaves a value alone that is no base64; -1: it may change any.
 */
export function changedClasses(chain: readonly WafTransformation[]): number {
  let classes = 0;
  for (const name of chain) {
    const own = ENCODED_BY[name] ?? 0;
    classes |= own === 0 && name !== "base64Decode" ? -1 : own;
  }
  return classes;
}

/**
 * Classes of the characters that {@link DECODING}, base64 left out, may put into a value in place of percent sequences and
 * escapes; -1: any.
 */
export function decodedClasses(value: string, classes: number): number {
  const decoded = (classes & PERCENT) === 0 ? 0 : percentClasses(value);
  return ((classes | decoded) & BACKSLASH) !== 0 ||
    ((classes & WIDE) !== 0 && foldUnicode(value) !== value)
    ? -1
    : decoded;
}

/** Whether each of {@link DECODING} leaves a value of these classes alone, and so whatever is made of them. */
export function isDecoded(value: string, classes: number): boolean {
  return (
    ((classes & PERCENT) === 0 || !holdsPercentSequence(value)) &&
    ((classes & BACKSLASH) === 0 || (jsDecode(value) === value && cssDecode(value) === value)) &&
    ((classes & WIDE) === 0 || foldUnicode(value) === value) &&
    !isBase64(value, classes)
  );
}

/** Whether a value of these classes is base64 of a text. */
export function isBase64(value: string, classes: number): boolean {
  return mayBeBase64(value, classes) && base64Decode(value) !== value;
}

/** Whether nothing of this length and these classes is base64 of a text. */
export function isNoBase64(length: number, classes: number): boolean {
  return length < MIN_BASE64 || (classes & NO_BASE64 & ~SPACE) !== 0;
}

/** Whether a value of these classes could be base64 of a text. A form's reader makes a space of each `+` in it. */
export function mayBeBase64(value: string, classes: number): boolean {
  if (isNoBase64(value.length, classes)) return false;
  return (classes & SPACE) === 0 || hasFewSpaces(value);
}

// One sign of 64 on average; words are shorter.
function hasFewSpaces(value: string): boolean {
  const most = Math.ceil(value.length / 24);
  let spaces = 0;
  for (let at = value.indexOf(" "); at !== -1; at = value.indexOf(" ", at + 1)) {
    if (++spaces > most) return false;
  }
  return true;
}

/** Runs a chain. The same string comes back where no step has anything to do, so that callers can tell cheaply. */
export function transformValue(value: string, chain: readonly WafTransformation[]): string {
  let text = value;
  for (const name of chain) text = TRANSFORMATIONS[name](text);
  return text;
}

const TRANSFORMATIONS: Readonly<Record<WafTransformation, (text: string) => string>> = {
  urlDecodeUni: (text) => urlDecode(text, true),
  urlDecodeDeep,
  htmlEntityDecode: decodeEntities,
  jsDecode,
  cssDecode,
  lowercase: (text) => text.toLowerCase(),
  compressWhitespace: (text) => text.replace(/[\s\0]{1,65536}/g, " "),
  removeWhitespace: (text) => text.replace(/[\s\0]{1,65536}/g, ""),
  removeNulls: (text) => (text.includes("\0") ? text.replaceAll("\0", "") : text),
  replaceComments,
  normalizePath: (text) => normalizePath(text),
  normalizePathWin: (text) => normalizePath(text.replaceAll("\\", "/")),
  base64Decode,
  utf8toUnicode: foldUnicode,
  cmdLine,
  hexDecode: (text) =>
    text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text)
      ? Buffer.from(text, "hex").toString("latin1")
      : text,
  sqlHexDecode: (text) =>
    text.includes("0x") || text.includes("0X")
      ? text.replace(/0x((?:[0-9a-f]{2}){1,4096})/gi, (_, hex: string) =>
          Buffer.from(hex, "hex").toString("latin1"),
        )
      : text,
  escapeSeqDecode: jsDecode,
  trim: (text) => text.trim(),
  length: (text) => String(text.length),
};

/**
 * Percent sequences of UTF-8, `%uXXXX` as IIS takes it and, in queries and forms, `+`. Overlong and broken UTF-8 is read
 * as lenient decoders read it: a filter must not see less than the application behind it.
 */
export function urlDecode(text: string, plus: boolean): string {
  const spaced = plus && text.includes("+") ? text.replaceAll("+", " ") : text;
  return percentDecode(spaced);
}

function percentDecode(text: string): string {
  let out = "";
  let from = 0;
  let at = text.indexOf("%");
  while (at !== -1) {
    const byte = hexByte(text, at + 1);
    let end = at + 3;
    if (byte >= 0 && byte < 0x80) {
      out += text.slice(from, at) + String.fromCharCode(byte);
      from = end;
    } else if (byte >= 0) {
      const character = readUtf8(text, at, byte);
      out += text.slice(from, at) + character.text;
      from = end = character.end;
    } else {
      const wide = wideCode(text, at);
      if (wide >= 0) {
        out += text.slice(from, at) + foldWide(wide);
        from = end = at + 6;
      } else {
        end = at + 1;
      }
    }
    at = text.indexOf("%", end);
  }
  return from === 0 ? text : out + text.slice(from);
}

/** What `%uXXXX` stands for, or -1. */
function wideCode(text: string, at: number): number {
  if ((text.charCodeAt(at + 1) | 0x20) !== 0x75) return -1;
  const high = hexByte(text, at + 2);
  const low = high < 0 ? -1 : hexByte(text, at + 4);
  return low < 0 ? -1 : (high << 8) | low;
}

function holdsPercentSequence(text: string): boolean {
  for (let at = text.indexOf("%"); at !== -1; at = text.indexOf("%", at + 1)) {
    if (hexByte(text, at + 1) >= 0 || wideCode(text, at) >= 0) return true;
  }
  return false;
}

/**
 * Classes of the characters that percent sequences of a text stand for, read as often as anything reads them, and folded to
 * ASCII; -1: any. What most of them stand for is plain, and then no rule that looks for something else needs the text.
 */
function percentClasses(text: string): number {
  let classes = 0;
  for (let at = text.indexOf("%"); at !== -1; at = text.indexOf("%", at + 1)) {
    const byte = hexByte(text, at + 1);
    // Of which the next round may make a sequence.
    if (byte < 0 || byte === 0x25) return -1;
    if (byte < 0x80) {
      classes |= classOf(byte);
      if (byte === 0x2d) classes |= DASHES;
      if (byte === 0x2e) classes |= DOTS;
    } else {
      if (byte >= 0xc0 && mayBeFolded(byte, hexByte(text, at + 4))) return -1;
      classes |= WIDE;
    }
  }
  return classes;
}

/** Overlong forms of ASCII, and U+F000 to U+FFFF, among them full-width forms. */
function mayBeFolded(first: number, second: number): boolean {
  if (first === 0xe0) return second < 0xa0;
  if (first === 0xf0) return second < 0x90;
  return first < 0xc2 || first === 0xef || first > 0xf4;
}

/** True where a percent sign begins no sequence, or a sequence is no UTF-8, overlong forms included. */
export function hasBadPercent(text: string): boolean {
  let at = text.indexOf("%");
  while (at !== -1) {
    const byte = hexByte(text, at + 1);
    if (byte < 0) return true;
    const { end, isValid } = readUtf8(text, at, byte);
    if (!isValid) return true;
    at = text.indexOf("%", end);
  }
  return false;
}

interface Utf8Character {
  readonly text: string;
  readonly end: number;
  readonly isValid: boolean;
}

const MINIMUM = [0, 0x80, 0x800, 0x10000];

function readUtf8(text: string, start: number, first: number): Utf8Character {
  const more = first < 0xc0 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf8 ? 3 : 0;
  let end = start + 3;
  if (more === 0) {
    return { text: String.fromCharCode(first), end, isValid: first < 0x80 };
  }
  let point = first & (0x3f >> more);
  for (let count = 0; count < more; count++) {
    const byte = text.charCodeAt(end) === 0x25 ? hexByte(text, end + 1) : -1;
    if (byte < 0x80 || byte > 0xbf) {
      return { text: String.fromCharCode(first), end: start + 3, isValid: false };
    }
    point = (point << 6) | (byte & 0x3f);
    end += 3;
  }
  const isValid =
    point >= (MINIMUM[more] as number) && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  if (point > 0x10ffff) return { text: "\ufffd", end, isValid };
  return { text: String.fromCodePoint(point), end, isValid };
}

function hexByte(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high < 0 || low < 0 ? -1 : (high << 4) | low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Three rounds: applications behind two decoding proxies exist, ones behind four do not. */
function urlDecodeDeep(text: string): string {
  let value = text;
  for (let round = 0; round < 3; round++) {
    const decoded = urlDecode(value, false);
    if (decoded === value) break;
    value = decoded;
  }
  return value;
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  f: "\f",
  v: "\v",
};

function jsDecode(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(
    /\\(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2})|([0-3]?[0-7]{1,2})|([nrtbfv])|(['"`/<>]))/gi,
    (
      whole,
      braced: string | undefined,
      four: string | undefined,
      two: string | undefined,
      octal: string | undefined,
      simple: string | undefined,
      literal: string | undefined,
    ) => {
      const hex = braced ?? four ?? two;
      if (hex !== undefined) {
        const point = Number.parseInt(hex, 16);
        return point <= 0x10ffff ? foldWide(point) : whole;
      }
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      if (simple !== undefined) return SIMPLE_ESCAPES[simple] ?? whole;
      return literal ?? whole;
    },
  );
}

function cssDecode(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([0-9a-f]{1,6})\s?/gi, (whole, hex: string) => {
    const point = Number.parseInt(hex, 16);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

function replaceComments(text: string): string {
  let start = text.indexOf("/*");
  if (start === -1) return text;
  let out = "";
  let from = 0;
  while (start !== -1) {
    out += `${text.slice(from, start)} `;
    const end = text.indexOf("*/", start + 2);
    if (end === -1) return out;
    from = end + 2;
    start = text.indexOf("/*", from);
  }
  return out + text.slice(from);
}

function normalizePath(text: string): string {
  if (!text.includes("/")) return text;
  const segments: string[] = [];
  for (const segment of text.split("/")) {
    if (segment === "." || (segment === "" && segments.length > 0)) continue;
    const last = segments.at(-1);
    if (segment === ".." && last !== undefined && last !== "" && last !== "..") segments.pop();
    else segments.push(segment);
  }
  const joined = segments.join("/");
  return text.endsWith("/") && !joined.endsWith("/") ? `${joined}/` : joined;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4}){2,}(?:[A-Za-z0-9+/]{2,3}={0,2})?$/;
const BASE64_URL = /^[A-Za-z0-9_-]+={0,2}$/;

/** What is no base64, or no text in base64, stays: a picture or a hash must not look like an attack by chance. */
function base64Decode(text: string): string {
  if (text.length < MIN_BASE64) return text;
  if (!beginsReadable(text)) return text;
  const code = text.includes(" ") ? text.replaceAll(" ", "+") : text;
  if (!BASE64.test(code) && !BASE64_URL.test(code)) return text;
  const decoded = Buffer.from(code, "base64").toString("utf8");
  return isReadable(decoded) ? decoded : text;
}

const BASE64_DIGITS = new Int8Array(128).fill(-1);
for (let digit = 0; digit < 64; digit++) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  BASE64_DIGITS[digits.charCodeAt(digit)] = digit;
}
for (const [also, digit] of [
  ["-", 62],
  [" ", 62],
  ["_", 63],
] as const) {
  BASE64_DIGITS[also.charCodeAt(0)] = digit;
}

/**
 * Whether the first twelve bytes could be those of a readable text in UTF-8. Tokens and hashes look like base64 as well, and
 * nearly all of them end here.
 */
function beginsReadable(text: string): boolean {
  let continued = 0;
  for (let at = 0; at < MIN_BASE64; at += 4) {
    let bits = 0;
    for (let next = at; next < at + 4; next++) {
      const code = text.charCodeAt(next);
      const digit = code < 128 ? (BASE64_DIGITS[code] as number) : -1;
      // Its end, or no base64: not for this to say.
      if (digit < 0) return true;
      bits = (bits << 6) | digit;
    }
    for (let shift = 16; shift >= 0; shift -= 8) {
      const byte = (bits >> shift) & 0xff;
      if (continued > 0) {
        if ((byte & 0xc0) !== 0x80) return false;
        continued -= 1;
      } else if (byte < 0x20 ? byte !== 0x09 && byte !== 0x0a && byte !== 0x0d : byte === 0x7f) {
        return false;
      } else if (byte >= 0x80) {
        if (byte < 0xc2 || byte > 0xf4) return false;
        continued = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      }
    }
  }
  return true;
}

function isReadable(text: string): boolean {
  if (text === "") return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0xfffd || code === 0x7f) return false;
    if (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return false;
  }
  return true;
}

/** Full-width forms and typographic signs become the ASCII that databases' and shells' charsets turn them into. */
function foldUnicode(text: string): string {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) >= 0xff01 && text.charCodeAt(at) <= 0xff5e) {
      return text.replace(/[\uff01-\uff5e]/g, (wide) => foldWide(wide.charCodeAt(0)));
    }
  }
  return text;
}

function foldWide(point: number): string {
  return String.fromCodePoint(point >= 0xff01 && point <= 0xff5e ? point - 0xfee0 : point);
}

function cmdLine(text: string): string {
  return text
    .replace(/[\\"'^]/g, "")
    .replace(/[\s,;]+/g, " ")
    .replace(/ ([/(])/g, "$1")
    .toLowerCase();
}
