import { COLON, classOf, isDigitCode, isLetterCode } from "./characters.ts";
import { isReference } from "./entities.ts";

// A URL of the web that holds nothing but names and numbers: no port, no address, nothing encoded. Many values are such URLs,
// and their colons, slashes, dots, equals signs and ampersands are signs of so many languages that nearly every rule would
// have to look at them, though none of these signs has, in such a URL, the place that it has in an attack.

/** Of what plain URLs are made. */
export const URL_CLASSES = Array.from("aA0:/.-_?=&").reduce(
  (classes, character) => classes | classOf(character.charCodeAt(0)),
  0,
);

const DOT = 0x2e;
const SLASH = 0x2f;

/** Whether a value of these classes is a plain URL. */
export function isPlainUrl(value: string, classes: number): boolean {
  if ((classes & COLON) === 0 || (classes & ~URL_CLASSES) !== 0) return false;
  if (!value.startsWith("http")) return false;
  let at = value.charCodeAt(4) === 0x73 ? 5 : 4;
  if (value.charCodeAt(at) !== 0x3a || value.charCodeAt(at + 1) !== SLASH) return false;
  if (value.charCodeAt(at + 2) !== SLASH) return false;
  at += 3;
  // No digit: an address may be written as a number.
  if (!isLetterCode(value.charCodeAt(at))) return false;
  const { length } = value;
  let previous = SLASH;
  for (; at < length; at++) {
    const code = value.charCodeAt(at);
    if (code === 0x3f) return endsName(previous) && isPlainQuery(value, at);
    if (code === DOT || code === SLASH) {
      // Dots that hide a name or walk, empty segments, 1.e.x of MySQL, qx/…/ of Perl
      if (!isNameCode(previous) || isSuspect(value, at)) return false;
    } else if (!isNameCode(code) || (code === 0x5f && previous === DOT)) {
      return false;
    }
    previous = code;
  }
  return previous !== DOT;
}

/** `?name=value&name=value`: no name stands for a character, and only an equals sign ends one. */
function isPlainQuery(value: string, from: number): boolean {
  const { length } = value;
  let at = from;
  while (at < length) {
    if (!isLetterCode(value.charCodeAt(at + 1)) || isReference(value, at)) return false;
    let end = at + 2;
    let code = value.charCodeAt(end);
    while (isLetterCode(code) || isDigitCode(code) || code === 0x5f) code = value.charCodeAt(++end);
    if (code !== 0x3d) return false;
    let previous = code;
    for (at = end + 1; at < length; at++) {
      code = value.charCodeAt(at);
      if (code === 0x26) break;
      if (code === DOT ? !isNameCode(previous) || isSuspect(value, at) : !isNameCode(code))
        return false;
      if (code === 0x5f && previous === DOT) return false;
      previous = code;
    }
    if (previous === DOT) return false;
  }
  return true;
}

// Letters, digits, hyphens, underscores
function isNameCode(code: number): boolean {
  return isLetterCode(code) || isDigitCode(code) || code === 0x2d || code === 0x5f;
}

function endsName(code: number): boolean {
  return isNameCode(code) || code === SLASH;
}

// .e. and qx/
function isSuspect(value: string, at: number): boolean {
  const last = value.charCodeAt(at - 1) | 0x20;
  const before = value.charCodeAt(at - 2);
  return (last === 0x65 && before === DOT) || (last === 0x78 && (before | 0x20) === 0x71);
}
