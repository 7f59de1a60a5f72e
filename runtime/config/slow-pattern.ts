import { createContext, Script } from "node:vm";

/** What one look at a text may take; a pattern without backtracking needs a fiftieth of it. */
const MAX_MS = 100;
const LENGTH = 32 * 1024;
/** Another process may have had the processor meanwhile. */
const ATTEMPTS = 3;
const MAX_PIECES = 24;

const MAX_REMEMBERED = 10_000;

const fast = new Set<string>();
const run = new Script("pattern.lastIndex = 0; pattern.test(text);");

/**
 * The text, in words, on which a pattern takes too long: a client could stop the proxy with it. Tried on long runs of what
 * the pattern itself is made of, each ending in what it does not expect; `undefined` where none of them is slow, which is
 * no proof that there is none.
 */
export function slowText(pattern: RegExp): string | undefined {
  const key = String(pattern);
  // A reload brings the same patterns again.
  if (fast.has(key)) return undefined;
  const text = firstSlowText(pattern);
  if (text === undefined && fast.size < MAX_REMEMBERED) fast.add(key);
  return text;
}

function firstSlowText(pattern: RegExp): string | undefined {
  const context = createContext({ pattern, text: "" });
  for (const piece of piecesOf(pattern.source)) {
    for (const [start, end] of [
      ["", "\0"],
      [literalStart(pattern.source), "\u2028!"],
    ] as const) {
      context["text"] = start + piece.repeat(Math.ceil(LENGTH / piece.length)) + end;
      if (isSlow(context))
        return `${JSON.stringify(piece)} again and again, ${LENGTH / 1024} KiB of it`;
    }
  }
  return undefined;
}

function isSlow(context: object): boolean {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      run.runInContext(context, { timeout: MAX_MS });
      return false;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    }
  }
  return true;
}

/** Characters and pairs of them that occur in the source, and what its classes stand for. */
function piecesOf(source: string): Iterable<string> {
  const start = literalStart(source);
  const pieces = new Set([
    ...(start === "" ? [] : [start, `${start}a`]),
    "a",
    "1",
    " ",
    "\n",
    "/",
    "a ",
    "a1",
    "a/",
    "a=",
    "a,",
    "'a",
  ]);
  const characters = source
    .replace(/\\[a-zA-Z]/g, "")
    .split("")
    .filter((one) => !/[\\^$*+?()[\]{}|]/.test(one));
  for (const one of characters) {
    if (pieces.size >= MAX_PIECES) break;
    pieces.add(one);
  }
  for (let at = 1; at < characters.length && pieces.size < 2 * MAX_PIECES; at++) {
    pieces.add(`${characters[at - 1]}${characters[at]}`);
  }
  return pieces;
}

/** What a match has to begin with, so that the run is reached. */
function literalStart(source: string): string {
  return /^\^?([\w\s"'<>=&:;,/!@#%-]*)/.exec(source)?.[1]?.slice(0, 64) ?? "";
}
