import type { Finding } from "./finding.ts";
import { askTokens } from "./sql.ts";

/** Single quotes that are asked, of each run the last: two in a row stand for one, and nothing ends there. */
const MAX_QUOTES = 64;
/** A comment behind the quote: what follows it says nothing. */
const CUT_OFF = /^'\s{0,8}(?:--|#)/;
/** What a query has in place of a string, for the detector. */
const LITERAL = " 0 ";

/**
 * Injection by JSON as it stands: an application that puts `variables=["' or ","=","-- "]` between the single quotes of a
 * query gets a query whose own strings are the commas. None of the parts says so by itself; and what a part says by itself
 * is found there.
 */
export function detectSqlInJson(value: string): Finding | undefined {
  const first = value.charCodeAt(0);
  if (first !== 0x5b && first !== 0x7b) return undefined;
  let quote = runEnd(value, value.indexOf("'"));
  for (let count = 0; quote !== -1 && count < MAX_QUOTES; count++) {
    const text = withLiterals(value, quote);
    const part = text.indexOf(LITERAL);
    if (part === -1) return undefined;
    const found = CUT_OFF.test(text) ? undefined : askTokens(text);
    // From this quote on, and with the help of a string that is one for the query alone.
    if (found?.start === 0 && askTokens(text.slice(0, part)) === undefined) {
      return { ...found, start: quote, end: value.length };
    }
    quote = runEnd(value, value.indexOf("'", quote + 1));
  }
  return undefined;
}

function runEnd(value: string, quote: number): number {
  let end = quote;
  while (end !== -1 && value.charCodeAt(end + 1) === 0x27) end++;
  return end;
}

/**
 * What a query reads from the single quote on, each string between double quotes in short. In one pass: a pattern would
 * begin anew at every quote that is never closed.
 */
function withLiterals(value: string, from: number): string {
  let text = "";
  let start = from;
  const until = Math.min(value.length, from + LONGEST);
  for (let at = value.indexOf('"', from); at !== -1 && at < until; at = value.indexOf('"', start)) {
    const end = stringEnd(value, at + 1, until);
    // What is left stands in a comment or in a string that the query never ends.
    if (end === -1) return `${text}${value.slice(start, at)} `;
    text += value.slice(start, at) + LITERAL;
    start = end + 1;
  }
  return text + value.slice(start, until);
}

/** Of the value behind a quote. */
const LONGEST = 1024;

function stringEnd(value: string, from: number, until: number): number {
  for (let at = from; at < until; at++) {
    const code = value.charCodeAt(at);
    if (code === 0x5c) at++;
    else if (code === 0x22) return at;
  }
  return -1;
}
