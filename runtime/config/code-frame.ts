import { readFileSync, statSync } from "node:fs";

import type { SourcePlace } from "./issue.ts";

const LINES_BEFORE = 3;
const LINES_AFTER = 2;
const MAX_LINE_CHARS = 120;
const MAX_SOURCE_BYTES = 4 * 1024 * 1024;

/**
 * The lines around a place, numbered, with a mark under the column:
 *
 * ```
 *   1 | import x from "./x.ts";
 * > 2 | export default defineConfig({ lisen: 1 });
 *     |                               ^
 * ```
 */
export function renderFrame(source: string, line: number, column: number): string | undefined {
  const lines = source.split("\n");
  if (line < 1 || line > lines.length) return undefined;
  const first = Math.max(1, line - LINES_BEFORE);
  const last = Math.min(lines.length, line + LINES_AFTER);
  const width = String(last).length;
  const column0 = Math.max(0, column - 1);
  const start = column0 > MAX_LINE_CHARS - 20 ? column0 - MAX_LINE_CHARS / 2 : 0;
  const rows: string[] = [];
  for (let number = first; number <= last; number++) {
    const text = printable(
      (lines[number - 1] ?? "").slice(start, start + MAX_LINE_CHARS),
    ).trimEnd();
    rows.push(
      `${number === line ? ">" : " "} ${String(number).padStart(width)} | ${text}`.trimEnd(),
    );
    if (number === line) rows.push(`  ${" ".repeat(width)} | ${" ".repeat(column0 - start)}^`);
  }
  return rows.join("\n");
}

/** The frame of a place in a file on disk; `undefined` if it cannot be read or has no such line. */
export function readFrame(place: SourcePlace): string | undefined {
  const source = readSource(place.file);
  return source === undefined ? undefined : renderFrame(source, place.line, place.column);
}

/** Text of a source file, or `undefined` if it is missing, too large or not a file. */
export function readSource(file: string): string | undefined {
  try {
    const stat = statSync(file);
    if (!stat.isFile() || stat.size > MAX_SOURCE_BYTES) return undefined;
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * Control bytes as spaces, one for one so that columns stay. Sources and error texts go to terminals: an escape sequence
 * in them must not move the cursor or recolour what follows.
 */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is being replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, " ");
}
