import { BRACKET, isSpaceCode, QUESTION, SLASH, STAR } from "./characters.ts";
import type { Finding } from "./finding.ts";

// Paths whose names the shell is left to guess.

const DIRECTORIES =
  "etc bin sbin usr var tmp dev proc home opt root lib sys passwd shadow bash hosts".split(" ");
const MAX_GLOB = 16;
const WILD: readonly (readonly [string, number])[] = [
  ["?", QUESTION],
  ["*", STAR],
  ["[", BRACKET],
];

// /???/??t /etc/passw?: a path whose directories the shell is left to guess
export function globbedPath(value: string, classes: number): Finding | undefined {
  if ((classes & SLASH) === 0 || (classes & (QUESTION | STAR | BRACKET)) === 0) return undefined;
  let last = -1;
  beginWild(value, classes);
  for (let wild = nextWild(value, 0); wild < value.length; wild = nextWild(value, wild + 1)) {
    // The slash before it
    let at = wild - 1;
    while (at >= 0 && wild - at <= MAX_GLOB && isPart(value.charCodeAt(at))) at--;
    if (at === last || at < 0 || value.charCodeAt(at) !== 0x2f) continue;
    last = at;
    let end = at + 1;
    let isWild = false;
    for (; end < value.length && end - at <= MAX_GLOB; end++) {
      const code = value.charCodeAt(end);
      if (code === 0x3f || code === 0x2a || code === 0x5b) isWild = true;
      else if (!isGlobCode(code)) break;
    }
    if (!isWild || !endsSegment(value.charCodeAt(end))) continue;
    const part = value.slice(at + 1, end);
    // "<prefix>/[s]bin": a letter that may be left out
    if (value.charCodeAt(at - 1) === 0x3e) continue;
    if (part === "*" || part === "**" || part === "?") continue;
    // a query after a path: /in?x
    if (part.includes("?") && /^[a-z]*\?[a-z]*$/.test(part) && part.length > 5) continue;
    for (const directory of DIRECTORIES)
      if (globMatches(part, directory)) return { sign: "globbed-path", start: at, end };
  }
  return undefined;
}

/** By sign of {@link WILD}: where the next one stands; reused, since one value is looked at at a time. */
const NEXT = WILD.map(() => 0);

function beginWild(value: string, classes: number): void {
  WILD.forEach(([text, own], index) => {
    NEXT[index] = (classes & own) === 0 ? Infinity : positionOf(value, text, 0);
  });
}

/** Where the first sign from `from` on stands; Infinity where none does. */
function nextWild(value: string, from: number): number {
  let first = Infinity;
  for (let index = 0; index < WILD.length; index++) {
    let next = NEXT[index]!;
    if (next < from) next = NEXT[index] = positionOf(value, WILD[index]![0], from);
    if (next < first) first = next;
  }
  return first;
}

function positionOf(value: string, text: string, from: number): number {
  const at = value.indexOf(text, from);
  return at < 0 ? Infinity : at;
}

function isPart(code: number): boolean {
  return isGlobCode(code) || code === 0x3f || code === 0x2a || code === 0x5b;
}

// a-z ] ! ^ -
function isGlobCode(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x5d ||
    code === 0x21 ||
    code === 0x5e ||
    code === 0x2d
  );
}

function endsSegment(code: number): boolean {
  return (
    Number.isNaN(code) ||
    code === 0x2f ||
    isSpaceCode(code) ||
    ";|&\"'`)".includes(String.fromCharCode(code))
  );
}

/** `?`, `*` and `[…]`; both sides are at most 16 characters, so plain recursion is bounded. */
function globMatches(pattern: string, text: string): boolean {
  let at = 0;
  let wild = 0;
  let index = 0;
  while (index < pattern.length) {
    const character = pattern[index]!;
    if (character === "*") {
      if (index === pattern.length - 1)
        return wild === 0 && at >= (text.length > 3 ? 3 : 2) && text.length <= 4;
      return false;
    }
    if (character === "[") {
      const close = pattern.indexOf("]", index + 1);
      if (close < 0) return false;
      index = close + 1;
      wild++;
      at++;
      continue;
    }
    if (character === "?") wild++;
    else if (character !== text[at]) return false;
    at++;
    index++;
  }
  return at === text.length && wild > 0;
}
