// Character references as browsers read them in attributes and text, far enough to undo the ones
// that hide a scheme, a bracket or a quote: all numeric ones (with or without the semicolon, with
// any number of zeros) and the named ones for ASCII punctuation and white space.

import { isLetterCode } from "./characters.ts";

const NAMED: ReadonlyMap<string, string> = new Map(
  Object.entries({
    lt: "<",
    gt: ">",
    amp: "&",
    quot: '"',
    apos: "'",
    tab: "\t",
    newline: "\n",
    nbsp: " ",
    excl: "!",
    num: "#",
    dollar: "$",
    percnt: "%",
    lpar: "(",
    rpar: ")",
    ast: "*",
    midast: "*",
    plus: "+",
    comma: ",",
    period: ".",
    sol: "/",
    colon: ":",
    semi: ";",
    equals: "=",
    quest: "?",
    commat: "@",
    lsqb: "[",
    lbrack: "[",
    bsol: "\\",
    rsqb: "]",
    rbrack: "]",
    hat: "^",
    lowbar: "_",
    grave: "`",
    diacriticalgrave: "`",
    lcub: "{",
    lbrace: "{",
    verbar: "|",
    vert: "|",
    rcub: "}",
    rbrace: "}",
  }),
);

const REFERENCE = /&(?:#(?:x([0-9a-f]{1,32})|([0-9]{1,32}))|([a-z]{2,16}));?/gi;

/** `text` with its character references replaced; the same string where there is none. */
export function decodeEntities(text: string): string {
  if (!holdsReference(text)) return text;
  return text.replace(
    REFERENCE,
    (whole, hex: string | undefined, decimal: string | undefined, name: string | undefined) => {
      if (name !== undefined) return NAMED.get(name.toLowerCase()) ?? whole;
      const code = hex === undefined ? Number.parseInt(decimal!, 10) : Number.parseInt(hex, 16);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "";
    },
  );
}

// The parameters of a URL begin with "&" as well.
function holdsReference(text: string): boolean {
  for (let at = text.indexOf("&"); at >= 0; at = text.indexOf("&", at + 1)) {
    if (isReference(text, at)) return true;
  }
  return false;
}

/** Whether the ampersand at this position begins a reference, with or without its semicolon. */
export function isReference(text: string, at: number): boolean {
  if (text.charCodeAt(at + 1) === 0x23) return true;
  let end = at + 1;
  while (end < at + 17 && isLetterCode(text.charCodeAt(end))) end++;
  return (
    end > at + 2 &&
    MAY_BE_NAMED[endsOf(text.charCodeAt(at + 1), text.charCodeAt(end - 1))] === 1 &&
    NAMED.has(text.slice(at + 1, end).toLowerCase())
  );
}

/** First and last letters of names, of either case: most names that follow an ampersand have others. */
const MAY_BE_NAMED = new Uint8Array(1024);
for (const name of NAMED.keys()) {
  MAY_BE_NAMED[endsOf(name.charCodeAt(0), name.charCodeAt(name.length - 1))] = 1;
}

function endsOf(first: number, last: number): number {
  return (first & 0x1f) | ((last & 0x1f) << 5);
}
