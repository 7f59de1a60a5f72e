import type { SourcePlace } from "./issue.ts";
import { toSourceTokens } from "./source-tokens.ts";
import type { SourceToken } from "./source-tokens.ts";

const OPEN = new Set(["{", "[", "("]);
const CLOSE = new Set(["}", "]", ")"]);

/** Finds options in the text of a config file, for as far as they are written there as literals. */
export interface OptionPlaces {
  /** Where the option is written, or the nearest one around it; `undefined` unless that is certain. */
  find(path: readonly PropertyKey[]): SourcePlace | undefined;
}

export function createOptionPlaces(file: string, source: string): OptionPlaces {
  let tokens: SourceToken[] | undefined;
  return {
    find(path) {
      tokens ??= toSourceTokens(source);
      const root = findRoot(tokens);
      const at = root === undefined ? undefined : follow(tokens, root, path);
      if (at === undefined) return undefined;
      const before = source.slice(0, at);
      return {
        file,
        line: before.split("\n").length,
        column: at - (before.lastIndexOf("\n") + 1) + 1,
      };
    },
  };
}

/** Index of the `{` of the config object: the only argument of the only `defineConfig(…)`, else of `export default`. */
function findRoot(tokens: readonly SourceToken[]): number | undefined {
  const calls: number[] = [];
  for (let index = 0; index + 1 < tokens.length; index++) {
    if (isWord(tokens[index], "defineConfig") && isSign(tokens[index + 1], "("))
      calls.push(index + 2);
  }
  if (calls.length === 1) return findObject(tokens, calls[0] ?? 0);
  if (calls.length > 1) return undefined;
  const exported = tokens.findIndex(
    (token, index) => isWord(token, "default") && isWord(tokens[index - 1], "export"),
  );
  return exported === -1 ? undefined : findObject(tokens, exported + 1);
}

function findObject(tokens: readonly SourceToken[], start: number): number | undefined {
  if (isSign(tokens[start], "{")) return start;
  let index = isWord(tokens[start], "async") ? start + 1 : start;
  index = isSign(tokens[index], "(") ? skip(tokens, index) : index + 1;
  // A return type between the parameters and the arrow is rare; without the arrow here, nothing is certain.
  if (!isSign(tokens[index], "=>")) return undefined;
  index += 1;
  if (isSign(tokens[index], "(")) return isSign(tokens[index + 1], "{") ? index + 1 : undefined;
  return isSign(tokens[index], "{") ? findReturned(tokens, index) : undefined;
}

/** The object of the one `return` in a function's body; with several, it is not certain which one runs. */
function findReturned(tokens: readonly SourceToken[], open: number): number | undefined {
  const end = skip(tokens, open);
  let found: number | undefined;
  for (let index = open + 1; index < end; index++) {
    if (!isWord(tokens[index], "return")) continue;
    if (found !== undefined) return undefined;
    found = isSign(tokens[index + 1], "(") ? index + 2 : index + 1;
  }
  return found !== undefined && isSign(tokens[found], "{") ? found : undefined;
}

function follow(
  tokens: readonly SourceToken[],
  root: number,
  path: readonly PropertyKey[],
): number | undefined {
  let value = root;
  let place: number | undefined;
  for (const part of path) {
    // One of them alone needs no list: `listen: { … }`.
    if (part === 0 && isSign(tokens[value], "{")) continue;
    const entry =
      typeof part === "number"
        ? findElement(tokens, value, part)
        : findKey(tokens, value, String(part));
    if (entry === undefined) break;
    place = tokens[entry.at]?.at;
    if (entry.value === undefined) break;
    value = entry.value;
  }
  return place;
}

interface Entry {
  /** Index of the token to point at. */
  readonly at: number;
  /** Index of the first token of the value, if it is written out. */
  readonly value: number | undefined;
}

function findKey(tokens: readonly SourceToken[], open: number, key: string): Entry | undefined {
  if (!isSign(tokens[open], "{")) return undefined;
  let found: Entry | undefined;
  for (const start of entriesOf(tokens, open)) {
    const token = tokens[start];
    // A later spread, or a key that is computed, may replace what stood before it.
    if (isSign(token, "...") || isSign(token, "[")) found = undefined;
    const name = isWord(token, "async") && tokens[start + 1]?.kind === "word" ? start + 1 : start;
    if (tokens[name]?.kind === "sign" || tokens[name]?.text !== key) continue;
    found = { at: name, value: isSign(tokens[name + 1], ":") ? name + 2 : undefined };
  }
  return found;
}

function findElement(
  tokens: readonly SourceToken[],
  open: number,
  index: number,
): Entry | undefined {
  if (!isSign(tokens[open], "[")) return undefined;
  let count = 0;
  for (const start of entriesOf(tokens, open)) {
    if (isSign(tokens[start], "...")) return undefined;
    if (count === index) return { at: start, value: start };
    count += 1;
  }
  return undefined;
}

/** Indexes of the first tokens of the entries between a bracket and its end. */
function* entriesOf(tokens: readonly SourceToken[], open: number): Generator<number> {
  let isStart = true;
  for (let index = open + 1; index < tokens.length; index++) {
    const token = tokens[index];
    if (token?.kind === "sign" && CLOSE.has(token.text)) return;
    if (isStart) yield index;
    isStart = isSign(token, ",");
    if (token?.kind === "sign" && OPEN.has(token.text)) index = skip(tokens, index) - 1;
  }
}

/** Index after the bracket that ends the one at `open`. */
function skip(tokens: readonly SourceToken[], open: number): number {
  let depth = 0;
  for (let index = open; index < tokens.length; index++) {
    const token = tokens[index];
    if (token?.kind !== "sign") continue;
    if (OPEN.has(token.text)) depth += 1;
    else if (CLOSE.has(token.text) && --depth === 0) return index + 1;
  }
  return tokens.length;
}

function isWord(token: SourceToken | undefined, text: string): boolean {
  return token?.kind === "word" && token.text === text;
}

function isSign(token: SourceToken | undefined, text: string): boolean {
  return token?.kind === "sign" && token.text === text;
}
