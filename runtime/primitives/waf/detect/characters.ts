// Which classes of characters a value holds. Every detector asks this first: without a quote,
// a bracket or an operator there is no attack of its kind, and nearly all honest values stop here.

export const QUOTE = 1 << 0; // ' " `
export const LESS = 1 << 1; // <
export const EQUAL = 1 << 2; // = >
export const PAREN = 1 << 3; // ( )
export const SEMICOLON = 1 << 4; // ;
export const PIPE = 1 << 5; // | &
export const DOLLAR = 1 << 6; // $
export const BACKSLASH = 1 << 7; // \
export const BRACE = 1 << 8; // { }
export const BRACKET = 1 << 9; // [ ]
export const HASH = 1 << 10; // #
export const DASH = 1 << 11; // -
export const STAR = 1 << 12; // *
export const SLASH = 1 << 13; // /
export const DOT = 1 << 14; // .
export const COLON = 1 << 15; // :
export const PERCENT = 1 << 16; // %
export const AT = 1 << 17; // @
export const SPACE = 1 << 18; // space, tab
export const BREAK = 1 << 19; // CR, LF
export const CONTROL = 1 << 20; // other control characters, NUL
export const WIDE = 1 << 21; // above ASCII
export const TILDE = 1 << 22; // ~
export const BANG = 1 << 23; // !
export const PLUS = 1 << 24; // +
export const QUESTION = 1 << 25; // ?
export const DIGIT = 1 << 26; // 0-9
export const LETTER = 1 << 27; // a-z A-Z
export const OTHER = 1 << 28; // , ^ _
export const DASHES = 1 << 29; // two hyphens in a row
export const DOTS = 1 << 30; // two dots in a row

/** What no base64 holds; a value without any of it may be base64. */
export const NO_BASE64 = ~(LETTER | DIGIT | PLUS | SLASH | DASH | DASHES | EQUAL | OTHER);

const CLASS = new Int32Array(128).fill(OTHER);
for (let code = 0; code < 32; code++) CLASS[code] = CONTROL;
CLASS[127] = CONTROL;
for (let code = 0x30; code <= 0x39; code++) CLASS[code] = DIGIT;
for (let code = 0x41; code <= 0x5a; code++) CLASS[code] = CLASS[code + 32] = LETTER;
for (const [characters, bit] of [
  ["'\"`", QUOTE],
  ["<", LESS],
  ["=>", EQUAL],
  ["()", PAREN],
  [";", SEMICOLON],
  ["|&", PIPE],
  ["$", DOLLAR],
  ["\\", BACKSLASH],
  ["{}", BRACE],
  ["[]", BRACKET],
  ["#", HASH],
  ["-", DASH],
  ["*", STAR],
  ["/", SLASH],
  [".", DOT],
  [":", COLON],
  ["%", PERCENT],
  ["@", AT],
  [" \t", SPACE],
  ["\r\n", BREAK],
  ["~", TILDE],
  ["!", BANG],
  ["+", PLUS],
  ["?", QUESTION],
] as const) {
  for (let index = 0; index < characters.length; index++) CLASS[characters.charCodeAt(index)] = bit;
}

// Which four-character beginnings of telling words a value holds, one bit for each group of words;
// found in the same pass. The last four characters are one number; a bit table that stays in the
// processor's nearest cache says for nearly all of them that no word begins so.
const TAKEN = new Int32Array(0x10000 / 32);
const KEYS_MASK = 0xfff;
const GRAM_KEYS = new Int32Array(KEYS_MASK + 1);
const GRAM_GROUPS = new Int32Array(KEYS_MASK + 1);
/** By group: classes of the characters that its words are found by, and of those that are taken for the same. */
const GROUP_CLASSES = new Int32Array(32);
const FOLDED_CLASS = new Int32Array(128);
for (let code = 0; code < 128; code++) FOLDED_CLASS[foldedCode(code)]! |= CLASS[code]!;
FOLDED_CLASS[0x7f]! |= WIDE;
const MIX = 0x9e3779b1;
/** A value begins like what follows a blank. */
const BLANKS = 0x20202020;
const MAX_GRAMS = 2048;
let grams = 0;
let nextGroup = 0;

/** Registers words of four characters or more and returns their bit. Any case. At most 32 groups. */
export function literalGroup(words: readonly string[]): number {
  if (nextGroup > 31) throw new RangeError("no bit is left for another group of words");
  const bit = 1 << nextGroup++;
  for (const word of words) {
    if (word.length < 4) throw new RangeError(`${word} is too short for a group`);
    let gram = 0;
    for (let index = 0; index < 4; index++) {
      const code = foldedCode(word.charCodeAt(index));
      gram = (gram << 8) | code;
      GROUP_CLASSES[nextGroup - 1]! |= FOLDED_CLASS[code]!;
    }
    const hash = Math.imul(gram, MIX) >>> 16;
    TAKEN[hash >> 5]! |= 1 << (hash & 31);
    let slot = hash & KEYS_MASK;
    while (GRAM_GROUPS[slot] !== 0 && GRAM_KEYS[slot] !== gram) slot = (slot + 1) & KEYS_MASK;
    if (GRAM_GROUPS[slot] === 0 && ++grams > MAX_GRAMS) throw new RangeError("too many words");
    GRAM_KEYS[slot] = gram;
    GRAM_GROUPS[slot]! |= bit;
  }
  return bit;
}

/** A word in which `_` is every character that `\s` stands for, those above ASCII by one of them: for short words. */
export function spaced(word: string): readonly string[] {
  const at = word.indexOf("_");
  if (at === -1) return [word];
  return Array.from(" \t\n\v\f\r\u00a0").flatMap((space) =>
    spaced(word.slice(0, at) + space + word.slice(at + 1)),
  );
}

/** Groups whose words a text may come to hold when characters of these classes take the place of others. */
export function groupsWithin(classes: number): number {
  let groups = 0;
  for (let group = 0; group < nextGroup; group++) {
    if ((GROUP_CLASSES[group]! & classes) !== 0) groups |= 1 << group;
  }
  return groups;
}

function groupsOf(gram: number, hash: number): number {
  let slot = hash & KEYS_MASK;
  while (GRAM_GROUPS[slot] !== 0) {
    if (GRAM_KEYS[slot] === gram) return GRAM_GROUPS[slot]!;
    slot = (slot + 1) & KEYS_MASK;
  }
  return 0;
}

/** Letters of either case are one; some signs are, too, which is no harm. */
function foldedCode(code: number): number {
  return code < 128 ? code | 0x20 : 0x7f;
}

// Detectors run one after another on the same string, so the last answers are kept; the strings
// are parts of one request, and at most SLOTS of them stay alive until others take their place.
const SLOTS = 64;
const MAX_KEPT_LENGTH = 4096;
const keptValues: string[] = Array.from({ length: SLOTS }, () => "");
const keptClasses = new Int32Array(SLOTS);
const keptGroups = new Int32Array(SLOTS);
let lastValue = "";
let lastClasses = 0;
let lastGroups = 0;

/** The union of the class bits of all characters of `value`. */
export function characterClasses(value: string): number {
  return value === lastValue ? lastClasses : classesOf(value);
}

function classesOf(value: string): number {
  const length = value.length;
  const slot = (length * 31 + value.charCodeAt(0) + value.charCodeAt(length - 1) * 7) & (SLOTS - 1);
  if (keptValues[slot] !== value) scan(value, slot);
  else {
    lastValue = value;
    lastGroups = keptGroups[slot]!;
    lastClasses = keptClasses[slot]!;
  }
  return lastClasses;
}

function scan(value: string, slot: number): void {
  const length = value.length;
  let classes = 0;
  let groups = 0;
  let gram = BLANKS;
  let previous = 0;
  for (let index = 0; index < length; index++) {
    const code = value.charCodeAt(index);
    if (code < 128) {
      classes |= CLASS[code]!;
      gram = (gram << 8) | code | 0x20;
    } else {
      classes |= WIDE;
      gram = (gram << 8) | 0x7f;
    }
    if (code === previous) {
      if (code === 0x2e) classes |= DOTS;
      else if (code === 0x2d) classes |= DASHES;
    }
    previous = code;
    const hash = Math.imul(gram, MIX) >>> 16;
    if ((TAKEN[hash >> 5]! & (1 << (hash & 31))) !== 0) groups |= groupsOf(gram, hash);
  }
  lastClasses = classes;
  lastGroups = groups;
  lastValue = value;
  if (length > MAX_KEPT_LENGTH) return;
  keptValues[slot] = value;
  keptClasses[slot] = classes;
  keptGroups[slot] = groups;
}

/** The bits of the groups whose words `value` may hold. */
export function literalGroups(value: string): number {
  characterClasses(value);
  return lastGroups | assumedGroups;
}

let assumedGroups = 0;

/** For tests, which compare what is found with and without the filter: every value may hold words of these groups. */
export function assumeGroups(groups: number): void {
  assumedGroups = groups;
}

/** What {@link scanString} has seen. */
export const scanned = { classes: 0, groups: 0 };

/**
 * Scans UTF-8 as {@link characterClasses} and {@link literalGroups} scan a text, up to what ends or interrupts a string of
 * JSON: a quote, a backslash, a control character or the end. Returns where that stands.
 */
export function scanString(bytes: Uint8Array, start: number): number {
  const { length } = bytes;
  let classes = 0;
  let groups = 0;
  let gram = BLANKS;
  let previous = 0;
  let at = start;
  for (; at < length; at++) {
    const code = bytes[at]!;
    if (code < 128) {
      if (code === 0x22 || code === 0x5c || code < 0x20) break;
      classes |= CLASS[code]!;
      gram = (gram << 8) | code | 0x20;
      if (code === previous) {
        if (code === 0x2e) classes |= DOTS;
        else if (code === 0x2d) classes |= DASHES;
      }
    } else if (code < 0xc0) {
      // One more byte of the same character.
      continue;
    } else {
      classes |= WIDE;
      gram = (gram << 8) | 0x7f;
      // In a text, these are two.
      if (code >= 0xf0) {
        groups |= groupsOf(gram, Math.imul(gram, MIX) >>> 16);
        gram = (gram << 8) | 0x7f;
      }
    }
    previous = code;
    const hash = Math.imul(gram, MIX) >>> 16;
    if ((TAKEN[hash >> 5]! & (1 << (hash & 31))) !== 0) groups |= groupsOf(gram, hash);
  }
  scanned.classes = classes;
  scanned.groups = groups | assumedGroups;
  return at;
}

/** Spares a scan of a text whose classes and groups are known. */
export function noteScan(value: string, classes: number, groups: number): void {
  lastValue = value;
  lastClasses = classes;
  lastGroups = groups;
}

/** The class bit of one character. */
export function classOf(code: number): number {
  return code < 128 ? CLASS[code]! : WIDE;
}

/** Whether `code` may stand in a word: letter, digit, underscore, or above ASCII. */
export function isWordCode(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f ||
    code >= 0x80
  );
}

/** Whether `code` is an ASCII letter. */
export function isLetterCode(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

/** Whether `code` is an ASCII digit. */
export function isDigitCode(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Whether `code` is white space as databases, shells and markup take it: C0 controls too. */
export function isSpaceCode(code: number): boolean {
  return code <= 0x20 || code === 0x7f || code === 0xa0 || code === 0x3000 || code === 0xfeff;
}
