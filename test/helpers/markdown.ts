/** Pages of the repository that people read, and the fenced blocks in them. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface Block {
  /** Path within the repository. */
  readonly file: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  /** What stands behind the fence: `ts config`. */
  readonly info: string;
  readonly code: string;
}

/** All pages, those of installed packages excepted. */
export function markdownPages(): string[] {
  return globSync(
    ["*.md", "docs/**/*.md", "examples/**/*.md", "sdk/*.md", "runtime/*.md", "runtime/create/*.md"],
    {
      cwd: ROOT,
      exclude: (path) => /(?:^|[\\/])(?:node_modules|dist)(?:[\\/]|$)|(?:^|[\\/])\.e2e-/.test(path),
    },
  ).toSorted();
}

export function readPage(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** Fenced blocks of a page. Of a block in a list, the indentation of its fence is no part of the code. */
export function toBlocks(file: string, text: string): Block[] {
  const found: Block[] = [];
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at++) {
    const opening = /^(\s*)(`{3,})([^`]*)$/.exec(lines[at] ?? "");
    if (opening === null) continue;
    const [, indent = "", fence = "", info = ""] = opening;
    const start = at + 1;
    at = start;
    while (at < lines.length && lines[at]?.trim() !== fence) at += 1;
    const code = lines.slice(start, at).map((line) => line.slice(indent.length));
    found.push({ file, line: start, info: info.trim(), code: code.join("\n") });
  }
  return found;
}
