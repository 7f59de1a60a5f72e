import { decodeEntities } from "./entities.ts";

// What stands between an injection and a filter that reads it as it came: references of HTML that
// a page decodes, comments that end with their line, comments inside words, percent signs that some
// servers drop, and the plus signs of a form that is decoded twice.

/** At most this much of a comment is taken for a veil. */
const LONGEST_COMMENT = 200;
const JOINED = /(\w)\/\*[^*]{0,100}\*\/(?=\w)/g;
const PERCENT_CHARACTERS = /(?:%[^%\s]){4}/;
const PLUS_WORDS = /\w\+\w{2,10}\+/;

/** The text behind the veils; the same where it has none. */
export function unveiled(value: string): string {
  let text = value.includes("&") ? decodeEntities(value) : value;
  if (text.includes("\n") && (text.includes("--") || text.includes("#")))
    text = withoutLineComments(text);
  if (text.includes("*/")) text = text.replace(JOINED, "$1");
  if (text.includes("%") && PERCENT_CHARACTERS.test(text)) text = text.replaceAll("%", "");
  if (text.includes("+") && !text.includes(" ") && PLUS_WORDS.test(text))
    text = text.replaceAll("+", " ");
  return text;
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
