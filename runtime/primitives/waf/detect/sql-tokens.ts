// Over 400 lines: one scanner with the kinds that it tells apart.
import { isDigitCode, isLetterCode, isSpaceCode, isWordCode } from "./characters.ts";
import {
  ARITHMETIC,
  CAST,
  CLAUSE,
  CLOSE,
  COMMA,
  COMMENT,
  COMPARE,
  DOT_MARK,
  EDGE,
  LOGIC,
  NOT,
  NUMBER,
  OPEN,
  OTHER_MARK,
  QUOTE_MARK,
  SEMICOLON_MARK,
  VARIABLE,
  WORD,
  WORD_KINDS,
} from "./sql-words.ts";

// A value may be pasted inside a string, after a number or in the middle of an expression, and
// the attacker chooses which. So quotes are tokens of their own here rather than the bounds of a
// string: every one of them may be the one that ends the application's string.

/** Tokens kept at a time; longer values are read in overlapping windows. */
const WINDOW = 4096;
const LONGEST_WORD = 40;
const BINARY = "binary";
const INTRODUCER = /^_(?:utf8(?:mb[34])?|latin\d|ascii|binary|ucs2|utf16(?:le)?|utf32|cp\d{3,4})$/;

/** What a character of ASCII begins: nothing, a number, a word or a mark. */
export const SPACE_CODE = 1;
export const DIGIT_CODE = 2;
export const WORD_CODE = 3;
export const CODES = Uint8Array.from({ length: 128 }, (_, code) =>
  isSpaceCode(code)
    ? SPACE_CODE
    : isDigitCode(code)
      ? DIGIT_CODE
      : isWordCode(code)
        ? WORD_CODE
        : 0,
);
/** Whether a character of ASCII goes on with a word. */
const GOES_ON = Uint8Array.from({ length: 128 }, (_, code) =>
  (isWordCode(code) || code === 0x24) && !isSpaceCode(code) ? 1 : 0,
);

/** The text of a word that nobody has asked for yet. */
const UNREAD = "\0";

export interface Keyword {
  readonly word: string;
  readonly kind: number;
}

/** Words with a part of their own, by their first and last letter and their length. */
const KEYWORDS: (readonly Keyword[] | undefined)[] = Array.from({ length: 1024 });
let longestKeyword = 0;
for (const [word, kind] of WORD_KINDS) {
  longestKeyword = Math.max(longestKeyword, word.length);
  const slot = keywordSlot(word.charCodeAt(0), word.charCodeAt(word.length - 1), word.length);
  KEYWORDS[slot] = [...(KEYWORDS[slot] ?? []), { word, kind }];
}

function keywordSlot(first: number, last: number, length: number): number {
  return ((first & 0x1f) | ((last & 0x1f) << 5)) ^ ((length & 0xf) << 3);
}

/** The keyword between these positions, all of it ASCII; undefined: another word. */
export function keywordAt(value: string, start: number, end: number): Keyword | undefined {
  const length = end - start;
  if (length > longestKeyword) return undefined;
  const keywords =
    KEYWORDS[keywordSlot(value.charCodeAt(start), value.charCodeAt(end - 1), length)];
  if (keywords === undefined) return undefined;
  for (const keyword of keywords) {
    const { word } = keyword;
    if (word.length !== length) continue;
    let at = 0;
    // Of what stands in a word, nothing but a capital letter becomes a letter so.
    while (at < length && (value.charCodeAt(start + at) | 0x20) === word.charCodeAt(at)) at++;
    if (at === length) return keyword;
  }
  return undefined;
}

/** One window of tokens over a value. Reused: one detection runs at a time. */
export class SqlTokens {
  value = "";
  count = 0;
  /** A comment that MySQL runs (`/*!`), which no honest text holds. */
  versionedComment = -1;
  readonly kind = new Uint8Array(WINDOW + 2);
  readonly start = new Uint32Array(WINDOW + 2);
  readonly end = new Uint32Array(WINDOW + 2);
  /** One bit for each kind of token that this window or one before it holds. */
  kinds = 0;
  /** For quote marks: 1 where an odd number of this mark has been seen, this one included. */
  readonly odd = new Uint8Array(WINDOW + 2);
  readonly #words: string[] = Array.from({ length: WINDOW + 2 }, () => "");
  #position = 0;
  #inVersioned = false;
  #parity = 0;
  #noMoreCloses = false;

  open(value: string): void {
    this.value = value;
    this.count = 0;
    this.kinds = 0;
    this.versionedComment = -1;
    this.#position = 0;
    this.#inVersioned = false;
    this.#parity = 0;
    this.#noMoreCloses = false;
    this.#push(EDGE, 0, 0);
    this.#fill();
  }

  /** Whether tokens remain beyond this window. */
  get more(): boolean {
    return this.#position < this.value.length;
  }

  /** Keeps the last `overlap` tokens and reads on. */
  next(overlap: number): void {
    const from = this.count - overlap;
    this.kind.copyWithin(0, from, this.count);
    this.start.copyWithin(0, from, this.count);
    this.end.copyWithin(0, from, this.count);
    this.odd.copyWithin(0, from, this.count);
    for (let index = 0; index < overlap; index++) this.#words[index] = this.#words[from + index]!;
    this.count = overlap;
    this.#fill();
  }

  /** Lower-case text of a word of at most LONGEST_WORD characters, "" otherwise. */
  wordAt(index: number): string {
    const known = this.#words[index]!;
    return known === UNREAD ? this.#read(index) : known;
  }

  /** Most words are never asked for. */
  #read(index: number): string {
    const start = this.start[index]!;
    const end = this.end[index]!;
    const text = end - start <= LONGEST_WORD ? this.value.slice(start, end).toLowerCase() : "";
    this.#words[index] = text;
    return text;
  }

  #fill(): void {
    const { value } = this;
    const length = value.length;
    while (this.#position < length && this.count < WINDOW) {
      const at = this.#position;
      const code = value.charCodeAt(at);
      const begins = code < 128 ? CODES[code] : isSpaceCode(code) ? SPACE_CODE : WORD_CODE;
      if (begins === SPACE_CODE) this.#position++;
      else if (begins === DIGIT_CODE) this.#number(at);
      else if (begins === WORD_CODE) this.#word(at);
      else this.#mark(at, code);
    }
    if (this.#position >= length) this.#push(EDGE, length, length);
  }

  #push(kind: number, start: number, end: number, word = ""): void {
    const index = this.count++;
    this.kind[index] = kind;
    this.kinds |= 1 << kind;
    this.start[index] = start;
    this.end[index] = end;
    this.#words[index] = word;
  }

  #number(at: number): void {
    const { value } = this;
    let end = at + 1;
    if (value.charCodeAt(at) === 0x30 && (value.charCodeAt(end) | 0x20) === 0x78) end++;
    while (
      end < value.length &&
      ((isWordCode(value.charCodeAt(end)) && !isSpaceCode(value.charCodeAt(end))) ||
        value.charCodeAt(end) === 0x2e)
    )
      end++;
    // "1or" and "1union": MySQL ends the number where a word begins.
    if (value.charCodeAt(at + 1) !== 0x78) {
      let digits = at;
      while (
        digits < end &&
        (isDigitCode(value.charCodeAt(digits)) || value.charCodeAt(digits) === 0x2e)
      )
        digits++;
      // 1e0union: an exponent ends there, too
      if ((value.charCodeAt(digits) | 0x20) === 0x65 && isDigitCode(value.charCodeAt(digits + 1))) {
        digits += 2;
        while (digits < end && isDigitCode(value.charCodeAt(digits))) digits++;
      }
      if (digits < end) {
        const word = value.slice(digits, Math.min(end, digits + 12)).toLowerCase();
        if (
          /^(?:e?(?:and|or|xor|union|like|in|is|div|mod|order|group|having|limit)\d*$)/.test(word)
        )
          end = digits;
      }
    }
    this.#push(NUMBER, at, end);
    this.#position = end;
  }

  #word(at: number): void {
    const { value } = this;
    const { length } = value;
    let end = at;
    let code = value.charCodeAt(at);
    let all = 0;
    do {
      all |= code;
      end++;
      if (end === length) break;
      code = value.charCodeAt(end);
    } while (code < 128 ? GOES_ON[code] === 1 : !isSpaceCode(code));
    const next = end === length ? Number.NaN : code;
    this.#position = end;
    if (all < 128) {
      const keyword = keywordAt(value, at, end);
      if (keyword !== undefined) {
        this.#push(keyword.kind, at, end, keyword.word);
        return;
      }
      // "= binary 1", "or _utf8'a'": what says how to read the operand behind it
      const first = value.charCodeAt(at);
      if (
        (first === 0x5f ? next === 0x27 : end - at === BINARY.length && (first | 0x20) === 0x62) &&
        end - at <= LONGEST_WORD &&
        this.#isIntroducer(value.slice(at, end).toLowerCase(), next)
      ) {
        return;
      }
      this.#push(WORD, at, end, UNREAD);
      return;
    }
    const text = end - at <= LONGEST_WORD ? value.slice(at, end).toLowerCase() : "";
    if (this.#isIntroducer(text, next)) return;
    this.#push(WORD_KINDS.get(text) ?? WORD, at, end, text);
  }

  #isIntroducer(text: string, next: number): boolean {
    if (text.charCodeAt(0) === 0x5f) return next === 0x27 && INTRODUCER.test(text);
    if (text !== BINARY) return false;
    const before = this.kind[this.count - 1];
    return (
      before === LOGIC ||
      before === COMPARE ||
      before === OPEN ||
      before === NOT ||
      before === CLAUSE ||
      before === ARITHMETIC
    );
  }

  #mark(at: number, code: number): void {
    const { value } = this;
    const next = value.charCodeAt(at + 1);
    let end = at + 1;
    let kind = OTHER_MARK;
    switch (code) {
      case 0x27: // '
      case 0x22: // "
      case 0x60: {
        // `
        const bit = code === 0x27 ? 1 : code === 0x22 ? 2 : 4;
        this.#parity ^= bit;
        this.#push(QUOTE_MARK, at, end);
        this.odd[this.count - 1] = (this.#parity & bit) === 0 ? 0 : 1;
        this.#position = end;
        return;
      }
      case 0x5c: // a backslash before a quote: still a quote to some other parser
        // 'Jordan O\'Neil' in a string that is open: an apostrophe
        this.#position = this.#isApostrophe(at) ? at + 2 : end;
        return;
      case 0x2f: {
        // "/*": a closed comment is white space; an open one ends the statement
        if (next !== 0x2a) {
          kind = ARITHMETIC;
          break;
        }
        if (
          value.charCodeAt(at + 2) === 0x21 ||
          (value.charCodeAt(at + 2) === 0x4d && value.charCodeAt(at + 3) === 0x21)
        ) {
          if (this.versionedComment < 0) this.versionedComment = at;
          this.#inVersioned = true;
          end = at + 3;
          while (end < value.length && end < at + 9 && isDigitCode(value.charCodeAt(end))) end++;
          this.#position = end;
          return;
        }
        const close = this.#commentClose(at + 2);
        if (close < 0) {
          this.#push(COMMENT, at, at + 2);
          this.#position = at + 2;
        } else this.#position = close + 2;
        return;
      }
      case 0x2a: // *
        if (this.#inVersioned && next === 0x2f) {
          this.#inVersioned = false;
          this.#position = at + 2;
          return;
        }
        kind = ARITHMETIC;
        break;
      case 0x2d: // -
        if (next === 0x2d) {
          kind = COMMENT;
          end = at + 2;
        } else if (next === 0x3e) end = at + (value.charCodeAt(at + 2) === 0x3e ? 3 : 2);
        else kind = ARITHMETIC;
        break;
      case 0x23: // #
        if (next === 0x3e || next === 0x2d) end = at + 2;
        else kind = COMMENT;
        break;
      case 0x7c: // |
      case 0x26: // &
        if (next === code) {
          kind = LOGIC;
          end = at + 2;
        } else kind = ARITHMETIC;
        break;
      case 0x21: // !
        if (next === 0x3d) {
          kind = COMPARE;
          end = at + 2;
        } else kind = next === 0x7e ? COMPARE : NOT;
        break;
      case 0x3c: // <
      case 0x3e: // >
      case 0x3d: // =
        kind = COMPARE;
        while (end < at + 3 && "<=>@".includes(value.charAt(end)) && end < value.length) end++;
        break;
      case 0x3a: // :
        if (next === 0x3a) {
          kind = CAST;
          end = at + 2;
        } else if (next === 0x3d) {
          kind = COMPARE;
          end = at + 2;
        }
        break;
      case 0x40: {
        // @x, @@x, @`x`
        end = at + (next === 0x40 ? 2 : 1);
        const from = end;
        while (
          end < value.length &&
          (isWordCode(value.charCodeAt(end)) || value.charCodeAt(end) === 0x24)
        )
          end++;
        kind = end > from || next === 0x40 ? VARIABLE : next === 0x3e ? COMPARE : OTHER_MARK;
        break;
      }
      case 0x28:
        kind = OPEN;
        break;
      case 0x29:
        kind = CLOSE;
        break;
      case 0x2c:
        kind = COMMA;
        break;
      case 0x2e:
        kind = DOT_MARK;
        break;
      case 0x3b:
        kind = SEMICOLON_MARK;
        break;
      case 0x2b: // +
      case 0x25: // %
      case 0x5e: // ^
      case 0x7e: // ~
        kind = ARITHMETIC;
        break;
      default:
    }
    this.#push(kind, at, end);
    this.#position = end;
  }

  #isApostrophe(at: number): boolean {
    const { value } = this;
    return (
      value.charCodeAt(at + 1) === 0x27 &&
      (this.#parity & 1) !== 0 &&
      isLetterCode(value.charCodeAt(at - 1)) &&
      isLetterCode(value.charCodeAt(at + 2)) &&
      value.includes("'", at + 3)
    );
  }

  // Many opened comments and none closed would search the rest of the value for each of them.
  #commentClose(from: number): number {
    if (this.#noMoreCloses) return -1;
    const close = this.value.indexOf("*/", from);
    if (close < 0) this.#noMoreCloses = true;
    return close;
  }
}
