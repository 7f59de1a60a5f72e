import { isSpaceCode, isWordCode } from "./characters.ts";
import { SqlTokens } from "./sql-tokens.ts";
import {
  ARITHMETIC,
  ATTACK_FUNCTIONS,
  CAST,
  CLAUSE,
  CLOSE,
  COMMENT,
  COMMON_FUNCTIONS,
  COMPARE,
  DOT_MARK,
  EDGE,
  LITERAL,
  NOT,
  NUMBER,
  OPEN,
  QUOTE_MARK,
  SELECT,
  SEMICOLON_MARK,
  STATEMENT,
  VARIABLE,
  WORD,
  WORD_COMPARE,
} from "./sql-words.ts";

// What a token stands for and what an operand, a comparison and a cut look like; the productions of the
// other files are written in these words.

export const tokens = new SqlTokens();

const LOOKAHEAD = 64;

const STRING_TOKENS = 28;

export const kindAt = (index: number): number =>
  index < tokens.count && index >= 0 ? tokens.kind[index]! : EDGE;

export const wordAt = (index: number): string =>
  index < tokens.count && index >= 0 ? tokens.wordAt(index) : "";

export const textAt = (index: number): string =>
  index < tokens.count ? tokens.value.slice(tokens.start[index]!, tokens.end[index]!) : "";

export const touches = (index: number): boolean =>
  index + 1 < tokens.count && tokens.end[index] === tokens.start[index + 1];

// --- operands -------------------------------------------------------------------------------

export let operandKind = EDGE;

/** The operand was a call of a function known to SQL, or a subquery. */
export let operandIsSql = false;

/** For strings: the quote that opened it was never closed. */
export let operandIsOpen = false;

/** Reads one operand from `index`; the index after it, or -1. */
export function operand(index: number, depth = 0): number {
  operandIsSql = false;
  operandIsOpen = false;
  let at = index;
  for (let signs = 0; signs < 6; signs++) {
    const kind = kindAt(at);
    if (kind === NOT) at++;
    else if (kind === ARITHMETIC && "+-~*".includes(textAt(at))) at++;
    else break;
  }
  switch (kindAt(at)) {
    case NUMBER:
      operandKind = NUMBER;
      return arithmeticTail(at + 1, depth, NUMBER);
    case LITERAL:
      operandKind = LITERAL;
      return at + 1;
    case VARIABLE:
      operandKind = VARIABLE;
      return dotted(at + 1);
    case QUOTE_MARK: {
      operandKind = QUOTE_MARK;
      const close = closingQuote(at);
      if (close < 0) {
        operandIsOpen = true;
        return Math.min(tokens.count - 1, at + STRING_TOKENS);
      }
      return afterCast(close + 1);
    }
    case OPEN: {
      if (depth > 3) return -1;
      if (kindAt(at + 1) === SELECT || (kindAt(at + 1) === OPEN && kindAt(at + 2) === SELECT)) {
        operandKind = SELECT;
        operandIsSql = true;
        return closingParen(at);
      }
      const inner = operand(at + 1, depth + 1);
      if (inner < 0) return -1;
      return kindAt(inner) === CLOSE ? inner + 1 : inner;
    }
    case SELECT:
      operandKind = SELECT;
      operandIsSql = kindAt(at + 1) === OPEN;
      return at + 1;
    case WORD:
    case CLAUSE:
    case STATEMENT: {
      const after = dotted(at + 1);
      if (kindAt(after) === OPEN && touchesOrKnown(after - 1)) {
        operandKind = OPEN;
        const name = wordAt(after - 1);
        operandIsSql =
          ATTACK_FUNCTIONS.has(name) ||
          ATTACK_FUNCTIONS.has(wordAt(at)) ||
          COMMON_FUNCTIONS.has(name) ||
          name === "case";
        return closingParen(after);
      }
      operandKind = WORD;
      if (wordAt(at) === "case" && kindAt(at + 1) === CLAUSE) operandIsSql = true;
      return after;
    }
    default:
      return -1;
  }
}

export function touchesOrKnown(index: number): boolean {
  return (
    touches(index) || ATTACK_FUNCTIONS.has(wordAt(index)) || COMMON_FUNCTIONS.has(wordAt(index))
  );
}

// 1+1, 9648*7799, 3 div 2
function arithmeticTail(index: number, depth: number, kind: number): number {
  let at = index;
  for (let steps = 0; steps < 8 && kindAt(at) === ARITHMETIC && kindAt(at + 1) === NUMBER; steps++)
    at += 2;
  if (depth < 2 && kindAt(at) === ARITHMETIC && kindAt(at + 1) === OPEN) {
    const after = operand(at + 1, depth + 1);
    operandKind = kind;
    if (after > 0) return after;
  }
  return afterCast(at);
}

/** 1::int */
function afterCast(index: number): number {
  return kindAt(index) === CAST && kindAt(index + 1) === WORD ? index + 2 : index;
}

export function dotted(index: number): number {
  let at = index;
  for (let steps = 0; steps < 6; steps++) {
    if (kindAt(at) !== DOT_MARK) break;
    if (kindAt(at + 1) === DOT_MARK) at++;
    at += 2;
  }
  return at;
}

function closingQuote(index: number): number {
  const mark = tokens.value.charCodeAt(tokens.start[index]!);
  const end = Math.min(tokens.count, index + STRING_TOKENS);
  for (let at = index + 1; at < end; at++) {
    if (tokens.kind[at] !== QUOTE_MARK || tokens.value.charCodeAt(tokens.start[at]!) !== mark)
      continue;
    // A doubled quote stands for one.
    if (
      at > index + 1 &&
      kindAt(at + 1) === QUOTE_MARK &&
      touches(at) &&
      tokens.value.charCodeAt(tokens.start[at + 1]!) === mark
    ) {
      at++;
      continue;
    }
    return at;
  }
  return -1;
}

function closingParen(index: number): number {
  let depth = 0;
  const end = Math.min(tokens.count, index + LOOKAHEAD);
  for (let at = index; at < end; at++) {
    if (tokens.kind[at] === OPEN) depth++;
    else if (tokens.kind[at] === CLOSE && --depth === 0) return at + 1;
  }
  return end;
}

/** A comparison at `index` whose right side may stand there: not "like" in a sentence. */
export function comparison(index: number): boolean {
  const kind = kindAt(index);
  if (kind === COMPARE) {
    if (kindAt(index + 1) === EDGE) return true;
    return operand(index + 1) > 0;
  }
  let at = index;
  if (kind === NOT) at++;
  if (kindAt(at) !== WORD_COMPARE) return false;
  let word = wordAt(at);
  if (word === "sounds" && wordAt(at + 1) === "like" && kindAt(at + 2) === NUMBER) return true;
  if (word === "sounds" && wordAt(at + 1) === "like") {
    word = "like";
    at++;
  }
  const right = kindAt(at + 1);
  switch (word) {
    case "is":
      return right === LITERAL || (right === NOT && kindAt(at + 2) === LITERAL);
    case "in":
      return right === OPEN && (operandFollows(at + 2) || kindAt(at + 2) === SELECT);
    case "between":
      return right === NUMBER || right === QUOTE_MARK;
    default:
      return (
        right === QUOTE_MARK ||
        right === OPEN ||
        (right === NUMBER && (textAt(at + 1).length > 1 || /^(?:rlike|regexp)$/.test(word))) ||
        (right === WORD &&
          (/^(?:0x|char$|binary$|concat$|n$)/.test(wordAt(at + 1)) ||
            (/^(?:rlike|regexp)$/.test(word) && worldlyCall(at + 1))))
      );
  }
}

export function operandFollows(index: number): boolean {
  const kind = kindAt(index);
  return kind === NUMBER || kind === QUOTE_MARK || kind === VARIABLE || kind === LITERAL;
}

/** The statement is cut off here: comment, end of a statement, or a closing bracket before one. */
export function cutOff(index: number): boolean {
  let at = index;
  while (at < index + 12 && kindAt(at) === CLOSE) at++;
  const kind = kindAt(at);
  if (kind === COMMENT) return commentCuts(at);
  return kind === SEMICOLON_MARK && (kindAt(at + 1) === EDGE || kindAt(at + 1) === COMMENT);
}

/** A comment after which no sentence goes on. */
export function commentCuts(index: number): boolean {
  const { value } = tokens;
  const start = tokens.start[index]!;
  const end = tokens.end[index]!;
  if (value.charCodeAt(start) === 0x23) {
    // '#top', '#1': a fragment, a number, a colour
    const next = value.charCodeAt(end);
    if (end < value.length && !isSpaceCode(next) && next !== 0x27 && next !== 0x22 && next !== 0x2d)
      return false;
  }
  // "--9x" in a password: MySQL wants white space behind the hyphens, others take anything
  if (value.charCodeAt(start) === 0x2d && isWordCode(value.charCodeAt(end)) && value.length < 24)
    return false;
  let words = 0;
  for (let at = index + 1; at < Math.min(tokens.count, index + 8); at++)
    if (tokens.kind[at] === WORD) words++;
  return words <= 2;
}

/** A call of a function known to SQL, or one of the words that SQL evaluates without brackets. */
export function worldlyCall(index: number): boolean {
  const word = wordAt(index);
  const after = dotted(index + 1);
  // dbms_pipe.receive_message(
  if (after > index + 1 && kindAt(after) === OPEN)
    return ATTACK_FUNCTIONS.has(word) || ATTACK_FUNCTIONS.has(wordAt(after - 1));
  if (kindAt(index + 1) === OPEN)
    return ATTACK_FUNCTIONS.has(word) || (COMMON_FUNCTIONS.has(word) && touches(index));
  return word.endsWith("_user") && (ATTACK_FUNCTIONS.has(word) || word === "system_user");
}

export function callOpen(index: number): number {
  let at = index;
  for (let steps = 0; steps < 12 && at < tokens.count; steps++, at++)
    if (tokens.kind[at] === OPEN && kindAt(at - 1) === WORD) return at;
  return at;
}

export function callName(index: number): string {
  return wordAt(callOpen(index) - 1);
}
