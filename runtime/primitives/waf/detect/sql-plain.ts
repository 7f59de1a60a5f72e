import {
  AT,
  BANG,
  COLON,
  DOLLAR,
  isDigitCode,
  isSpaceCode,
  isWordCode,
  TILDE,
} from "./characters.ts";
import { keywordAt } from "./sql-tokens.ts";
import { CATALOGUE, LOGIC, SELECT } from "./sql-words.ts";

// Texts without marks, in which every apostrophe stands between two letters. Many of them hold words of SQL, and hardly any
// of these words can begin something where nothing is compared, called, quoted or cut off.

/** At which something may be found, wherever they stand. */
const TELLING: ReadonlySet<string> = new Set(
  "case having outfile dumpfile insert replace delete drop create alter truncate exec execute waitfor load copy backup restore attach handler".split(
    " ",
  ),
);
/** Behind a number, or at the start. */
const CONTINUING: ReadonlySet<string> = new Set(["limit", "order", "group"]);

/** Whether the tokens of such a text need to be asked. */
export function mayBeQuery(value: string, classes: number): boolean {
  // Variables, !~ and ~0, v$version
  if ((classes & (AT | BANG | TILDE | DOLLAR)) !== 0) return true;
  if ((classes & COLON) !== 0 && value.includes("::")) return true;
  const { length } = value;
  let isBehindNumber = true;
  for (let at = 0; at < length;) {
    const code = value.charCodeAt(at);
    if (isDigitCode(code)) {
      let end = at + 1;
      let next = value.charCodeAt(end);
      while (isDigitCode(next) || next === 0x2e) next = value.charCodeAt(++end);
      // 1or, 1e0and, 1.e.x: where a number ends is for the tokens to say.
      if (isWordCode(next)) return true;
      isBehindNumber = true;
      at = end;
    } else if (isWordCode(code) && !isSpaceCode(code)) {
      let end = at;
      let next = code;
      do {
        // sqlite_master, xp_cmdshell; the sign for kelvin is a capital of k
        if (next === 0x5f || next === 0x212a) return true;
        next = value.charCodeAt(++end);
      } while (isWordCode(next) && !isSpaceCode(next));
      if (isTelling(value, at, end, isBehindNumber)) return true;
      isBehindNumber = false;
      at = end;
    } else {
      // A backslash is no token.
      if (!isSpaceCode(code) && code !== 0x5c) isBehindNumber = false;
      at++;
    }
  }
  return false;
}

function isTelling(value: string, start: number, end: number, isBehindNumber: boolean): boolean {
  const keyword = keywordAt(value, start, end);
  if (keyword === undefined) {
    return mayBeCatalogue(value, start) && CATALOGUE.has(value.slice(start, end).toLowerCase());
  }
  const { kind, word } = keyword;
  if (kind === LOGIC) return isBehindNumber;
  return kind === SELECT || TELLING.has(word) || (isBehindNumber && CONTINUING.has(word));
}

/** sys…, msys…, rdb… */
function mayBeCatalogue(value: string, start: number): boolean {
  const second = value.charCodeAt(start + 1) | 0x20;
  switch (value.charCodeAt(start) | 0x20) {
    case 0x73:
      return second === 0x79;
    case 0x6d:
      return second === 0x73;
    case 0x72:
      return second === 0x64;
    default:
      return false;
  }
}
