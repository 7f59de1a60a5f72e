import { isDigitCode, isLetterCode } from "../detect/characters.ts";
import type { ValueSink } from "../values.ts";

/** Strings and names of a GraphQL document. Strings are where an attack on a resolver is. */
export function readGraphql(text: string, sink: ValueSink): boolean {
  let depth = 0;
  let at = 0;
  while (at < text.length && !sink.isFull) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      const end = readString(text, at, sink);
      if (end === -1) return invalid("string", sink);
      at = end;
    } else if (code === 0x23) {
      at = lineEnd(text, at);
    } else if (isNameStart(code)) {
      let end = at + 1;
      while (isNameStart(text.charCodeAt(end)) || isDigitCode(text.charCodeAt(end))) end++;
      sink.value("GRAPHQL_NAMES", "", text.slice(at, end));
      at = end;
    } else {
      if (code === 0x7b || code === 0x28 || code === 0x5b) depth += 1;
      else if (code === 0x7d || code === 0x29 || code === 0x5d) depth -= 1;
      if (depth > sink.bounds.maxDepth || depth < 0) return invalid("depth", sink);
      at += 1;
    }
  }
  return depth === 0 || sink.isFull || invalid("", sink);
}

function invalid(place: string, sink: ValueSink): false {
  sink.anomaly("graphql-invalid", place);
  return false;
}

/** Where the string that begins at `start` ends, or -1: what has no end is looked at all the same. */
function readString(text: string, start: number, sink: ValueSink): number {
  const isBlock = text.startsWith('"""', start);
  const mark = isBlock ? '"""' : '"';
  const from = start + mark.length;
  let end = text.indexOf(mark, from);
  while (end !== -1 && isEscaped(text, from, end, isBlock)) end = text.indexOf(mark, end + 1);
  const isOpen = end === -1 || (!isBlock && lineEnd(text, from) < end);
  const content = text.slice(from, end === -1 ? text.length : end);
  sink.value("GRAPHQL", "", isBlock ? content : unescaped(content));
  return isOpen ? -1 : end + mark.length;
}

// Blocks know no escape but that of their mark.
function isEscaped(text: string, from: number, mark: number, isBlock: boolean): boolean {
  let backslashes = 0;
  while (mark - backslashes > from && text.charCodeAt(mark - backslashes - 1) === 0x5c) {
    backslashes += 1;
  }
  return isBlock ? backslashes > 0 : backslashes % 2 === 1;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end;
}

function isNameStart(code: number): boolean {
  return isLetterCode(code) || code === 0x5f;
}

function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
