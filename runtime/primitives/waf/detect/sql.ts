import {
  BREAK,
  characterClasses,
  COLON,
  DASHES,
  DIGIT,
  DOT,
  EQUAL,
  HASH,
  isLetterCode,
  LESS,
  LETTER,
  literalGroup,
  literalGroups,
  PAREN,
  PERCENT,
  PIPE,
  PLUS,
  QUOTE,
  SEMICOLON,
  spaced,
  STAR,
  WIDE,
} from "./characters.ts";
import type { Finding } from "./finding.ts";
import { afterLogic } from "./sql-condition.ts";
import { afterClose, afterNumber, cast, clause, wordSign } from "./sql-expression.ts";
import {
  comparison,
  cutOff,
  kindAt,
  operand,
  operandIsOpen,
  operandIsSql,
  operandKind,
  textAt,
  tokens,
  touches,
  wordAt,
} from "./sql-grammar.ts";
import { mayBeQuery } from "./sql-plain.ts";
import { afterQuote } from "./sql-quote.ts";
import { select, stacked, statement, unionSelect } from "./sql-statement.ts";
import { keywordAt } from "./sql-tokens.ts";
import { isKeywordCut, unveiled } from "./sql-veils.ts";
import {
  ARITHMETIC,
  ATTACK_FUNCTIONS,
  CAST,
  CATALOGUE,
  CLAUSE,
  CLOSE,
  COMMENT,
  COMPARE,
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

// The value is read as tokens (sql-tokens.ts) and each token is asked whether an injection begins
// there: a quote followed by an operator and an operand, a logical operator followed by a
// comparison, UNION followed by SELECT and something that may be selected, and so on. Every
// production looks a bounded number of tokens ahead, so the whole is linear. English shares many
// words with SQL; so a word alone never decides, only its place between operands does.

const OVERLAP = 96;

/** Signs that a query has besides words and quotes. */
export const MARKS = LESS | EQUAL | PAREN | SEMICOLON | PIPE | HASH | STAR | DASHES;

/** Without one of these there is no veil. */
const VEILS = PIPE | BREAK | STAR | PERCENT | PLUS | WIDE;

/** SQL injection by structure; the sign names the production. */
export function detectSql(value: string): Finding | undefined {
  const found = scan(value);
  if (found !== undefined || (characterClasses(value) & VEILS) === 0) return found;
  const text = unveiled(value);
  if (text === value) return undefined;
  const hidden = isKeywordCut(value) ? { sign: "cut-keyword" } : scan(text);
  return hidden === undefined ? undefined : { sign: hidden.sign, start: 0, end: value.length };
}

function scan(value: string): Finding | undefined {
  const classes = characterClasses(value);
  const groups = literalGroups(value);
  if (value.length < 3 || (classes & (LETTER | DIGIT | QUOTE | WIDE)) === 0) return undefined;
  if ((classes & QUOTE) === 0 || isApostrophe(value, classes)) {
    // Without quotes and marks only words can make a query.
    const worded =
      (groups & SQL_WORDS) !== 0 ||
      ((groups & LOGIC_WORDS) !== 0 &&
        ((classes & (MARKS | DIGIT)) !== 0 || BARE_COMPARISON.test(value)));
    if ((classes & MARKS) === 0) {
      if (!worded || value.length < 6) return undefined;
    } else if (
      !worded &&
      !((classes & PAREN) !== 0 && value.length < 24) &&
      (classes & DASHES) === 0 &&
      !holdsMarkOfTwo(value, classes)
    ) {
      return undefined;
    }
  }
  return mayBeQuery(value, classes) ? askTokens(value) : undefined;
}

/** What {@link detectSql} finds in a value as it stands, if it is not spared beforehand. */
export function askTokens(value: string): Finding | undefined {
  const classes = characterClasses(value);
  const groups = literalGroups(value);
  tokens.open(value);
  let from = 0;
  // Letters above ASCII may be taken for some of a word that a group has.
  const isNamed = (groups & SQL_WORDS) !== 0 || (classes & WIDE) !== 0;
  for (;;) {
    const last = tokens.more ? tokens.count - OVERLAP : tokens.count;
    const asked = tokens.more ? -1 : askedKinds(tokens.kinds, isNamed, (classes & DOT) !== 0);
    for (let index = from; index < last; index++) {
      if ((asked & (1 << tokens.kind[index]!)) === 0) continue;
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

// Comments, logic, a cast, MySQL's 1.e( and 1.e.column
function holdsMarkOfTwo(value: string, classes: number): boolean {
  return (
    ((classes & STAR) !== 0 && value.includes("/*")) ||
    ((classes & PIPE) !== 0 && (value.includes("||") || value.includes("&&"))) ||
    ((classes & COLON) !== 0 && value.includes("::")) ||
    ((classes & DOT) !== 0 && /\.e[(.]/i.test(value))
  );
}

/** Words that begin, continue or fill a query. */
export const SQL_WORDS = literalGroup([
  ..."union intersect except minus select order group having waitfor procedure exec declare drop delete insert update truncate create alter shutdown replace merge sleep case between into outfile then rlike regexp limit values where from load copy backup restore grant pragma rename".split(
    " ",
  ),
  ..." in (|ike(|)lik|) li| if(|(if(|,if(|=if(|+if(|-if(|*if(|/if(|&if(|;if |;if(| iif|;iif|,iif|(iif|)iif|;set|;sho|; sh|;des|; de|;beg|; be|;vac|nt @|::int|::tex|::var|::num|::boo|::big|::reg|::jso|::dat|::byt|::flo|::nam|::oid|::cha".split(
    "|",
  ),
  ...[...ATTACK_FUNCTIONS, ...CATALOGUE].filter((word) => word.length >= 4),
  ...["user(", "database(", "version("],
]);
/** Words that go on with a condition; sentences are full of them. */
export const LOGIC_WORDS = literalGroup(
  "_or_|_and|_xor|)or(| or(|)and|(and|(or |1or |0or |2or |) or|) and".split("|").flatMap(spaced),
);
/** What a condition of words alone compares with. */
const BARE_COMPARISON = /\b(?:r?like|regexp|i[sn]|between|null|true|false|not|exists)\b/i;

// O'Brien, don't, l'eau: each apostrophe stands between two letters and no word of SQL follows it.
function isApostrophe(value: string, classes: number): boolean {
  if ((classes & MARKS) !== 0 || value.includes('"') || value.includes("`")) return false;
  for (let at = value.indexOf("'"); at >= 0; at = value.indexOf("'", at + 1)) {
    let end = at + 1;
    while (end < value.length && isLetterCode(value.charCodeAt(end))) end++;
    if (end === at + 1 || !isLetterCode(value.charCodeAt(at - 1))) return false;
    if (keywordAt(value, at + 1, end) !== undefined) return false;
  }
  return true;
}

/** What a condition needs besides the word that goes on with it; one bit for each kind. */
const CONDITION_KINDS =
  (1 << COMPARE) |
  (1 << WORD_COMPARE) |
  (1 << COMMENT) |
  (1 << SEMICOLON_MARK) |
  (1 << OPEN) |
  (1 << SELECT) |
  (1 << VARIABLE) |
  (1 << LITERAL) |
  (1 << NOT) |
  (1 << ARITHMETIC);

/** Of the kinds of tokens that a value holds, those at which something may be found. */
function askedKinds(kinds: number, isNamed: boolean, hasDot: boolean): number {
  let asked = kinds;
  if ((kinds & (1 << OPEN)) === 0) {
    // Nothing is called; what is left are names of the catalogue, 1.e of MySQL, and 1 AS "x" FROM.
    if (!isNamed) asked &= ~(1 << WORD);
    if (!hasDot && (kinds & (1 << FROM)) === 0) asked &= ~(1 << NUMBER);
  }
  if ((kinds & CONDITION_KINDS) === 0) asked &= ~(1 << LOGIC);
  if ((kinds & ((1 << WORD_COMPARE) | (1 << COMMENT))) === 0) asked &= ~(1 << CLOSE);
  return asked;
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

// --- productions ----------------------------------------------------------------------------

function atStart(): string | undefined {
  let at = 1;
  while (at < 12 && (kindAt(at) === CLOSE || kindAt(at) === COMMENT)) at++;
  const kind = kindAt(at);
  const whole = wholeValue();
  if (whole !== undefined) return whole;
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
    // or true, or x=y: the whole value
    if (left === LITERAL && textAt(at).length > 1 && (kindAt(next) === EDGE || cutOff(next)))
      return "condition";
    if (
      left === WORD &&
      next === at + 2 &&
      textAt(next) === "=" &&
      kindAt(next + 1) === WORD &&
      (kindAt(next + 2) === EDGE || cutOff(next + 2))
    )
      return "condition";
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

/** A number, an operation written as a word that only SQL has, and a condition behind it. */
function isOddCondition(): boolean {
  if (!/^(?:div|mod|regexp|rlike)$/.test(wordAt(2))) return false;
  const after = operand(3);
  return (
    after > 0 &&
    !operandIsOpen &&
    kindAt(after) === LOGIC &&
    kindAt(after + 1) === NUMBER &&
    kindAt(after + 2) === EDGE
  );
}

/** What is an injection only where it is all there is. */
function wholeValue(): string | undefined {
  switch (kindAt(1)) {
    case OPEN:
      // (3=4)*1
      return kindAt(2) === NUMBER &&
        textAt(3) === "=" &&
        kindAt(4) === NUMBER &&
        kindAt(5) === CLOSE &&
        kindAt(6) === ARITHMETIC &&
        kindAt(7) === NUMBER &&
        tokens.count === 9
        ? "comparison-arithmetic"
        : undefined;
    case NUMBER:
      // 1 div 1 and 1, 1 regexp '^1' or 1
      if (isOddCondition()) return "numeric-condition";
      // 1 or (1)
      return kindAt(2) === LOGIC &&
        textAt(2).charCodeAt(0) > 0x40 &&
        kindAt(3) === OPEN &&
        kindAt(4) === NUMBER &&
        kindAt(5) === CLOSE &&
        tokens.count === 7
        ? "numeric-condition"
        : undefined;
    case WORD_COMPARE:
      // like '%'
      return wordAt(1).endsWith("like") &&
        kindAt(2) === QUOTE_MARK &&
        /^["'][%_]{1,4}["']?$/.test(tokens.value.slice(tokens.start[2]!).trim())
        ? "comparison"
        : undefined;
    case WORD:
      return wordAt(1) === "print" && textAt(2).startsWith("@@") && tokens.count === 4
        ? "print-variable"
        : undefined;
    default:
      return undefined;
  }
}
