import {
  BACKSLASH,
  BRACE,
  BRACKET,
  BREAK,
  characterClasses,
  classOf,
  DASH,
  DOLLAR,
  EQUAL,
  isSpaceCode,
  LESS,
  LETTER,
  PIPE,
  QUESTION,
  QUOTE,
  SEMICOLON,
  SLASH,
  SPACE,
  STAR,
} from "./characters.ts";
import type { Finding } from "./finding.ts";
import { judge } from "./shell-judge.ts";
import { namelessCommand } from "./shell-nameless.ts";
import { literalSign } from "./shell-signs.ts";
import { namesCommand, startsWithCommand } from "./shell-start.ts";

// A command injection must reach a place where the shell expects a command: after a separator,
// inside a substitution, or at the very start. The word there is read as the shell reads it
// (shell-word.ts), and judged by how much it and its arguments look like a command rather than a
// sentence (shell-judge.ts).

const SEPARATORS = SEMICOLON | PIPE | BREAK | DOLLAR | QUOTE | LESS | EQUAL | BRACE;
const MAX_NEWLINES = 2;

/** Commands for Unix shells. */
export function detectShell(value: string): Finding | undefined {
  const classes = characterClasses(value);
  if ((classes & LETTER) === 0 && (classes & DOLLAR) === 0) return undefined;
  const bare = (classes & SPACE) !== 0 && ((classes & (SLASH | DASH)) !== 0 || namesCommand(value));
  const globbed = (classes & SLASH) !== 0 && (classes & (BRACKET | QUESTION | STAR)) !== 0;
  if ((classes & (SEPARATORS | BACKSLASH)) === 0 && !bare && !globbed) return undefined;
  const literal = literalSign(value, classes);
  if (literal !== undefined) return literal;
  if ((classes & (SEMICOLON | PIPE | BREAK | DOLLAR | QUOTE | BRACE | BACKSLASH)) !== 0) {
    const found = scanPositions(value, classes);
    if (found !== undefined) return found;
  }
  return startsWithCommand(value);
}

/** What {@link scanPositions} stops at, and the classes of that. */
const SEPARATOR_TEXTS: readonly string[] = [";", "|", "&", "\n", "\r", "\\", "`", "$"];
const SEPARATOR_CLASSES = SEPARATOR_TEXTS.map((text) => classOf(text.charCodeAt(0)));
/** By separator: where the next one stands; reused, since one value is looked at at a time. */
const NEXT = new Float64Array(SEPARATOR_TEXTS.length);

function beginSeparators(value: string, classes: number): void {
  for (let index = 0; index < NEXT.length; index++) {
    const isThere = (classes & SEPARATOR_CLASSES[index]!) !== 0;
    NEXT[index] = isThere ? positionOf(value, SEPARATOR_TEXTS[index]!, 0) : Infinity;
  }
}

/** Where the first separator from `from` on stands; the length of the value where none does. */
function nextSeparator(value: string, from: number): number {
  let first = value.length;
  for (let index = 0; index < NEXT.length; index++) {
    let next = NEXT[index]!;
    if (next < from) next = NEXT[index] = positionOf(value, SEPARATOR_TEXTS[index]!, from);
    if (next < first) first = next;
  }
  return first;
}

function positionOf(value: string, text: string, from: number): number {
  const at = value.indexOf(text, from);
  return at < 0 ? Infinity : at;
}

function scanPositions(value: string, classes: number): Finding | undefined {
  let newlines = 0;
  if ((classes & BREAK) !== 0)
    for (
      let at = value.indexOf("\n");
      at >= 0 && newlines <= MAX_NEWLINES;
      at = value.indexOf("\n", at + 1)
    )
      newlines++;
  let spanOpen = -1;
  beginSeparators(value, classes);
  for (let at = nextSeparator(value, 0); at < value.length; at = nextSeparator(value, at + 1)) {
    const code = value.charCodeAt(at);
    let separator = "";
    let from = at + 1;
    switch (code) {
      case 0x3b:
        // "&amp; more", "&quot;id": the end of a character reference
        if (!endsReference(value, at)) separator = ";";
        break;
      case 0x7c:
        separator = "|";
        if (value.charCodeAt(from) === 0x7c || value.charCodeAt(from) === 0x26) from++;
        break;
      case 0x26:
        if (value.charCodeAt(from) === 0x26) {
          separator = "&&";
          from++;
        } else separator = "&";
        break;
      case 0x0a:
      case 0x0d:
        if (newlines <= MAX_NEWLINES) separator = "\n";
        break;
      case 0x5c:
        // "\\n" as two characters: what a careless decoder makes of a line end
        if (value.charCodeAt(from) === 0x6e && newlines <= MAX_NEWLINES) {
          separator = "\n";
          from++;
        }
        break;
      case 0x60:
        // the second mark of a pair closes
        if (spanOpen < 0) {
          separator = "`";
          spanOpen = at;
        } else spanOpen = -1;
        break;
      case 0x24:
        if (value.charCodeAt(from) === 0x28 && value.charCodeAt(from + 1) !== 0x28) {
          separator = "$(";
          from++;
        } else if (value.charCodeAt(from) === 0x7b && value.charCodeAt(from + 1) === 0x60)
          separator = "";
        break;
      default:
    }
    if (separator === "") continue;
    const found = judge(value, at, from, separator) ?? namelessCommand(value, at, from);
    if (found !== undefined && !(separator !== "`" && spanOpen >= 0 && isCodeSpan(value, spanOpen)))
      return { sign: found, start: at, end: Math.min(value.length, from + 60) };
    at = from - 1;
  }
  return undefined;
}

function endsReference(value: string, at: number): boolean {
  let ampersand = at - 1;
  while (ampersand >= at - 8 && value.charCodeAt(ampersand) !== 0x26) ampersand--;
  if (ampersand < at - 8) return false;
  return /&(?:[a-z]{2,6}|#\d{2,5}|#x[\da-f]{2,5})$/i.test(value.slice(Math.max(0, at - 8), at));
}

// `npm ci && npm test` between words: Markdown's code
function isCodeSpan(value: string, open: number): boolean {
  return (
    value.includes("`", open + 1) &&
    (open === 0 ||
      isSpaceCode(value.charCodeAt(open - 1)) ||
      value.charCodeAt(open - 1) === 0x28) &&
    /[a-z]{2}\s/i.test(value.slice(0, open) + value.slice(value.indexOf("`", open + 1)))
  );
}
