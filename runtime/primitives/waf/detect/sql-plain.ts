import {
  AT,
  BANG,
  COLON,
  DASHES,
  DOLLAR,
  EQUAL,
  HASH,
  isDigitCode,
  isSpaceCode,
  isWordCode,
  LESS,
  SEMICOLON as SEMICOLON_CLASS,
  STAR,
  TILDE,
} from "./characters.ts";
import { CODES, DIGIT_CODE, keywordAt, SPACE_CODE, WORD_CODE, type Keyword } from "./sql-tokens.ts";
import {
  ATTACK_FUNCTIONS,
  CATALOGUE,
  CLAUSE,
  LOGIC,
  NOT,
  SELECT,
  STATEMENT,
  WORD_COMPARE,
} from "./sql-words.ts";

// Texts without comments. Many of them hold words of SQL, quotes and marks, and in hardly any of them these stand where a query
// would have them: behind a quote, behind a number, before a bracket. One pass over the characters tells so, and spares the
// tokens. It must never say that a text is no query of which sql.ts would find one; a test compares.

/** At which something may be found, wherever they stand. */
const TELLING: ReadonlySet<string> = new Set(
  "case having outfile dumpfile procedure insert update replace delete drop create alter truncate exec execute waitfor grant load copy backup restore attach handler union".split(
    " ",
  ),
);
/** Behind a number, a bracket or a quote, or at the start. */
const CONTINUING: ReadonlySet<string> = new Set(["limit", "order", "group"]);
/** Behind a semicolon, besides statements. */
const STACKED: ReadonlySet<string> = new Set(["pragma", "prepare", "do"]);
/** Functions that SQL shares with other languages, and that tell by what they are called with. */
const CALLED: ReadonlySet<string> = new Set(["sleep", "if", "iif"]);

/** What stood before a token. */
const WORD = 0;
const START = 1;
const NUMBER = 2;
const QUOTE = 3;
const SEMICOLON = 4;
const CLOSE = 5;
const MARK = 6;

/** What follows AND, OR and NOT: nothing yet, the name of what may be called. */
const NONE = 0;
const AWAITED = 1;
const NAMED = 2;

/** Whether the tokens of a text of these classes need to be asked. */
export function mayBeQuery(value: string, classes: number): boolean {
  // Comments, variables, !~ and ~0, v$version
  if ((classes & (HASH | STAR | DASHES | AT | BANG | TILDE | DOLLAR)) !== 0) return true;
  if ((classes & COLON) !== 0 && value.includes("::")) return true;
  // Where something is compared, a condition need not follow a number.
  const isCompared = (classes & (EQUAL | LESS)) !== 0;
  const isCut = (classes & SEMICOLON_CLASS) !== 0;
  const { length } = value;
  let before = START;
  let wordStart = 0;
  let wordEnd = 0;
  let operand = NONE;
  for (let at = 0; at < length;) {
    const code = value.charCodeAt(at);
    const begins = code < 128 ? CODES[code] : isSpaceCode(code) ? SPACE_CODE : WORD_CODE;
    if (begins === SPACE_CODE) {
      at++;
      continue;
    }
    if (begins === DIGIT_CODE) {
      let end = at + 1;
      let next = value.charCodeAt(end);
      while (isDigitCode(next) || next === 0x2e) next = value.charCodeAt(++end);
      // 1or, 1e0and, 1.e.x: where a number ends is for the tokens to say.
      if (isWordCode(next)) return true;
      before = NUMBER;
      operand = NONE;
      at = end;
      continue;
    }
    if (begins === WORD_CODE) {
      let end = at;
      let next = code;
      do {
        // sqlite_master, xp_cmdshell; the sign for kelvin is a capital of k
        if (next === 0x5f || next === 0x212a) return true;
        next = value.charCodeAt(++end);
      } while (next < 128 ? isPart(next) : isWordCode(next) && !isSpaceCode(next));
      const keyword = keywordAt(value, at, end);
      if (
        keyword === undefined
          ? isTellingName(value, at, end, before)
          : isTelling(keyword, before, isCompared, isCut)
      ) {
        return true;
      }
      if (keyword !== undefined && (keyword.kind === LOGIC || keyword.kind === NOT))
        operand = AWAITED;
      else operand = operand === AWAITED ? NAMED : NONE;
      before = WORD;
      wordStart = at;
      wordEnd = end;
      at = end;
      continue;
    }
    at++;
    // A backslash is no token.
    if (code === 0x5c) continue;
    switch (code) {
      case 0x22:
      case 0x27:
      case 0x60:
        before = QUOTE;
        operand = NONE;
        continue;
      case 0x28: // (
        if (before === START || before === QUOTE || operand !== NONE) return true;
        if (isBlank(value, at)) return true;
        if (before === WORD && isCalled(value, wordStart, wordEnd)) return true;
        // ;(((drop
        if (before !== SEMICOLON) before = MARK;
        continue;
      case 0x29: // )
        if (before !== QUOTE) before = CLOSE;
        operand = NONE;
        continue;
      case 0x3b:
        if (before === QUOTE) return true;
        before = SEMICOLON;
        operand = NONE;
        continue;
      case 0x3a: // :=
        if (before === QUOTE && value.charCodeAt(at) === 0x3d) return true;
        before = MARK;
        operand = NONE;
        continue;
      case 0x2e:
        before = MARK;
        if (operand === NAMED) operand = AWAITED;
        continue;
      case 0x2c:
        // ', role='admin
        if (before === QUOTE && isCompared) return true;
        before = MARK;
        operand = NONE;
        continue;
      case 0x3f: // ?
      case 0x5b:
      case 0x5d:
      case 0x7b:
      case 0x7d:
        before = MARK;
        operand = NONE;
        continue;
      default:
        // What calculates or compares, behind a quote; && and ||
        if (before === QUOTE) return true;
        if ((code === 0x26 || code === 0x7c) && value.charCodeAt(at) === code) return true;
        before = MARK;
        // A sign of the operand
        if (code !== 0x2b && code !== 0x2d) operand = NONE;
    }
  }
  return false;
}

function isPart(code: number): boolean {
  const kind = CODES[code];
  return kind === WORD_CODE || kind === DIGIT_CODE;
}

function isTellingName(value: string, start: number, end: number, before: number): boolean {
  // 12 as "name" from
  if (end - start === 2 && (before === NUMBER || before === QUOTE)) {
    if (value.slice(start, end).toLowerCase() === "as") return true;
  }
  if (before !== SEMICOLON && !mayBeCatalogue(value, start)) return false;
  const name = value.slice(start, end).toLowerCase();
  return before === SEMICOLON ? STACKED.has(name) || CATALOGUE.has(name) : CATALOGUE.has(name);
}

function isTelling(
  { kind, word }: Keyword,
  before: number,
  isCompared: boolean,
  isCut: boolean,
): boolean {
  const isBehindWord = before === WORD || before === MARK;
  switch (kind) {
    case LOGIC:
      return isCompared || !isBehindWord;
    case WORD_COMPARE:
    case NOT:
      return before === START || before === QUOTE || before === CLOSE;
    case CLAUSE:
      return (
        before === QUOTE ||
        before === SEMICOLON ||
        TELLING.has(word) ||
        (!isBehindWord && CONTINUING.has(word))
      );
    case STATEMENT:
      return before === SEMICOLON || TELLING.has(word) || (word === "show" && isCut);
    default:
      return kind === SELECT || before === QUOTE || TELLING.has(word);
  }
}

function isCalled(value: string, start: number, end: number): boolean {
  const name = value.slice(start, end).toLowerCase();
  return ATTACK_FUNCTIONS.has(name) || CALLED.has(name);
}

function isBlank(value: string, from: number): boolean {
  for (let at = from; at < value.length; at++) {
    if (!isSpaceCode(value.charCodeAt(at))) return false;
  }
  return true;
}

/** sys…, msys…, rdb… */
function mayBeCatalogue(value: string, start: number): boolean {
  const second = value.charCodeAt(start + 1) | 0x20;
  switch (value.charCodeAt(start) | 0x20) {
    case 0x73:
      return second === 0x79;
    case 0x6d:
      return second === 0x73;
    case 0x72:
      return second === 0x64;
    default:
      return false;
  }
}
