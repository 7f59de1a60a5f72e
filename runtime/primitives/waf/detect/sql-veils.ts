import { BREAK, characterClasses, PERCENT, PLUS, STAR, WIDE } from "./characters.ts";
import { decodeEntities } from "./entities.ts";

// What stands between an injection and a filter that reads it as it came: references of HTML that
// a page decodes, comments that end with their line, comments inside words, percent signs that some
// servers drop, and the plus signs of a form that is decoded twice.

/** At most this much of a comment is taken for a veil. */
const LONGEST_COMMENT = 200;
const JOINED = /(\w)\/\*[^*]{0,100}\*\/(?=\w)/g;
const CUT_WORD = /([a-z]{1,9})\/\*[^*]{0,100}\*\/([a-z]{1,9})/gi;
const KEYWORDS = new Set("union select insert update delete from where having".split(" "));
/** Quotation marks and primes that a database in another charset takes for the plain one. */
const SINGLE_MARKS = /[\u2018\u2019\u201b\u2032\u02b9\u02bc]/g;
const DOUBLE_MARKS = /[\u201c\u201d\u2033]/g;
const JOINT = /\b(?:and|or)\b/i;
/** A comparison that stands close between marks or numbers. */
const COMPARED =
  /["'\d\u2018\u2019\u2032\u201c\u201d]\s{0,2}=\s{0,2}["'\d\u2018\u2019\u2032\u201c\u201d]/;
/** Longer texts are set by a program that makes such marks of all. */
const LONGEST_MARKED = 120;
const PERCENT_CHARACTERS = /(?:%[^%\s]){4}/;
const PLUS_WORDS = /\w\+\w{2,10}\+/;

const OTHER_VEILS = BREAK | STAR | PERCENT | PLUS | WIDE;

/** The text behind the veils; the same where it has none. */
export function unveiled(value: string): string {
  let text = value.includes("&") ? decodeEntities(value) : value;
  // Most values have an ampersand, or letters above ASCII, and nothing else of this.
  if (text === value && (characterClasses(value) & OTHER_VEILS) === 0) return value;
  if (text.includes("\n") && (text.includes("--") || text.includes("#")))
    text = withoutLineComments(text);
  if (text.includes("*/")) text = text.replace(JOINED, "$1");
  if (
    text.length <= LONGEST_MARKED &&
    text.includes("=") &&
    (characterClasses(text) & WIDE) !== 0 &&
    COMPARED.test(text) &&
    JOINT.test(text)
  )
    text = withPlainMarks(text);
  if (text.includes("%") && PERCENT_CHARACTERS.test(text)) text = text.replaceAll("%", "");
  if (text.includes("+") && !text.includes(" ") && PLUS_WORDS.test(text))
    text = text.replaceAll("+", " ");
  return text;
}

/** Whether a comment stands inside a word of SQL. */
export function isKeywordCut(value: string): boolean {
  if (!value.includes("*/")) return false;
  CUT_WORD.lastIndex = 0;
  for (let match = CUT_WORD.exec(value); match !== null; match = CUT_WORD.exec(value))
    if (KEYWORDS.has(`${match[1]}${match[2]}`.toLowerCase())) return true;
  return false;
}

// ' or ’1’=’1: copied from a page that made its marks beautiful
function withPlainMarks(text: string): string {
  const plain = text.replace(SINGLE_MARKS, "'").replace(DOUBLE_MARKS, '"');
  return plain === text ? text : plain.replace(/[\u2013\u2014]\s{0,4}$/, "--");
}

// 1--x⏎or--y⏎1=1: white space for a database. A line that is a comment and nothing else hides nothing.
function withoutLineComments(text: string): string {
  let out = "";
  let from = 0;
  let line = 0;
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", line)) {
    const start = commentStart(text, Math.max(line, end - LONGEST_COMMENT), end);
    if (start > line && text.slice(line, start).trim() !== "") {
      out += `${text.slice(from, start)} `;
      from = end + 1;
    }
    line = end + 1;
  }
  return from === 0 ? text : out + text.slice(from);
}

function commentStart(text: string, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x23 || (code === 0x2d && text.charCodeAt(at + 1) === 0x2d)) return at;
  }
  return -1;
}
