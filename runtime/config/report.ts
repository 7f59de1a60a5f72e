import { relative, sep } from "node:path";

import { printable } from "./code-frame.ts";
import type { ConfigIssue, ConfigReport } from "./issue.ts";

export interface ReportStyle {
  /** Colours for a terminal. Default false. */
  readonly colour?: boolean;
  /** Folder that file names are shown relative to, where they lie inside it. */
  readonly cwd?: string;
}

type Paint = (text: string) => string;

const plain: Paint = (text) => text;
const paint =
  (code: number): Paint =>
  (text) =>
    `\u001b[${code}m${text}\u001b[39m`;

interface Palette {
  readonly bad: Paint;
  readonly dim: Paint;
  readonly name: Paint;
  readonly good: Paint;
}

const PLAIN: Palette = { bad: plain, dim: plain, name: plain, good: plain };
const COLOURS: Palette = { bad: paint(31), dim: paint(90), name: paint(36), good: paint(32) };

const STAGES: Record<ConfigReport["stage"], string> = {
  read: "could not be read",
  compile: "does not compile",
  evaluate: "failed while it ran",
  validate: "is not valid",
  prepare: "could not be prepared",
  listen: "could not be put to work",
};

/** All issues of a failed load as text of several lines, without a line break at the end. */
export function formatReport(report: ConfigReport, style: ReportStyle = {}): string {
  const palette = style.colour === true ? COLOURS : PLAIN;
  const count = report.issues.length;
  const head = `${shownFile(report.file, style)} ${STAGES[report.stage]} (${count} ${count === 1 ? "issue" : "issues"})`;
  const parts = report.issues.map((issue) => formatIssue(issue, style));
  return [palette.bad(head), ...parts].join("\n\n");
}

/** One issue: where, what, expected, got, what to do, and the code frame. */
export function formatIssue(issue: ConfigIssue, style: ReportStyle = {}): string {
  const palette = style.colour === true ? COLOURS : PLAIN;
  const lines: string[] = [];
  const where: string[] = [];
  if (issue.path !== "") where.push(palette.name(clean(issue.path)));
  if (issue.place !== undefined) {
    const { file, line, column } = issue.place;
    where.push(palette.dim(`${shownFile(file, style)}:${line}:${column}`));
  }
  if (where.length > 0) lines.push(where.join("  "));
  lines.push(...cleanLines(issue.message).map((line) => `  ${palette.bad(line)}`));
  if (issue.expected !== undefined) lines.push(`  expected: ${clean(issue.expected)}`);
  if (issue.got !== undefined) lines.push(`  got:      ${clean(issue.got)}`);
  if (issue.fix !== undefined)
    lines.push(...prefixed("  fix:      ", cleanLines(issue.fix), palette.good));
  if (issue.frame !== undefined) {
    lines.push(
      ...issue.frame.split("\n").map((line) => `  ${paintFrameLine(clean(line), palette)}`),
    );
  }
  return lines.join("\n");
}

function prefixed(prefix: string, lines: readonly string[], colour: Paint): string[] {
  return lines.map(
    (line, index) => (index === 0 ? prefix : " ".repeat(prefix.length)) + colour(line),
  );
}

function paintFrameLine(line: string, palette: Palette): string {
  if (line.startsWith(">")) return line;
  const mark = /^( +\| +)\^$/.exec(line);
  return mark === null ? palette.dim(line) : palette.dim(mark[1] ?? "") + palette.bad("^");
}

function shownFile(file: string, style: ReportStyle): string {
  if (style.cwd === undefined) return clean(file);
  const short = relative(style.cwd, file);
  return clean(short === "" || short === ".." || short.startsWith(`..${sep}`) ? file : short);
}

function clean(text: string): string {
  return printable(text);
}

function cleanLines(text: string): string[] {
  return text.split("\n").map(clean);
}
