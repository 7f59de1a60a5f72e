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
const TILDE = 1 << 22; // ~
const BANG = 1 << 23; // !
export const PLUS = 1 << 24; // +
export const QUESTION = 1 << 25; // ?
export const DIGIT = 1 << 26; // 0-9
export const LETTER = 1 << 27; // a-z A-Z
export const OTHER = 1 << 28; // , ^ _

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
// found in the same pass. Two groups may meet in one place of the table: a bit says "perhaps".
const GRAMS = new Int32Array(0x10000);
// One bit for each place that is taken: this table stays in the processor's nearest cache.
const TAKEN = new Int32Array(0x10000 / 32);
const GRAM_OF = new Int32Array(128);
for (let code = 0; code < 128; code++) GRAM_OF[code] = ((code | 0x20) * 0x9e37) & 0xffff;
let nextGroup = 0;

/** Registers words of four characters or more and returns their bit. Any case. At most 31 groups. */
export function literalGroup(words: readonly string[]): number {
  if (nextGroup > 30) throw new RangeError("no bit is left for another group of words");
  const bit = 1 << nextGroup++;
  for (const word of words) {
    let gram = 0;
    for (let index = 0; index < 4; index++) gram = nextGram(gram, word.charCodeAt(index));
    GRAMS[gram]! |= bit;
    TAKEN[gram >> 5]! |= 1 << (gram & 31);
  }
  return bit;
}

// Each step moves the older characters four bits on; after four steps nothing of the first is left.
function nextGram(gram: number, code: number): number {
  return ((gram << 4) ^ GRAM_OF[code < 128 ? code : 127]!) & 0xffff;
}

// Detectors run one after another on the same string, so the last answers are kept; the strings
// are parts of one request, and at most SLOTS of them stay alive until others take their place.
const SLOTS = 64;
const MAX_KEPT_LENGTH = 4096;
const keptValues: string[] = Array.from({ length: SLOTS }, () => "");
const keptClasses = new Int32Array(SLOTS);
const keptGroups = new Int32Array(SLOTS);
let lastGroups = 0;

/** The union of the class bits of all characters of `value`. */
export function characterClasses(value: string): number {
  const length = value.length;
  if (length === 0) {
    lastGroups = 0;
    return 0;
  }
  const slot = (length * 31 + value.charCodeAt(0) + value.charCodeAt(length - 1) * 7) & (SLOTS - 1);
  if (keptValues[slot] === value) {
    lastGroups = keptGroups[slot]!;
    return keptClasses[slot]!;
  }
  let classes = 0;
  let groups = 0;
  let gram = 0;
  for (let index = 0; index < length; index++) {
    const code = value.charCodeAt(index);
    classes |= code < 128 ? CLASS[code]! : WIDE;
    gram = ((gram << 4) ^ GRAM_OF[code < 128 ? code : 127]!) & 0xffff;
    if ((TAKEN[gram >> 5]! & (1 << (gram & 31))) !== 0) groups |= GRAMS[gram]!;
  }
  if (length <= MAX_KEPT_LENGTH) {
    keptValues[slot] = value;
    keptClasses[slot] = classes;
    keptGroups[slot] = groups;
  }
  lastGroups = groups;
  return classes;
}

/** The bits of the groups whose words `value` may hold. */
export function literalGroups(value: string): number {
  characterClasses(value);
  return lastGroups;
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
