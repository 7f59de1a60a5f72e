import { isDigitCode, isLetterCode, isSpaceCode, isWordCode } from "./characters.ts";

// What tells a sentence that names a call, a path or a variable from a value that is one. A name
// between two words of a sentence, or in Markdown's marks for code, is talked about.

const LONGEST_TOKEN = 80;
/** Words that make an expression of the name behind them. */
const OPERATORS =
  /(?:^|[^\w])(?:echo|print|return|eval|new|do|typeof|await|void|throw|yield|assert|select)\s{1,4}$/i;
const MARKS = "\"'`([{<*_\u00ab\u201e\u201c\u2018\u300c\uff08";

/**
 * `name()` or `name(2)` in a sentence: "the lchown() system call", "`eval()` runs it", "see chmod(2)". `start` is where the
 * name begins, `open` its bracket.
 */
export function isNamedCall(value: string, start: number, open: number): boolean {
  for (let at = start; at < open; at++) if (!isPathCode(value.charCodeAt(at))) return false;
  let close = open + 1;
  if (isDigitCode(value.charCodeAt(close))) close++;
  if (value.charCodeAt(close) !== 0x29) return false;
  let from = start;
  while (from > 0 && start - from < LONGEST_TOKEN && isPathCode(value.charCodeAt(from - 1))) from--;
  const after = value.slice(close + 1, close + 24);
  if (isCodeMark(value, from - 1)) return /^`(?:$|[^\w`])/.test(after);
  const before = value.slice(Math.max(0, from - 24), from);
  if (OPERATORS.test(before)) return false;
  if (
    !/^["'\u201d)]?(?:[.,;:!?)]{0,2}\s{1,8}[("'`]?[A-Za-z\u00c0-\uffff]|[.,;:!?)]{0,2}$)/.test(
      after,
    )
  )
    return false;
  if (from === 0) return /^\s[a-z]{2,12}\s{1,2}[a-z]/i.test(after);
  return /[A-Za-z\u00c0-\uffff]{2}[,:;]?\s{1,8}["'(]?$/.test(before) && countWords(value) >= 3;
}

/** A path or a variable at `start` in a sentence, no parameter, and behind no separator of commands. */
export function isMentioned(value: string, start: number, end: number): boolean {
  let first = start;
  while (first < end && isSpaceCode(value.charCodeAt(first))) first++;
  let token = first;
  while (token > 0 && first - token < LONGEST_TOKEN && !isSpaceCode(value.charCodeAt(token - 1)))
    token--;
  while (token < first && MARKS.includes(value.charAt(token))) token++;
  for (let at = token; at < first; at++) {
    const code = value.charCodeAt(at);
    // letters of a folder's name, "~", "$HOME", "${XDG}", slashes and marks
    if (!isPathCode(code) && !"~$/\\{}-*".includes(value.charAt(at))) return false;
  }
  const before = value.slice(Math.max(0, token - 40), token);
  const isTarget = /(?:^|\s)\d?>{1,2}\s{1,2}$/.test(before);
  if (
    !isTarget &&
    !/[A-Za-z0-9\u00c0-\uffff,:.)`'"][\s\u3000]{1,12}["'`([{<*_\u00ab\u201e\u201c\u2018\u300c\uff08]{0,3}$/.test(
      before,
    )
  )
    return false;
  const around = countWords(value.slice(0, token)) + countWords(value.slice(end));
  return around >= (isTarget ? 8 : 4);
}

/** "[`abc`](": a link of Markdown whose text is code; `at` is behind its first back tick. */
export function isMarkdownLink(value: string, at: number): boolean {
  const close = value.indexOf("`]", at);
  return close >= 0 && close - at < 120 && "([:".includes(value.charAt(close + 2) || ":");
}

/** Words of a text, at most 12; writing without blanks counts two letters for a word. */
export function countWords(text: string): number {
  let words = 0;
  let wide = 0;
  let isInside = false;
  for (let at = 0; at < text.length && words < 12; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x2e80) {
      if (++wide === 2) {
        wide = 0;
        words++;
      }
      isInside = false;
    } else if (isLetterCode(code) || code >= 0xc0) {
      if (!isInside) words++;
      isInside = true;
    } else if (isSpaceCode(code)) isInside = false;
  }
  return words;
}

function isPathCode(code: number): boolean {
  return (code < 0x80 && isWordCode(code)) || code === 0x2e;
}

// A back tick that opens a span: nothing of a word stands before it.
function isCodeMark(value: string, at: number): boolean {
  if (value.charCodeAt(at) !== 0x60) return false;
  return at === 0 || !/[\w`$=]/.test(value.charAt(at - 1));
}
