// Over 400 lines: the productions behind a quote call one another.
import { isSpaceCode } from "./characters.ts";
import {
  commentCuts,
  comparison,
  cutOff,
  dotted,
  kindAt,
  operand,
  operandFollows,
  operandIsOpen,
  operandIsSql,
  operandKind,
  textAt,
  tokens,
  touches,
  wordAt,
} from "./sql-grammar.ts";
import {
  ARITHMETIC,
  ATTACK_FUNCTIONS,
  CAST,
  CLAUSE,
  CLOSE,
  COMMA,
  COMMENT,
  COMPARE,
  DOT_MARK,
  EDGE,
  FROM,
  LITERAL,
  LOGIC,
  NOT,
  NUMBER,
  OPEN,
  OTHER_MARK,
  QUOTE_MARK,
  SELECT,
  SEMICOLON_MARK,
  STATEMENT,
  VARIABLE,
  WORD,
  WORD_COMPARE,
} from "./sql-words.ts";

// A quote that ends the application's string, and what goes on behind it.

/** A quote that may have ended the application's string. */
export function afterQuote(index: number): string | undefined {
  let at = index + 1;
  // '''  "')  ')) : more marks that close
  while (at < index + 12 && kindAt(at) === CLOSE) at++;
  const odd = tokens.odd[index] === 1;
  const kind = kindAt(at);
  // Back ticks are Markdown's and JavaScript's first of all.
  if (tokens.value.charCodeAt(tokens.start[index]!) === 0x60) {
    if (!odd || (isOpening(index) && tokens.start[index] !== 0)) return undefined;
    if (kind === COMMENT && kindAt(at + 1) !== EDGE) return undefined;
    if (kind === LOGIC && tokens.count > 40) return undefined;
  }
  switch (kind) {
    case LOGIC:
      return quoteLogic(index, at, odd);
    case COMMENT: {
      if (!odd || !commentCuts(at)) return undefined;
      const before = tokens.start[index]! - 1;
      // 5' -- : feet; the mark after a space opens a string
      if (isOpening(index) && tokens.start[index] !== 0) return undefined;
      if (before >= 0 && kindAt(index - 1) === NUMBER && at === index + 1 && !touches(index)) {
        return kindAt(at + 1) === EDGE || (kindAt(at + 1) === ARITHMETIC && kindAt(at + 2) === EDGE)
          ? "quote-comment"
          : undefined;
      }
      return "quote-comment";
    }
    case SEMICOLON_MARK:
      if (kindAt(at + 1) === STATEMENT || kindAt(at + 1) === SELECT) return undefined; // stacked() decides
      if (!odd || (isOpening(index) && tokens.start[index] !== 0)) return undefined;
      if (kindAt(at + 1) === COMMENT) return commentCuts(at + 1) ? "quote-comment" : undefined;
      return kindAt(at + 1) === EDGE &&
        tokens.start[index] !== 0 &&
        tokens.count < 12 &&
        !/\s/.test(tokens.value.slice(0, tokens.start[index]!).trim())
        ? "quote-end"
        : undefined;
    case COMPARE:
      return odd && quoteCompare(index, at) ? "quote-comparison" : undefined;
    case NOT:
    case WORD_COMPARE:
      if (tokens.start[index] === 0 && touches(index) && touches(at)) return undefined; // "LIKE" stamp
      return odd && (!isOpening(index) || tokens.start[index] === 0) && comparison(at)
        ? "quote-comparison"
        : undefined;
    case ARITHMETIC:
      return quoteArithmetic(index, at, odd);
    case CLAUSE:
      // near 'WHERE id=' at line 1: a quotation; SET a = 'x' WHERE: a text of the value's own
      if (
        wordAt(at) === "where" &&
        tokens.start[index] !== 0 &&
        (!odd || (isOpening(index) && touches(index)))
      )
        return undefined;
      return quoteClause(index, at);
    case COMMA:
      if (!odd) return undefined;
      if (kindAt(at + 1) === OPEN && kindAt(at + 2) === SELECT) return "quote-subquery";
      return listCuts(at) || setsColumn(at) ? "quote-list" : undefined;
    case CAST:
      return undefined; // cast() decides
    default:
      break;
  }
  // ` AS `name` FROM: the value begins with the end of a column's name
  if (index === 1 && wordAt(at) === "as" && namedFrom(at + 1)) return "quote-alias";
  // ' sleep(5) ', ' (select load_file(…)) ': a call right behind the mark
  if (odd && at === index + 1 && kind === WORD) {
    const after = dotted(at + 1);
    if (kindAt(after) === OPEN && touches(after - 1)) {
      const name = wordAt(after - 1);
      if (name === "sleep" && kindAt(after + 1) === NUMBER) return "quote-call";
      if (ATTACK_FUNCTIONS.has(name)) return "quote-call";
    }
  }
  return undefined;
}

/** A name in quotes and FROM. */
export function namedFrom(index: number): boolean {
  let at = index;
  while (at < index + 5 && (kindAt(at) === QUOTE_MARK || kindAt(at) === WORD)) at++;
  return at > index + 1 && kindAt(at) === FROM;
}

/** Whether the mark stands where prose and code open a quotation: after white space or "(". */
function isOpening(index: number): boolean {
  const start = tokens.start[index]!;
  if (start === 0) return true;
  const before = tokens.value.charCodeAt(start - 1);
  return (
    isSpaceCode(before) ||
    before === 0x28 ||
    before === 0x60 ||
    isWideCode(before) ||
    before === 0x3d ||
    before === 0x5b ||
    before === 0x7b ||
    before === 0x3a ||
    before === 0x2c
  );
}

// Chinese, Japanese, Korean and their marks: written without blanks.
function isWideCode(code: number): boolean {
  return code >= 0x2e80 && code <= 0xffe6 && (code < 0xe000 || code > 0xf8ff);
}

function quoteLogic(index: number, at: number, odd: boolean): string | undefined {
  if (isWikiMark(index) && isWikiMark(at + 2)) return undefined;
  const symbol = textAt(at);
  let next = at + 1;
  if (symbol === "||" || symbol === "&&") {
    // a'||'b, a'||(select…), a'||pg_sleep(5)
    const right = kindAt(next);
    if (
      odd &&
      (right === QUOTE_MARK || right === EDGE) &&
      touches(index) &&
      touches(at) &&
      !isOpeningCode(index)
    ) {
      return "quote-concatenation";
    }
  }
  if (isQuotedWord(index, at)) return undefined;
  while (next < at + 12 && (kindAt(next) === LOGIC || kindAt(next) === NOT)) next++;
  // ' or $$a$$=$$a$$: PostgreSQL's other quotes
  if (odd && textAt(next) === "$" && textAt(next + 1) === "$" && touches(next))
    return "quote-condition";
  const after = operand(next);
  if (after < 0) return undefined;
  const left = operandKind;
  const sql = operandIsSql;
  const open = operandIsOpen;
  const worded = symbol.charCodeAt(0) > 0x40;
  if (sql && (odd || left !== SELECT)) return "quote-function";
  // '||utl_http.request
  if (odd && left === WORD && /^(?:utl|dbms)_/.test(wordAt(next)) && kindAt(next + 1) === DOT_MARK)
    return "quote-package";
  // 'or'1=1: the application's own quotes are around it
  if (
    left === QUOTE_MARK &&
    open &&
    worded &&
    touches(index) &&
    touches(at) &&
    kindAt(next + 1) === NUMBER &&
    kindAt(next + 2) === COMPARE &&
    kindAt(next + 3) === NUMBER
  )
    return "quote-condition";
  if (comparison(after)) {
    if (left !== WORD || kindAt(after) !== COMPARE)
      return odd || left === NUMBER || left === QUOTE_MARK ? "quote-condition" : undefined;
    // ' or x='y  but not  'a' && b === 'c'
    return odd && worded ? "quote-condition" : undefined;
  }
  if (!odd) return undefined;
  if (
    (left === NUMBER || left === LITERAL || left === QUOTE_MARK || left === VARIABLE) &&
    cutOff(after)
  )
    return "quote-condition";
  if (left === NUMBER && (kindAt(after) === LOGIC || kindAt(after) === CLOSE))
    return "quote-condition";
  if (left === LITERAL && worded && kindAt(after) === EDGE) return "quote-condition";
  // ' or true limit 1,1
  if (
    (left === NUMBER || left === LITERAL) &&
    worded &&
    kindAt(after) === CLAUSE &&
    (kindAt(after + 1) === NUMBER || wordAt(after + 1) === "by")
  )
    return "quote-condition";
  if (
    left === QUOTE_MARK &&
    open &&
    (worded ||
      (kindAt(index - 1) === NUMBER && kindAt(index - 2) === EDGE && touches(index - 1))) &&
    !isOpening(index) &&
    tokens.count - after <= 1
  ) {
    // ' or 'a : the application's own quote will close it
    const rest = tokens.value.slice(tokens.end[next]!);
    return rest.length <= 3 && !/[a-z]{2}/i.test(rest) ? "quote-condition" : undefined;
  }
  if (left === QUOTE_MARK && worded && kindAt(after) === LOGIC) return "quote-condition";
  if (left === QUOTE_MARK && kindAt(after) === ARITHMETIC && kindAt(after + 1) === QUOTE_MARK)
    return "quote-condition";
  if (left === QUOTE_MARK && worded && after === next + 2) return "quote-condition"; // ' or ''
  if (left === WORD && cutOff(after) && touches(after - 1) && worded && !isOpening(index))
    return "quote-condition";
  if (left === NUMBER && worded && kindAt(after) === EDGE && kindAt(index - 1) !== NUMBER)
    return "quote-condition";
  return undefined;
}

// "or" vs "and" in English: a word in quotation marks, and nothing that is compared or cut off
function isQuotedWord(index: number, at: number): boolean {
  if (!touches(index) || !touches(at) || kindAt(at + 1) !== QUOTE_MARK) return false;
  if (touches(at + 1) || kindAt(at + 2) !== WORD || tokens.more) return false;
  let marks = 0;
  for (let token = 0; token < tokens.count; token++) {
    const kind = kindAt(token);
    if (kind === COMPARE || kind === COMMENT || kind === OPEN) return false;
    if (kind === QUOTE_MARK) marks++;
  }
  return marks % 2 === 0;
}

// ', 'b', null) -- : the rest of the application's VALUES
function listCuts(comma: number): boolean {
  let at = comma;
  for (let items = 0; items < 16 && kindAt(at) === COMMA; items++) {
    const after = operand(at + 1);
    if (after < 0 || operandIsOpen) return false;
    at = after;
  }
  if (kindAt(at) !== CLOSE) return false;
  // 'a',1),('b',2)-- : a row more
  if (kindAt(at + 1) === COMMA && kindAt(at + 2) === OPEN) {
    const last = tokens.count - 2;
    return !tokens.more && kindAt(last) === COMMENT && kindAt(last - 1) === CLOSE;
  }
  return cutOff(at) && kindAt(at + 1) === COMMENT;
}

// ', role='admin', bio=' : another column of the application's UPDATE
function setsColumn(comma: number): boolean {
  let at = comma;
  for (let items = 0; items < 8 && kindAt(at) === COMMA && kindAt(at + 1) === WORD; items++) {
    if (textAt(at + 2) !== "=") return false;
    const after = operand(at + 3);
    if (after < 0) return false;
    if (operandIsOpen) return items > 0 && kindAt(at + 4) === EDGE;
    at = after;
  }
  return false;
}

// ''word'' and ''word'': how wikis write italics
function isWikiMark(index: number): boolean {
  return (
    kindAt(index) === QUOTE_MARK &&
    kindAt(index - 1) === QUOTE_MARK &&
    touches(index - 1) &&
    (kindAt(index - 2) === WORD ||
      kindAt(index - 2) === QUOTE_MARK ||
      kindAt(index + 1) === WORD) &&
    tokens.value.charCodeAt(tokens.start[index]!) === 0x27 &&
    (kindAt(index + 1) !== WORD || touches(index) || kindAt(index - 2) === WORD)
  );
}

function isOpeningCode(index: number): boolean {
  const start = tokens.start[index]!;
  return start > 0 && isOpening(index) && tokens.value.charCodeAt(start - 1) !== 0x28;
}

// '='  '<>'  '=0--  '>'
function quoteCompare(index: number, at: number): boolean {
  const next = kindAt(at + 1);
  const opening = isOpening(index) && tokens.start[index] !== 0;
  if (opening) return false;
  const symbol = textAt(at);
  if (symbol === ">" || symbol === "/>") {
    // markup: <a title='x'>
    if (tokens.value.includes("<")) return false;
  }
  if (next === QUOTE_MARK && tokens.count <= 7 && kindAt(index - 1) !== OTHER_MARK)
    return kindAt(at + 2) === EDGE || kindAt(at + 3) === EDGE;
  if (next === QUOTE_MARK)
    return touches(at) && (touches(index) || kindAt(at + 2) === EDGE || symbol !== ">");
  if (next === NUMBER) {
    if (kindAt(index - 1) === NUMBER && touches(index - 1)) return cutOff(at + 2);
    return cutOff(at + 2) || (touches(at) && (kindAt(at + 2) === EDGE || kindAt(at + 2) === LOGIC));
  }
  // ={x 1}: an escape of ODBC
  if (textAt(at + 1) === "{" && kindAt(at + 2) === QUOTE_MARK) return true;
  return next === OPEN && kindAt(at + 2) === SELECT;
}

// '+'  '-'  '*'  '+(select…)  '-sleep(5)-'
function quoteArithmetic(index: number, at: number, odd: boolean): string | undefined {
  if (!odd) return undefined;
  const next = kindAt(at + 1);
  if (textAt(at) !== "%" && wordAt(at) !== "" && tokens.start[index] === 0 && touches(index))
    return undefined; // "MOD"
  if (next === OPEN && kindAt(at + 2) === SELECT) return "quote-subquery";
  if (
    next === QUOTE_MARK &&
    tokens.count <= 7 &&
    kindAt(index - 1) !== OTHER_MARK &&
    (!isOpening(index) || index === 1)
  ) {
    // a' ^ 'b, ' & ' : the operands are the application's
    return kindAt(at + 2) === EDGE || kindAt(at + 3) === EDGE ? "quote-arithmetic" : undefined;
  }
  if (next === QUOTE_MARK && touches(index) && touches(at) && at === index + 1) {
    if (isOpeningCode(index)) return undefined;
    // '/' separates, '+' adds: signs in quotation marks
    if (
      (kindAt(at + 2) === WORD || (kindAt(at + 2) === WORD_COMPARE && !comparison(at + 2))) &&
      !touches(at + 1) &&
      kindAt(index - 1) === EDGE
    )
      return undefined;
    // 'a'+'b' at the start of a value is a break-out; inside code it follows an opening quote
    return kindAt(at + 2) === EDGE ||
      kindAt(index - 1) === WORD ||
      kindAt(index - 1) === EDGE ||
      kindAt(index - 1) === NUMBER
      ? "quote-arithmetic"
      : undefined;
  }
  const after = operand(at + 1);
  if (after > 0 && operandIsSql && operandKind !== SELECT) {
    const name = wordAt(at + 1);
    return ATTACK_FUNCTIONS.has(name) ||
      name === "sleep" ||
      name === "if" ||
      name === "ascii" ||
      name === "substr" ||
      name === "substring"
      ? "quote-call"
      : undefined;
  }
  if (
    after > 0 &&
    operandKind === NUMBER &&
    touches(index) &&
    (cutOff(after) ||
      (kindAt(after) === ARITHMETIC && kindAt(after + 1) === QUOTE_MARK) ||
      (textAt(after) === "||" && kindAt(after + 1) === QUOTE_MARK && touches(after)))
  ) {
    return "quote-arithmetic";
  }
  return undefined;
}

function quoteClause(index: number, at: number): string | undefined {
  const word = wordAt(at);
  // 'ORDER BY' is missing: words in quotation marks
  if (touches(index) && kindAt(at + 2) === QUOTE_MARK && touches(at + 1)) return undefined;
  const next = kindAt(at + 1);
  switch (word) {
    case "order":
    case "group":
      return wordAt(at + 1) === "by" &&
        (operandFollows(at + 2) ||
          kindAt(at + 2) === OPEN ||
          cutOff(at + 3) ||
          (kindAt(at + 2) === WORD && kindAt(at + 3) === CLAUSE && wordAt(at + 3) === "having"))
        ? "quote-order-by"
        : undefined;
    case "having":
    case "where": {
      const after = operand(at + 1);
      return after > 0 && (comparison(after) || (operandKind === NUMBER && cutOff(after)))
        ? "quote-clause"
        : undefined;
    }
    case "limit":
    case "offset":
      return next === NUMBER &&
        (cutOff(at + 2) ||
          kindAt(at + 2) === COMMA ||
          kindAt(at + 2) === CLAUSE ||
          kindAt(at + 2) === EDGE)
        ? "quote-clause"
        : undefined;
    case "procedure":
      return wordAt(at + 1).startsWith("analyse") ? "quote-clause" : undefined;
    case "into":
      return wordAt(at + 1) === "outfile" || wordAt(at + 1) === "dumpfile"
        ? "quote-clause"
        : undefined;
    default:
      return undefined;
  }
}
