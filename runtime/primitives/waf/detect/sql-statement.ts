// Over 400 lines: the productions of statements call one another.
// UNION, SELECT and statements behind a semicolon or on their own.
import {
  comparison,
  dotted,
  kindAt,
  operand,
  textAt,
  tokens,
  touches,
  touchesOrKnown,
  wordAt,
} from "./sql-grammar.ts";
import { isExecuted, statementShape } from "./sql-shape.ts";
import {
  ARITHMETIC,
  ATTACK_FUNCTIONS,
  CATALOGUE,
  CLAUSE,
  CLOSE,
  COMMA,
  COMMENT,
  COMMON_FUNCTIONS,
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
  UNION,
  VARIABLE,
  WORD,
} from "./sql-words.ts";

export function unionSelect(index: number): string | undefined {
  let at = index + 1;
  for (let steps = 0; steps < 4; steps++) {
    const word = wordAt(at);
    if (
      word === "all" ||
      word === "distinct" ||
      word === "distinctrow" ||
      word === "by" ||
      word === "n"
    )
      at++;
    else if (kindAt(at) === OPEN) at++;
    else if (kindAt(at) === COMMENT) at = afterLine(at);
    else if (kindAt(at) === ARITHMETIC && textAt(at) === "+") at++;
    else break;
  }
  if (kindAt(at) !== SELECT) {
    return wordAt(index) === "union" &&
      wordAt(at) === "values" &&
      (kindAt(at + 1) === OPEN || (wordAt(at + 1) === "row" && kindAt(at + 2) === OPEN))
      ? "union-select"
      : undefined;
  }
  // union minus except: English too; "select" after them is not enough
  const next = selected(at + 1);
  if (next) return "union-select";
  if (mixedCase(index) || mixedCase(at)) return "union-select";
  // nothing follows: the value is cut there, after a break-out
  if (
    kindAt(at + 1) === EDGE ||
    kindAt(at + 1) === ARITHMETIC ||
    (kindAt(at + 2) === EDGE &&
      (ATTACK_FUNCTIONS.has(wordAt(at + 1)) || COMMON_FUNCTIONS.has(wordAt(at + 1))))
  ) {
    const before = kindAt(index - 1);
    return before === QUOTE_MARK || before === NUMBER || before === CLOSE || before === COMMENT
      ? "union-select"
      : undefined;
  }
  return undefined;
}

/** The token behind a comment, on the next line where there is one. */
function afterLine(index: number): number {
  const { value } = tokens;
  const from = tokens.end[index]!;
  const line = value.slice(from, from + 64).search(/[\r\n]/);
  if (line < 0) return index + 1;
  let at = index + 1;
  while (at < index + 8 && kindAt(at) !== EDGE && tokens.start[at]! < from + line) at++;
  return at;
}

/** Whether what follows SELECT can be selected: not the next word of a sentence. */
function selected(index: number): boolean {
  let at = index;
  for (let steps = 0; steps < 3; steps++) {
    if (/^(?:all|distinct|top|sql_\w+|high_priority)$/.test(wordAt(at))) at++;
    else if (kindAt(at) === ARITHMETIC && textAt(at) === "+" && touches(at)) at++;
    else break;
  }
  switch (kindAt(at)) {
    case NUMBER:
    case VARIABLE:
    case QUOTE_MARK:
    case LITERAL:
    case OPEN:
    case ARITHMETIC:
      return true;
    case NOT:
      return kindAt(at + 1) === NUMBER;
    case OTHER_MARK:
      // {x 1}: an escape of ODBC
      return textAt(at) === "{" && kindAt(at + 1) === WORD;
    case WORD: {
      const after = dotted(at + 1);
      const kind = kindAt(after);
      if (kind === OPEN) return touchesOrKnown(after - 1);
      if (kind === COMMA) return listed(after + 1);
      if (kind === FROM)
        return (
          kindAt(after + 1) === WORD ||
          kindAt(after + 1) === OPEN ||
          kindAt(after + 1) === QUOTE_MARK ||
          kindAt(after + 1) === EDGE
        );
      return kind === COMMENT || (kind === LOGIC && textAt(after).charCodeAt(0) === 0x7c);
    }
    default:
      return false;
  }
}

function listed(index: number): boolean {
  let at = index;
  for (let items = 0; items < 12; items++) {
    const kind = kindAt(at);
    if (
      kind === NUMBER ||
      kind === VARIABLE ||
      kind === LITERAL ||
      kind === QUOTE_MARK ||
      kind === ARITHMETIC ||
      kind === OPEN
    )
      return true;
    if (kind !== WORD) return kind === EDGE;
    at = dotted(at + 1);
    if (kindAt(at) === OPEN) return true;
    if (kindAt(at) === FROM) return true;
    if (kindAt(at) !== COMMA) return kindAt(at) === EDGE || kindAt(at) === COMMENT;
    at++;
  }
  return true;
}

function mixedCase(index: number): boolean {
  const text = textAt(index);
  const rest = text.slice(1);
  return rest !== rest.toLowerCase() && text !== text.toUpperCase();
}

// "SELECT count(*) is slow": a sentence about it
function isSubject(open: number): boolean {
  let at = open + 1;
  while (at < open + 4 && kindAt(at) !== CLOSE) at++;
  return kindAt(at) === CLOSE && wordAt(at + 1) === "is" && kindAt(at + 2) === WORD;
}

export function select(index: number): string | undefined {
  const before = kindAt(index - 1);
  const next = kindAt(index + 1);
  if (
    mixedCase(index) &&
    (next === OPEN || next === WORD || next === NUMBER || next === ARITHMETIC) &&
    tokens.count < 400
  ) {
    if (selected(index + 1)) return "select";
  }
  if (next === VARIABLE && textAt(index + 1).startsWith("@@")) return "select-variable";
  if (next === OPEN && touches(index)) {
    // select(…): never written so in prose; in a stylesheet or script it is a call
    if (
      kindAt(index + 2) === SELECT ||
      ATTACK_FUNCTIONS.has(wordAt(index + 2)) ||
      COMMON_FUNCTIONS.has(wordAt(index + 2))
    )
      return "select-call";
    if (
      before === OPEN &&
      (kindAt(index + 2) === NUMBER ||
        kindAt(index + 2) === QUOTE_MARK ||
        kindAt(index + 2) === ARITHMETIC)
    )
      return "subquery";
    if (kindAt(index + 2) === ARITHMETIC && textAt(index + 2) === "*") return "select-call";
  }
  const distance = fromFollows(index);
  if (before === OPEN && selected(index + 1)) {
    if (
      distance > 0 ||
      next !== WORD ||
      kindAt(dotted(index + 2)) === OPEN ||
      (wordAt(index + 1) === "top" && kindAt(index + 2) === NUMBER)
    )
      return "subquery";
  }
  // a call of a function that only databases have, or of if, char, group_concat …
  const afterName = dotted(index + 2);
  if (next === WORD && kindAt(afterName) === OPEN) {
    const name = wordAt(afterName - 1);
    if (
      ATTACK_FUNCTIONS.has(name) ||
      (COMMON_FUNCTIONS.has(name) &&
        (touches(afterName - 1) || name === "sleep") &&
        !isSubject(afterName))
    )
      return "select-call";
  }
  if (next === WORD && ATTACK_FUNCTIONS.has(wordAt(index + 1))) return "select-call";
  // select current_database();
  if (
    index === 1 &&
    next === WORD &&
    kindAt(afterName) === OPEN &&
    kindAt(afterName + 1) === CLOSE &&
    tokens.count <= afterName + 4 &&
    (kindAt(afterName + 2) === EDGE || kindAt(afterName + 2) === SEMICOLON_MARK)
  )
    return "select-call";
  if (
    before === QUOTE_MARK &&
    tokens.odd[index - 1] === 1 &&
    tokens.value.charCodeAt(tokens.start[index - 1]!) !== 0x60 &&
    (selected(index + 1) || kindAt(index + 2) === EDGE) &&
    // "select(item)": a call of a script, in an attribute
    !(
      next === OPEN &&
      kindAt(index + 2) === WORD &&
      kindAt(index + 3) === CLOSE &&
      kindAt(index + 4) === QUOTE_MARK
    ) &&
    // 'select', 'select-pane', jq 'select(.level == 50)': a word in quotes, a quotation
    !(touches(index - 1) && isQuotation(index)) &&
    tokens.count < 200
  )
    return "quote-select";
  if (distance > 0) {
    const source = index + distance + 1;
    if (
      CATALOGUE.has(wordAt(source)) ||
      CATALOGUE.has(wordAt(source + 2)) ||
      (kindAt(source) === QUOTE_MARK && CATALOGUE.has(wordAt(source + 1)))
    )
      return "select-catalogue";
    if (kindAt(source) === OPEN && kindAt(source + 1) === SELECT) return "subquery";
    // The value is a statement and nothing else.
    if (tokens.start[index] === tokens.start[1] || before === NUMBER || before === SEMICOLON_MARK) {
      if (statementRichness(index, distance) >= 2 && !isPrepared()) return "select-statement";
    }
    if (before === CLOSE && kindAt(index - 2) !== WORD && selected(index + 1))
      return "select-statement";
  }
  return undefined;
}

// The quote before `index` opens a string that ends on the same line, of one word or behind a blank.
function isQuotation(index: number): boolean {
  const start = tokens.start[index - 1]!;
  const close = tokens.value.indexOf(tokens.value.charAt(start), start + 1);
  if (close < 0) return false;
  const text = tokens.value.slice(start + 1, close);
  return (
    /^[\w-]+$/.test(text) ||
    (start > 0 && /^\w+\([^'"]*\)$/.test(text) && /\s/.test(tokens.value.charAt(start - 1)))
  );
}

/** A statement as traces and logs show it: placeholders where its values were, which nobody who injects one can bind. */
function isPrepared(): boolean {
  const { value } = tokens;
  return (
    !value.includes("'") &&
    /(?:[=<>(,]|\b(?:limit|offset|like|in))\s{0,2}(?:\?|\$\d{1,2}|:[a-z_]\w{0,30}|%s)(?=$|[\s,);])/i.test(
      value,
    )
  );
}

// "; select members from the executive committee": words after words, and no clause among them
function isSentence(source: number): boolean {
  let words = 0;
  for (let at = source; at < source + 5; at++) {
    const kind = kindAt(at);
    if (kind === WORD) words++;
    else return words >= 3 && kind !== CLAUSE && kind !== COMMENT;
  }
  return true;
}

function fromFollows(index: number): number {
  const end = Math.min(tokens.count, index + 40);
  for (let at = index + 1; at < end; at++) {
    if (tokens.kind[at] === FROM) return at - index;
    if (tokens.kind[at] === SEMICOLON_MARK) return -1;
  }
  return -1;
}

// How much of what follows only SQL has: a star, a list, a call, a condition, a cut.
function statementRichness(index: number, distance: number): number {
  let signs = 0;
  const from = index + distance;
  let words = 0;
  for (let at = index + 1; at < from; at++) {
    const kind = tokens.kind[at]!;
    if (kind === WORD) {
      if (++words > 1 && kindAt(at - 1) === WORD) return 0;
    } else words = 0;
    if (kind === ARITHMETIC && textAt(at) === "*") signs++;
    else if (kind === OPEN || kind === VARIABLE) signs++;
  }
  if (kindAt(from + 1) !== WORD && kindAt(from + 1) !== QUOTE_MARK) return 0;
  const end = Math.min(tokens.count, from + 24);
  for (let at = from + 2; at < end; at++) {
    const kind = tokens.kind[at]!;
    if (
      kind === CLAUSE &&
      wordAt(at) === "where" &&
      operand(at + 1) > 0 &&
      comparison(operand(at + 1))
    )
      signs += 2;
    else if (kind === CLAUSE && wordAt(at) === "limit" && kindAt(at + 1) === NUMBER) signs += 2;
    else if (kind === COMMENT) signs++;
    else if (kind === SEMICOLON_MARK && kindAt(at + 1) === EDGE) signs++;
    else if (kind === UNION && kindAt(at + 1) === SELECT) signs += 2;
  }
  if (kindAt(dotted(from + 2)) === EDGE) signs++;
  return signs;
}

// "&mdash; Select &mdash;": the end of a character reference
const REFERENCE =
  /&(?:nbsp|amp|lt|gt|quot|apos|[lrb]?[sd]quo|[mn]dash|hellip|bull|middot|euro|laquo|raquo|szlig|[a-z](?:acute|grave|uml|circ|tilde|cedil))$/i;

/** After ";": another statement. */
export function stacked(index: number): string | undefined {
  const semicolon = tokens.start[index]!;
  if (REFERENCE.test(tokens.value.slice(Math.max(0, semicolon - 8), semicolon))) return undefined;
  let at = index + 1;
  while (
    at < index + 12 &&
    (kindAt(at) === SEMICOLON_MARK || kindAt(at) === COMMENT || kindAt(at) === OPEN)
  )
    at++;
  const kind = kindAt(at);
  if (kind === SELECT) {
    const quoted = kindAt(index - 1) === QUOTE_MARK && tokens.odd[index - 1] === 1;
    if (quoted && kindAt(at + 1) !== EDGE) return "stacked-select";
    return (selected(at + 1) && kindAt(at + 1) !== WORD) ||
      (fromFollows(at) > 0 && selected(at + 1) && !isSentence(at + fromFollows(at) + 1)) ||
      (fromFollows(at) > 0 && kindAt(index - 1) === NUMBER)
      ? "stacked-select"
      : undefined;
  }
  if (kind === STATEMENT) return statementShape(at, true) ? "stacked-statement" : undefined;
  if (kind === WORD && (kindAt(at + 1) === OPEN || mayBegin(at))) {
    const name = wordAt(at);
    if (
      (ATTACK_FUNCTIONS.has(name) && kindAt(at + 1) === OPEN) ||
      name.startsWith("xp_") ||
      name.startsWith("sp_")
    )
      return "stacked-call";
    if (name === "sleep" && kindAt(at + 1) === OPEN && kindAt(at + 2) === NUMBER)
      return "stacked-call";
    if (name === "pragma" && kindAt(at + 1) === WORD && kindAt(at + 2) !== WORD)
      return "stacked-statement";
    if (name === "do" && textAt(at + 1) === "$" && textAt(at + 2) === "$")
      return "stacked-statement";
    if (name === "prepare" && kindAt(at + 1) === WORD && kindAt(at + 2) === FROM)
      return "stacked-statement";
    if (name === "do" && kindAt(at + 2) === OPEN && touches(at + 1)) {
      const called = wordAt(at + 1);
      if (called === "sleep" || ATTACK_FUNCTIONS.has(called)) return "stacked-statement";
    }
    if (name === "if" && kindAt(at + 1) === OPEN && kindAt(at + 2) === SELECT)
      return "stacked-statement";
  }
  if (kind === CLAUSE && wordAt(at) === "set") {
    if (kindAt(at + 1) === VARIABLE) return "stacked-statement";
    if (/^(?:global|session|persist)$/.test(wordAt(at + 1)) && textAt(at + 3) === "=")
      return "stacked-statement";
  }
  return undefined;
}

/** Whether a word may be one that {@link stacked} asks for though no bracket follows: xp_…, sp_…, pragma, prepare, do. */
function mayBegin(index: number): boolean {
  const start = tokens.start[index]!;
  const second = tokens.value.charCodeAt(start + 1) | 0x20;
  switch (tokens.value.charCodeAt(start) | 0x20) {
    case 0x78:
    case 0x73:
      return second === 0x70;
    case 0x70:
      return second === 0x72;
    case 0x64:
      return second === 0x6f;
    default:
      return false;
  }
}

/** A statement without ";" before it: at the start, or of a form that only databases have. */
export function statement(index: number): string | undefined {
  const before = kindAt(index - 1);
  if (before === SEMICOLON_MARK) return undefined; // stacked() decides
  const breaksOut =
    before === EDGE ||
    before === NUMBER ||
    before === CLOSE ||
    (before === QUOTE_MARK && tokens.odd[index - 1] === 1);
  const word = wordAt(index);
  if (word === "declare" && kindAt(index + 1) === VARIABLE) return "declare";
  if (
    word === "waitfor" &&
    (wordAt(index + 1) === "delay" || wordAt(index + 1) === "time") &&
    (kindAt(index + 2) === QUOTE_MARK || kindAt(index + 2) === VARIABLE)
  )
    return "waitfor";
  if ((word === "exec" || word === "execute") && isExecuted(index + 1)) return "execute";
  if (!breaksOut || (before === EDGE && isPrepared())) return undefined;
  return statementShape(index, false) ? "statement" : undefined;
}
