import { NO_BASE64, SPACE } from "./detect/characters.ts";

/** Base64 of readable text shorter than this says nothing: many words are valid base64. */
const MIN_BASE64 = 12;
/** So many signs tell whether a text begins. */
const BEGINNING = 16;

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

const BASE64 = /^(?:[A-Za-z0-9+/]{4}){2,}(?:[A-Za-z0-9+/]{2,3}={0,2})?$/;
const BASE64_URL = /^[A-Za-z0-9_-]+={0,2}$/;

/** What is no base64, or no text in base64, stays: a picture or a hash must not look like an attack by chance. */
export function base64Decode(text: string): string {
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
  for (let at = 0; at < BEGINNING; at += 4) {
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
