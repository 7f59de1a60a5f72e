import {
  BRACKET,
  characterClasses,
  COLON,
  DASH,
  DIGIT,
  EQUAL,
  HASH,
  isSpaceCode,
  isWordCode,
  LETTER,
  LESS,
  PAREN,
  PIPE,
  QUOTE,
  SEMICOLON,
  STAR,
  WIDE,
  literalGroup,
  literalGroups,
} from "./characters.ts";
import type { Finding } from "./finding.ts";
import { SqlTokens } from "./sql-tokens.ts";
import {
  ARITHMETIC,
  ATTACK_FUNCTIONS,
  CAST,
  CATALOGUE,
  CLAUSE,
  CLOSE,
  COMMA,
  COMMENT,
  COMMON_FUNCTIONS,
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
  UNION,
  VARIABLE,
  WORD,
  WORD_COMPARE,
} from "./sql-words.ts";

// Longer than 400 lines: one grammar, and its productions read each other.
//
// The value is read as tokens (sql-tokens.ts) and each token is asked whether an injection begins
// there: a quote followed by an operator and an operand, a logical operator followed by a
// comparison, UNION followed by SELECT and something that may be selected, and so on. Every
// production looks a bounded number of tokens ahead, so the whole is linear. English shares many
// words with SQL; so a word alone never decides, only its place between operands does.

const tokens = new SqlTokens();
const LOOKAHEAD = 64;
const OVERLAP = 96;
const STRING_TOKENS = 28;

const MARKS =
  QUOTE | LESS | EQUAL | PAREN | SEMICOLON | PIPE | HASH | STAR | BRACKET | COLON | DASH;

/** SQL injection by structure; the sign names the production. */
export function detectSql(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if ((classes & (LETTER | DIGIT | QUOTE | WIDE)) === 0) return undefined;
  if ((classes & MARKS) === 0 && !mayHoldBareSql(value)) return undefined;
  if ((classes & (MARKS & ~(DASH | COLON | BRACKET))) === 0 && !mayHoldBareSql(value))
    return undefined;
  if (value.length < 3) return undefined;
  // Without quotes, comparisons and doubled signs only words can make a query.
  if (
    (classes & QUOTE) === 0 &&
    (literalGroups(value) & WORDS) === 0 &&
    !((classes & PAREN) !== 0 && value.length < 24) &&
    !/--|\/\*|\|\||&&|\.e[(.]|::/i.test(value)
  ) {
    return undefined;
  }
  tokens.open(value);
  let from = 0;
  for (;;) {
    const last = tokens.more ? tokens.count - OVERLAP : tokens.count;
    for (let index = from; index < last; index++) {
      const sign = signAt(index);
      if (sign !== undefined) {
        const until = Math.min(index + 8, tokens.count - 1);
        return { sign, start: tokens.start[index]!, end: tokens.end[until]! };
      }
    }
    if (!tokens.more) break;
    tokens.next(OVERLAP);
    from = 0;
  }
  if (tokens.versionedComment >= 0) {
    return { sign: "versioned-comment", start: tokens.versionedComment, end: value.length };
  }
  return undefined;
}

const WORDS = literalGroup([
  ..."union intersect except minus select order group having waitfor procedure exec declare drop delete insert update truncate create alter shutdown replace merge sleep case between into outfile then rlike regexp limit values where from load copy backup restore".split(
    " ",
  ),
  ..." or | and| xor|\tor |\nor |)or(| or(|)and|(or |1or |\u00a0or |) or|) and| in (|ike(|)lik|) li| if(|;if |;if(| iif|;set".split(
    "|",
  ),
  ...[...ATTACK_FUNCTIONS, ...CATALOGUE].filter((word) => word.length >= 4),
  ...["user(", "database(", "version("],
]);

/** The words without which a value of letters, digits and spaces alone cannot be SQL. */
const BARE_SQL =
  /\b(?:union|select|order|group|having|exec|declare|waitfor|procedure|into|and|or|xor|drop|delete|insert|update|truncate|create|alter|shutdown|execute)\b/i;

function mayHoldBareSql(value: string): boolean {
  return value.length >= 6 && BARE_SQL.test(value);
}

function signAt(index: number): string | undefined {
  switch (tokens.kind[index]) {
    case EDGE:
      return index === 0 ? atStart() : undefined;
    case QUOTE_MARK:
      return afterQuote(index);
    case LOGIC:
      return afterLogic(index);
    case UNION:
      return unionSelect(index);
    case SELECT:
      return select(index);
    case SEMICOLON_MARK:
      return stacked(index);
    case STATEMENT:
      return statement(index);
    case CLAUSE:
      return clause(index);
    case NUMBER:
      return afterNumber(index);
    case WORD:
      return wordSign(index);
    case CLOSE:
      return afterClose(index);
    case CAST:
      return cast(index);
    default:
      return undefined;
  }
}

const kindAt = (index: number): number =>
  index < tokens.count && index >= 0 ? tokens.kind[index]! : EDGE;
const wordAt = (index: number): string =>
  index < tokens.count && index >= 0 ? tokens.word[index]! : "";
const textAt = (index: number): string =>
  index < tokens.count ? tokens.value.slice(tokens.start[index]!, tokens.end[index]!) : "";
const touches = (index: number): boolean =>
  index + 1 < tokens.count && tokens.end[index] === tokens.start[index + 1];

// --- operands -------------------------------------------------------------------------------

let operandKind = EDGE;
/** The operand was a call of a function known to SQL, or a subquery. */
let operandIsSql = false;
/** For strings: the quote that opened it was never closed. */
let operandIsOpen = false;

/** Reads one operand from `index`; the index after it, or -1. */
function operand(index: number, depth = 0): number {
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
      return close + 1;
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

function touchesOrKnown(index: number): boolean {
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
  return at;
}

function dotted(index: number): number {
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
function comparison(index: number): boolean {
  const kind = kindAt(index);
  if (kind === COMPARE) {
    if (kindAt(index + 1) === EDGE) return true;
    return operand(index + 1) > 0;
  }
  let at = index;
  if (kind === NOT) at++;
  if (kindAt(at) !== WORD_COMPARE) return false;
  let word = wordAt(at);
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
        (right === NUMBER && textAt(at + 1).length > 1) ||
        (right === WORD && /^(?:0x|char$|binary$|concat$|n$)/.test(wordAt(at + 1)))
      );
  }
}

function operandFollows(index: number): boolean {
  const kind = kindAt(index);
  return kind === NUMBER || kind === QUOTE_MARK || kind === VARIABLE || kind === LITERAL;
}

/** The statement is cut off here: comment, end of a statement, or a closing bracket before one. */
function cutOff(index: number): boolean {
  let at = index;
  while (at < index + LOOKAHEAD && kindAt(at) === CLOSE) at++;
  const kind = kindAt(at);
  if (kind === COMMENT) return commentCuts(at);
  return kind === SEMICOLON_MARK && (kindAt(at + 1) === EDGE || kindAt(at + 1) === COMMENT);
}

/** A comment after which no sentence goes on. */
function commentCuts(index: number): boolean {
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

// --- productions ----------------------------------------------------------------------------

function atStart(): string | undefined {
  let at = 1;
  while (at < LOOKAHEAD && (kindAt(at) === CLOSE || kindAt(at) === COMMENT)) at++;
  const kind = kindAt(at);
  if (kind === LOGIC && kindAt(at + 1) !== EDGE) {
    // The value itself goes on with the application's condition.
    const next = operand(at + 1);
    if (next < 0) return undefined;
    const sql = operandIsSql;
    const left = operandKind;
    if (sql && left !== SELECT) return "condition-function";
    if (
      comparison(next) &&
      (left !== WORD || kindAt(next + 1) === QUOTE_MARK || kindAt(next + 1) === NUMBER) &&
      textAt(at).length > 1
    ) {
      return left === WORD && kindAt(next) === COMPARE && touches(next - 1) && !touches(next)
        ? undefined
        : "condition";
    }
    if (left === NUMBER && cutOff(next)) return "condition";
    // '{"a":1}' ? 'a', '[1]'::json -> 'x': operators on JSON
    if (
      left === QUOTE_MARK &&
      kindAt(next) === OTHER_MARK &&
      /^(?:\?|->>?|#>>?|@)/.test(textAt(next)) &&
      /["'\w[|&]/.test(tokens.value.charAt(tokens.start[next + 1] ?? 0))
    )
      return "condition";
  }
  // ORDER BY 7 and nothing else: counting columns
  if (
    kind === CLAUSE &&
    /^(?:order|group)$/.test(wordAt(at)) &&
    wordAt(at + 1) === "by" &&
    kindAt(at + 2) === NUMBER &&
    (kindAt(at + 3) === EDGE || cutOff(at + 3))
  ) {
    return "order-by";
  }
  // ') like (' and its kin: only punctuation and a comparison
  if (at > 1 && kind === WORD_COMPARE && kindAt(1) === CLOSE && kindAt(at + 1) === OPEN)
    return "condition";
  return undefined;
}

/** A quote that may have ended the application's string. */
function afterQuote(index: number): string | undefined {
  let at = index + 1;
  // '''  "')  ')) : more marks that close
  while (at < index + LOOKAHEAD && kindAt(at) === CLOSE) at++;
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
        return kindAt(at + 1) === EDGE ? "quote-comment" : undefined;
      }
      return "quote-comment";
    }
    case SEMICOLON_MARK:
      if (kindAt(at + 1) === STATEMENT || kindAt(at + 1) === SELECT) return undefined; // stacked() decides
      if (!odd || isOpening(index)) return undefined;
      if (kindAt(at + 1) === COMMENT) return commentCuts(at + 1) ? "quote-comment" : undefined;
      return kindAt(at + 1) === EDGE &&
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
      return quoteClause(at);
    case COMMA:
      if (!odd) return undefined;
      if (kindAt(at + 1) === OPEN && kindAt(at + 2) === SELECT) return "quote-subquery";
      return undefined;
    case CAST:
      return undefined; // cast() decides
    default:
      break;
  }
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

/** Whether the mark stands where prose and code open a quotation: after white space or "(". */
function isOpening(index: number): boolean {
  const start = tokens.start[index]!;
  if (start === 0) return true;
  const before = tokens.value.charCodeAt(start - 1);
  return (
    isSpaceCode(before) ||
    before === 0x28 ||
    before === 0x3d ||
    before === 0x5b ||
    before === 0x7b ||
    before === 0x3a ||
    before === 0x2c
  );
}

function quoteLogic(index: number, at: number, odd: boolean): string | undefined {
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
  while (next < at + LOOKAHEAD && (kindAt(next) === LOGIC || kindAt(next) === NOT)) next++;
  const after = operand(next);
  if (after < 0) return undefined;
  const left = operandKind;
  const sql = operandIsSql;
  const open = operandIsOpen;
  const worded = symbol.charCodeAt(0) > 0x40;
  if (sql && (odd || left !== SELECT)) return "quote-function";
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
  if (left === QUOTE_MARK && open && worded && !isOpening(index) && tokens.count - after <= 1) {
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
  if (next === OPEN && kindAt(at + 2) === SELECT) return true;
  return false;
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
    (cutOff(after) || (kindAt(after) === ARITHMETIC && kindAt(after + 1) === QUOTE_MARK))
  ) {
    return "quote-arithmetic";
  }
  return undefined;
}

function quoteClause(at: number): string | undefined {
  const word = wordAt(at);
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
      return after > 0 && comparison(after) ? "quote-clause" : undefined;
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

/** AND, OR, XOR, &&, || wherever they stand. */
function afterLogic(index: number): string | undefined {
  const before = kindAt(index - 1);
  let next = index + 1;
  while (
    next < index + LOOKAHEAD &&
    (kindAt(next) === NOT || (kindAt(next) === LOGIC && next < index + 4))
  )
    next++;
  const afterNumberOrClose = before === NUMBER || before === CLOSE || before === QUOTE_MARK;
  let brackets = next;
  while (kindAt(brackets) === OPEN && brackets < next + 6) brackets++;
  // 526=527, 'a'='a': between constants, whatever stands before
  if (
    kindAt(brackets) === NUMBER ||
    (kindAt(brackets) === ARITHMETIC && kindAt(brackets + 1) === NUMBER)
  ) {
    const after = operand(brackets);
    if (after > 0 && kindAt(after) === COMPARE) {
      const right = kindAt(after + 1);
      // "x > 5 and 20 > 15" goes on with a comparison: arithmetic, or a filter
      const goesOn = kindAt(index - 2) === COMPARE && textAt(index - 2).charCodeAt(0) !== 0x3d;
      if (textAt(after).charCodeAt(0) === 0x3d || (afterNumberOrClose && !goesOn)) {
        if (
          right === NUMBER ||
          right === OPEN ||
          (right === ARITHMETIC && kindAt(after + 2) === NUMBER)
        )
          return "tautology";
        if (right === QUOTE_MARK && afterNumberOrClose) return "tautology";
        if (right === VARIABLE) return "tautology";
        if (right === WORD && (afterNumberOrClose || before === WORD) && worldlyCall(after + 1))
          return "numeric-condition";
      }
    }
    if (afterNumberOrClose && after > 0) {
      if (cutOff(after) && textAt(index).length > 1 && before !== QUOTE_MARK)
        return "numeric-condition";
      if (comparison(after) && kindAt(after) !== COMPARE) return "numeric-condition";
    }
  } else if (kindAt(brackets) === QUOTE_MARK) {
    const after = operand(brackets);
    if (
      after > 0 &&
      !operandIsOpen &&
      kindAt(after) === COMPARE &&
      kindAt(after + 1) === QUOTE_MARK &&
      textAt(index).charCodeAt(0) > 0x40
    ) {
      const left = tokens.value.slice(tokens.end[brackets]!, tokens.start[after - 1]!);
      const right = tokens.value.slice(
        tokens.end[after + 1]!,
        tokens.end[after + 1]! + left.length,
      );
      if (left === right) return "tautology";
      if (afterNumberOrClose) return "numeric-condition";
    }
    if (
      after > 0 &&
      (before === NUMBER || before === CLOSE) &&
      kindAt(after) === WORD_COMPARE &&
      comparison(after)
    )
      return "numeric-condition";
  }
  // or x=x, or (a=a
  if (
    kindAt(brackets) === WORD &&
    textAt(brackets + 1) === "=" &&
    wordAt(brackets) === wordAt(brackets + 2) &&
    wordAt(brackets) !== "" &&
    textAt(index).charCodeAt(0) > 0x40
  ) {
    return "tautology";
  }
  const after = operand(next);
  if (after < 0) return undefined;
  const kind = operandKind;
  const worded = textAt(index).charCodeAt(0) > 0x40;
  if (operandIsSql && kind === OPEN) {
    const name = callName(next);
    if (ATTACK_FUNCTIONS.has(name)) return "condition-call";
    if (name === "sleep" && kindAt(callOpen(next) + 1) === NUMBER && worded)
      return "condition-call";
    if (
      afterNumberOrClose &&
      worded &&
      (comparison(after) || kindAt(after) === ARITHMETIC || cutOff(after))
    )
      return "numeric-condition";
    if (
      worded &&
      (name === "exists" || name === "if" || name === "not") &&
      (kindAt(callOpen(next) + 1) === SELECT || ATTACK_FUNCTIONS.has(wordAt(callOpen(next) + 1)))
    ) {
      return "condition-subquery";
    }
  }
  if (operandIsSql && kind === SELECT && worded) return "condition-subquery";
  if (before === NUMBER || before === CLOSE) {
    if (
      kind === WORD &&
      worded &&
      kindAt(index - 2) !== COMPARE &&
      comparison(after) &&
      (kindAt(after) !== COMPARE || operandFollows(after + 1))
    )
      return "numeric-condition";
    if (
      kind === LITERAL &&
      worded &&
      (kindAt(after) === EDGE || cutOff(after) || comparison(after))
    )
      return "numeric-condition";
  }
  return undefined;
}

/** A call of a function known to SQL, or one of the words that SQL evaluates without brackets. */
function worldlyCall(index: number): boolean {
  const word = wordAt(index);
  if (kindAt(index + 1) === OPEN)
    return ATTACK_FUNCTIONS.has(word) || (COMMON_FUNCTIONS.has(word) && touches(index));
  return word.endsWith("_user") && (ATTACK_FUNCTIONS.has(word) || word === "system_user");
}

function callOpen(index: number): number {
  let at = index;
  for (let steps = 0; steps < 12 && at < tokens.count; steps++, at++)
    if (tokens.kind[at] === OPEN && kindAt(at - 1) === WORD) return at;
  return at;
}

function callName(index: number): string {
  return wordAt(callOpen(index) - 1);
}

function unionSelect(index: number): string | undefined {
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
    else if (kindAt(at) === OPEN || kindAt(at) === COMMENT) at++;
    else if (kindAt(at) === ARITHMETIC && textAt(at) === "+") at++;
    else break;
  }
  if (kindAt(at) !== SELECT) {
    return wordAt(index) === "union" && wordAt(at) === "values" && kindAt(at + 1) === OPEN
      ? "union-select"
      : undefined;
  }
  // union minus except: English too; "select" after them is not enough
  const next = selected(at + 1);
  if (next) return "union-select";
  if (mixedCase(index) || mixedCase(at)) return "union-select";
  // nothing follows: the value is cut there, after a break-out
  if (kindAt(at + 1) === EDGE || kindAt(at + 1) === ARITHMETIC) {
    const before = kindAt(index - 1);
    return before === QUOTE_MARK || before === NUMBER || before === CLOSE || before === COMMENT
      ? "union-select"
      : undefined;
  }
  return undefined;
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
      return true;
    case ARITHMETIC:
      return true;
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

function select(index: number): string | undefined {
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
    if (distance > 0 || next !== WORD || kindAt(dotted(index + 2)) === OPEN) return "subquery";
  }
  // a call of a function that only databases have, or of if, char, group_concat …
  const afterName = dotted(index + 2);
  if (next === WORD && kindAt(afterName) === OPEN) {
    const name = wordAt(afterName - 1);
    if (
      ATTACK_FUNCTIONS.has(name) ||
      (COMMON_FUNCTIONS.has(name) && (touches(afterName - 1) || name === "sleep"))
    )
      return "select-call";
  }
  if (next === WORD && ATTACK_FUNCTIONS.has(wordAt(index + 1))) return "select-call";
  if (
    before === QUOTE_MARK &&
    tokens.odd[index - 1] === 1 &&
    tokens.value.charCodeAt(tokens.start[index - 1]!) !== 0x60 &&
    (selected(index + 1) || kindAt(index + 2) === EDGE) &&
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
      if (statementRichness(index, distance) >= 2) return "select-statement";
    }
    if (before === CLOSE && kindAt(index - 2) !== WORD && selected(index + 1))
      return "select-statement";
  }
  return undefined;
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
  if (kindAt(from + 2) === EDGE) signs++;
  return signs;
}

/** After ";": another statement. */
function stacked(index: number): string | undefined {
  let at = index + 1;
  while (
    at < index + LOOKAHEAD &&
    (kindAt(at) === SEMICOLON_MARK || kindAt(at) === COMMENT || kindAt(at) === OPEN)
  )
    at++;
  const kind = kindAt(at);
  if (kind === SELECT) {
    const quoted = kindAt(index - 1) === QUOTE_MARK && tokens.odd[index - 1] === 1;
    if (quoted && kindAt(at + 1) !== EDGE) return "stacked-select";
    return (selected(at + 1) && kindAt(at + 1) !== WORD) ||
      (fromFollows(at) > 0 && selected(at + 1)) ||
      (fromFollows(at) > 0 && kindAt(index - 1) === NUMBER)
      ? "stacked-select"
      : undefined;
  }
  if (kind === STATEMENT) return statementShape(at, true) ? "stacked-statement" : undefined;
  if (kind === WORD) {
    const name = wordAt(at);
    if (
      (ATTACK_FUNCTIONS.has(name) && kindAt(at + 1) === OPEN) ||
      name.startsWith("xp_") ||
      name.startsWith("sp_")
    )
      return "stacked-call";
    if (name === "sleep" && kindAt(at + 1) === OPEN && kindAt(at + 2) === NUMBER)
      return "stacked-call";
    if (name === "set" && kindAt(at + 1) === VARIABLE) return "stacked-statement";
    if (name === "if" && kindAt(at + 1) === OPEN && kindAt(at + 2) === SELECT)
      return "stacked-statement";
  }
  if (kind === CLAUSE && wordAt(at) === "if") return undefined;
  return undefined;
}

/** A statement without ";" before it: at the start, or of a form that only databases have. */
function statement(index: number): string | undefined {
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
  if (!breaksOut) return undefined;
  return statementShape(index, false) ? "statement" : undefined;
}

function isExecuted(index: number): boolean {
  const word = wordAt(index);
  const kind = kindAt(index);
  if (word.startsWith("xp_") || word.startsWith("sp_")) return true;
  if (word === "master" && kindAt(index + 1) === DOT_MARK) return true;
  if (word === "immediate" && (kindAt(index + 1) === QUOTE_MARK || kindAt(index + 1) === VARIABLE))
    return true;
  if (
    kind === OPEN &&
    (kindAt(index + 1) === VARIABLE ||
      (kindAt(index + 1) === OTHER_MARK && textAt(index + 1) === "@"))
  )
    return true;
  return kind === VARIABLE;
}

function statementShape(index: number, afterSemicolon: boolean): boolean {
  const next = wordAt(index + 1);
  const nextKind = kindAt(index + 1);
  switch (wordAt(index)) {
    case "insert":
    case "replace":
      return (
        (next === "into" &&
          (kindAt(index + 2) === WORD || kindAt(index + 2) === QUOTE_MARK) &&
          shapeFollows(index + 3, afterSemicolon)) ||
        (afterSemicolon && nextKind === WORD && kindAt(index + 2) === OPEN && touches(index + 1))
      );
    case "update": {
      const at = dotted(index + 2);
      return (
        (nextKind === WORD || nextKind === QUOTE_MARK) &&
        wordAt(at) === "set" &&
        kindAt(dotted(at + 2)) === COMPARE
      );
    }
    case "delete":
      return (
        nextKind === FROM &&
        kindAt(index + 2) === WORD &&
        (afterSemicolon
          ? kindAt(index + 3) !== WORD
          : wordAt(dotted(index + 3)) === "where" ||
            kindAt(index + 3) === SEMICOLON_MARK ||
            kindAt(index + 3) === COMMENT)
      );
    case "drop":
    case "create":
    case "alter":
      return (
        /^(?:table|database|schema|view|index|procedure|function|trigger|user|login|role|alias|or|temp|temporary|unique|global|sequence|column|constraint|aggregate)$/.test(
          next,
        ) &&
        kindAt(index + 2) !== EDGE &&
        (afterSemicolon
          ? kindAt(index + 3) !== WORD || wordAt(index + 2) === "if" || kindAt(index + 4) === OPEN
          : ddlShape(index))
      );
    case "truncate":
      return next === "table"
        ? kindAt(index + 2) === WORD && (afterSemicolon || kindAt(index + 3) === SEMICOLON_MARK)
        : afterSemicolon && textAt(index + 1) === "[";
    case "exec":
    case "execute":
      return (
        isExecuted(index + 1) ||
        (afterSemicolon &&
          nextKind === WORD &&
          (kindAt(index + 2) === DOT_MARK || kindAt(index + 2) === QUOTE_MARK))
      );
    case "declare":
      return (
        nextKind === VARIABLE ||
        (afterSemicolon && nextKind === WORD && kindAt(index + 3) === SEMICOLON_MARK)
      );
    case "shutdown":
      return (
        afterSemicolon &&
        (next === "with" ||
          nextKind === COMMENT ||
          nextKind === EDGE ||
          nextKind === SEMICOLON_MARK)
      );
    case "waitfor":
      return next === "delay" || next === "time";
    case "grant":
      return /^(?:all|select|dba|connect|insert|execute)$/.test(next) && afterSemicolon;
    case "merge":
      return next === "into" && afterSemicolon;
    case "copy":
      return (
        (nextKind === WORD || nextKind === OPEN) &&
        (kindAt(index + 2) === FROM || wordAt(index + 2) === "to" || kindAt(index + 2) === OPEN) &&
        afterSemicolon
      );
    case "load":
      return next === "data" && (wordAt(index + 2) === "infile" || wordAt(index + 2) === "local");
    case "call":
      return (
        afterSemicolon &&
        nextKind === WORD &&
        kindAt(dotted(index + 2)) === OPEN &&
        touches(dotted(index + 2) - 1)
      );
    case "backup":
    case "restore":
      return next === "database" && kindAt(index + 2) === WORD;
    case "attach":
      return next === "database" && kindAt(index + 2) === QUOTE_MARK;
    case "handler":
      return nextKind === WORD && wordAt(index + 2) === "open";
    case "rollback":
    case "commit":
      return (
        afterSemicolon &&
        (nextKind === COMMENT || nextKind === SEMICOLON_MARK) &&
        kindAt(index - 2) === QUOTE_MARK
      );
    case "begin":
      return afterSemicolon && next.startsWith("dbms_");
    default:
      return false;
  }
}

function shapeFollows(index: number, afterSemicolon: boolean): boolean {
  const at = dotted(index);
  const kind = kindAt(at);
  if (kind === OPEN || wordAt(at) === "values" || kind === SELECT || wordAt(at) === "set")
    return true;
  return afterSemicolon && (kind === EDGE || kind === QUOTE_MARK);
}

// A definition without ";" before it must go on as one: CREATE TABLE x (…, ALTER TABLE `x` ADD …
function ddlShape(index: number): boolean {
  const end = Math.min(tokens.count, index + 8);
  let words = 0;
  for (let at = index + 2; at < end; at++) {
    const kind = tokens.kind[at]!;
    if (kind === OPEN || kind === QUOTE_MARK || kind === COMMENT || kind === SEMICOLON_MARK)
      return words <= 3 || kind === OPEN;
    if (/^(?:add|change|modify|rename)$/.test(wordAt(at)) && wordAt(index) === "alter") return true;
    words++;
  }
  return false;
}

function clause(index: number): string | undefined {
  const before = kindAt(index - 1);
  const word = wordAt(index);
  if (
    word === "into" &&
    (wordAt(index + 1) === "outfile" || wordAt(index + 1) === "dumpfile") &&
    (kindAt(index + 2) === QUOTE_MARK || kindAt(index + 2) === NUMBER)
  )
    return "into-outfile";
  if (word === "procedure" && wordAt(index + 1) === "analyse" && kindAt(index + 2) === OPEN)
    return "procedure-analyse";
  if (word === "having" && before !== WORD) {
    const after = operand(index + 1);
    if (after > 0 && (operandKind === NUMBER || operandKind === QUOTE_MARK) && comparison(after))
      return "having";
  }
  if (word === "group" && wordAt(index + 1) === "by") {
    for (let at = index + 2; at < Math.min(tokens.count, index + 16); at++) {
      if (wordAt(at) !== "having") continue;
      const after = operand(at + 1);
      if (after > 0 && comparison(after)) return "group-having";
    }
  }
  if (word === "case" && wordAt(index + 1) === "when") {
    const after = operand(index + 2);
    if (after > 0 && (comparison(after) || wordAt(after) === "then")) return "case-when";
  }
  if (
    (word === "limit" || word === "order" || word === "group") &&
    (before === NUMBER || before === CLOSE || before === COMMENT)
  ) {
    if (word !== "limit") {
      if (wordAt(index + 1) !== "by") return undefined;
      let at = index + 2;
      if (kindAt(at) === OPEN) at++;
      if (
        kindAt(at) === NUMBER &&
        (kindAt(at + 1) === EDGE ||
          kindAt(at + 1) === COMMA ||
          kindAt(at + 1) === CLOSE ||
          cutOff(at + 1) ||
          kindAt(at + 1) === CLAUSE)
      )
        return "order-by";
      return undefined;
    }
    return kindAt(index + 1) === NUMBER &&
      (cutOff(index + 2) || wordAt(index + 2) === "procedure" || wordAt(index + 2) === "into")
      ? "limit"
      : undefined;
  }
  return undefined;
}

function afterNumber(index: number): string | undefined {
  const next = kindAt(index + 1);
  const text = textAt(index);
  // 1.e(ascii…: a number MySQL reads as empty
  if (/^\d+\.e$/i.test(text) && (next === OPEN || next === DOT_MARK)) return "empty-exponent";
  if (/^\d+\.e\.[a-z_]+$/i.test(text)) return "empty-exponent";
  if (next === ARITHMETIC) {
    const at = index + 2;
    if (kindAt(at) === OPEN && kindAt(at + 1) === SELECT) return "numeric-subquery";
    if (kindAt(at) === WORD && kindAt(at + 1) === OPEN) {
      const name = wordAt(at);
      if (ATTACK_FUNCTIONS.has(name) || (name === "sleep" && kindAt(at + 2) === NUMBER))
        return "numeric-call";
      if (
        name === "if" &&
        kindAt(at + 2) !== EDGE &&
        operand(at + 2) > 0 &&
        comparison(operand(at + 2))
      )
        return "numeric-call";
    }
  }
  if (next === WORD_COMPARE && kindAt(index + 2) === OPEN && kindAt(index + 3) === SELECT)
    return "numeric-subquery";
  return undefined;
}

function afterClose(index: number): string | undefined {
  // "1) or (", "1)) --": handled from the operator; here ")like("
  if (
    kindAt(index + 1) === WORD_COMPARE &&
    wordAt(index + 1) === "like" &&
    kindAt(index + 2) === OPEN &&
    kindAt(index - 1) !== WORD
  )
    return "like-parentheses";
  if (
    kindAt(index + 1) === COMMENT &&
    index <= 8 &&
    kindAt(index - 1) === NUMBER &&
    kindAt(index - 2) === EDGE
  ) {
    return commentCuts(index + 1) && kindAt(index + 2) === EDGE ? "close-comment" : undefined;
  }
  return undefined;
}

function wordSign(index: number): string | undefined {
  const word = wordAt(index);
  if (word === "") return undefined;
  const next = kindAt(index + 1);
  if (next === OPEN) return call(index, word);
  if (CATALOGUE.has(word) && (word.includes("_") || /^(?:sys|rdb|msys|v\$)/.test(word))) {
    if (
      next === DOT_MARK &&
      (kindAt(index + 2) === WORD || kindAt(index - 1) === FROM) &&
      kindAt(index - 2) !== WORD
    )
      return "catalogue";
    if (kindAt(index - 1) === EDGE && next === EDGE && word.length > 9) return "catalogue";
    if (kindAt(index - 1) === QUOTE_MARK && kindAt(index - 2) === FROM) return "catalogue";
  }
  if (
    (word.startsWith("xp_") || word === "sp_password") &&
    (word === "xp_cmdshell" || word === "xp_dirtree" || word === "xp_regread")
  ) {
    return next === QUOTE_MARK || next === EDGE || next === NUMBER || kindAt(index - 1) === DOT_MARK
      ? "extended-procedure"
      : undefined;
  }
  return undefined;
}

function call(index: number, word: string): string | undefined {
  const before = kindAt(index - 1);
  const first = kindAt(index + 2);
  // "database(" and nothing else: the rest of the call is the application's
  if (first === EDGE && index === 1 && (ATTACK_FUNCTIONS.has(word) || COMMON_FUNCTIONS.has(word)))
    return "open-call";
  if (word === "sleep") {
    // time.sleep(5), await sleep(5): other languages
    if (before === DOT_MARK || before === WORD || first === EDGE) return undefined;
    if (
      before === EDGE ||
      before === OPEN ||
      before === COMMA ||
      before === QUOTE_MARK ||
      before === LOGIC ||
      before === ARITHMETIC ||
      before === SELECT ||
      before === NUMBER ||
      before === COMPARE ||
      before === SEMICOLON_MARK
    ) {
      return first === NUMBER || first === OPEN || first === QUOTE_MARK || first === ARITHMETIC
        ? "sleep"
        : undefined;
    }
    return undefined;
  }
  if (before === DOT_MARK && !/^(?:xp_|sp_|fn_|sys|dbms_|get_host)/.test(word)) return undefined;
  if ((word === "if" || word === "iif") && operand(index + 2) > 0) {
    const after = operand(index + 2);
    // if(now()=sysdate(),sleep(12),0)
    if (kindAt(after) === COMPARE) {
      if (kindAt(index + 2) === NUMBER && before !== WORD) return "if-call";
      for (let at = after; at < Math.min(tokens.count, after + 12); at++)
        if (wordAt(at) === "sleep" || ATTACK_FUNCTIONS.has(wordAt(at))) return "if-call";
    }
    return undefined;
  }
  if (!ATTACK_FUNCTIONS.has(word)) return undefined;
  if (
    !touches(index) &&
    !word.includes("_") &&
    !(word === "benchmark" && first === NUMBER) &&
    word !== "extractvalue" &&
    word !== "updatexml"
  )
    return undefined;
  // "polygon (", "elt(": words and names of other worlds; only with what SQL would put there
  if (!word.includes("_") && before === WORD) return undefined;
  if (
    /^(?:elt|polygon|dblink|linestring|multipoint|unhex|listagg|row_count|quotename|ifnull)$/.test(
      word,
    )
  ) {
    return first === QUOTE_MARK ||
      first === OPEN ||
      first === NUMBER ||
      first === WORD ||
      first === SELECT
      ? "call"
      : undefined;
  }
  return "call";
}

// password::int, '{"a":1}'::jsonb
function cast(index: number): string | undefined {
  const type = wordAt(index + 1);
  if (
    !/^(?:int|integer|int4|int8|bigint|smallint|text|varchar|bool|boolean|numeric|float|float8|double|json|jsonb|xml|bytea|regclass|date|timestamp|char|name|oid)$/.test(
      type,
    )
  )
    return undefined;
  if (!touches(index)) return undefined;
  const before = kindAt(index - 1);
  if (kindAt(index + 2) === CAST || kindAt(index + 2) === OPEN) return undefined; // C++: std::text::x, Foo::date()
  if (before === QUOTE_MARK || before === CLOSE) return "cast";
  return before === WORD && index === 2 && (kindAt(index + 2) === EDGE || cutOff(index + 2))
    ? "cast"
    : undefined; // password::int
}
