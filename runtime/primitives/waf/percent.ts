import { classOf, DASHES, DOTS, WIDE } from "./detect/characters.ts";

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

export function holdsPercentSequence(text: string): boolean {
  for (let at = text.indexOf("%"); at !== -1; at = text.indexOf("%", at + 1)) {
    if (hexByte(text, at + 1) >= 0 || wideCode(text, at) >= 0) return true;
  }
  return false;
}

/**
 * Classes of the characters that percent sequences of a text stand for, read as often as anything reads them, and folded to
 * ASCII; -1: any. What most of them stand for is plain, and then no rule that looks for something else needs the text.
 */
export function percentClasses(text: string): number {
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
export function urlDecodeDeep(text: string): string {
  let value = text;
  for (let round = 0; round < 3; round++) {
    const decoded = urlDecode(value, false);
    if (decoded === value) break;
    value = decoded;
  }
  return value;
}

/** Full-width forms become the ASCII that they stand for. */
export function foldWide(point: number): string {
  return String.fromCodePoint(point >= 0xff01 && point <= 0xff5e ? point - 0xfee0 : point);
}
