/**
 * CrowdSec's stream of decisions, `{"new": [{…}, …], "deleted": [{…}, …]}`, object by object: `JSON.parse` of tens of
 * thousands at once would keep every request waiting.
 */
import { piecesOf, type ListText } from "./list-text.ts";

const QUOTE = 34;
const BACKSLASH = 92;
const BRACE = 123;
const BRACE_END = 125;
const BRACKET = 91;
const BRACKET_END = 93;
const DECISIONS_A_STEP = 128;
/** Of one decision. */
const MAX_LENGTH = 65_536;
/** `{` `[` `{`: within a decision. */
const DECISION_DEPTH = 3;

/** Calls `take` for each decision of these types, in the order of the text. Throws for what is no such answer, or only a part of one. */
export function* parseDecisions(
  text: ListText,
  types: readonly string[],
  take: (change: "new" | "deleted", value: string) => void,
): Generator<void, void> {
  let depth = 0;
  let inString = false;
  let isEscaped = false;
  /** The last text outside decisions: the name of the list that begins, where a list begins. */
  let name = "";
  let open: string | undefined;
  let decisions = 0;
  let isFirst = true;
  for (const piece of piecesOf(text)) {
    // An error page must not pass for an answer that bans nobody.
    if (isFirst && !/^\s*\{/.test(piece)) throw notDecisions();
    isFirst = false;
    let start = 0;
    for (let at = 0; at < piece.length; at++) {
      const code = piece.charCodeAt(at);
      if (inString) {
        if (isEscaped) isEscaped = false;
        else if (code === BACKSLASH) isEscaped = true;
        else if (code === QUOTE) {
          inString = false;
          if (depth === 1) name = (name + piece.slice(start, at)).slice(0, 16);
        }
      } else if (code === QUOTE) {
        inString = true;
        if (depth === 1) {
          name = "";
          start = at + 1;
        }
      } else if (code === BRACE || code === BRACKET) {
        depth += 1;
        if (depth === DECISION_DEPTH) {
          open = "";
          start = at;
        }
      } else if (code === BRACE_END || code === BRACKET_END) {
        if (depth === DECISION_DEPTH && open !== undefined) {
          const value = valueIn(open + piece.slice(start, at + 1), types);
          open = undefined;
          if (value !== undefined && (name === "new" || name === "deleted")) take(name, value);
          decisions += 1;
          if (decisions % DECISIONS_A_STEP === 0) yield;
        }
        depth -= 1;
        if (depth < 0) throw notDecisions();
      }
    }
    if (open !== undefined) open += piece.slice(start);
    if (open !== undefined && open.length > MAX_LENGTH) throw notDecisions();
    if (inString && depth === 1) name = (name + piece.slice(start)).slice(0, 16);
    yield;
  }
  if (isFirst || depth !== 0 || inString) throw notDecisions();
}

function valueIn(json: string, types: readonly string[]): string | undefined {
  const { value, type } = JSON.parse(json) as Readonly<Record<string, unknown>>;
  return typeof value === "string" && types.includes(type as string) ? value : undefined;
}

function notDecisions(): Error {
  return new Error("the answer is no list of decisions, or only a part of one");
}
