/**
 * Every TypeScript block in README.md and docs/ compiles against the SDK, in one run of tsc. How to write them:
 *
 *     ```ts              a whole module, checked as it is
 *     ```ts config       entries of a config: wrapped in `defineConfig({ … })`, with two upstreams `api` and `app` unless
 *                        the block has `upstreams` of its own
 *     ```ts body         statements within an onRequest hook: `request` and `ctx` are there
 *
 * Nothing is exempt. Lines in a report are those of the Markdown file.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** Inside the workspace, so that `@gatewright/sdk` resolves as it does for the examples; ignored by git. */
const DIR = join(ROOT, "tmp", `docs-code-blocks-${process.pid}`);
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

const WRAPPERS: Readonly<Record<string, (code: string) => [before: string, after: string]>> = {
  ts: () => ["", ""],
  "ts config": (code) => [
    'import { defineConfig, definePlugin } from "@gatewright/sdk"; export default defineConfig({ ' +
      (/\bupstreams:/.test(code)
        ? ""
        : 'upstreams: { api: { targets: ["http://127.0.0.1:9000"] }, app: { fetch: () => new Response() } }, '),
    "});",
  ],
  "ts body": () => [
    'import type { Hooks } from "@gatewright/sdk"; export const hooks: Hooks<"api" | "app"> = { async onRequest(request, ctx) { ',
    "} };",
  ],
};

interface Block {
  /** Path within the repository. */
  readonly file: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  readonly info: string;
  readonly code: string;
}

const blocks: Block[] = ["README.md", ...globSync("docs/**/*.md", { cwd: ROOT })].flatMap((file) =>
  toBlocks(file, readFileSync(join(ROOT, file), "utf8")),
);

describe("TypeScript in the docs", () => {
  let complaints = new Map<string, string[]>();

  beforeAll(() => {
    complaints = compile(blocks.filter(({ info }) => info in WRAPPERS));
  }, 60_000);

  afterAll(() => {
    rmSync(DIR, { recursive: true, force: true });
  });

  it("is found", () => {
    expect(blocks.length).toBeGreaterThan(10);
    expect(blocks.some(({ file }) => file === "README.md")).toBe(true);
  });

  it.each(blocks)("compiles: $file, line $line", (block) => {
    expect(Object.keys(WRAPPERS), "one of the kinds at the top of this test").toContain(block.info);
    expect(complaints.get(moduleName(block)) ?? []).toEqual([]);
  });

  it("is compiled for real: a mistake is reported with its line", () => {
    const code = 'onRequest(request, ctx) {\n  return ctx.forward("apii");\n},';
    const bad: Block = { file: "docs/bad.md", line: 7, info: "ts config", code };
    const [complaint] = compile([bad]).get(moduleName(bad)) ?? [];
    expect(complaint).toMatch(/^docs\/bad\.md:9: .*apii/);
  }, 60_000);
});

/** One run of tsc; complaints by module. */
function compile(sources: readonly Block[]): Map<string, string[]> {
  rmSync(DIR, { recursive: true, force: true });
  mkdirSync(DIR, { recursive: true });
  for (const block of sources) {
    const [before, after] = (WRAPPERS[block.info] as (code: string) => [string, string])(
      block.code,
    );
    // Empty lines first: what stands on line N of the module stands on line N of the page.
    const text = `${"\n".repeat(block.line - 1)}${before}\n${block.code}\n${after}\nexport {};\n`;
    writeFileSync(join(DIR, moduleName(block)), text);
  }
  const extend = relative(DIR, join(ROOT, "tsconfig.json"));
  const options = { extends: extend, include: ["*.ts"], exclude: [] };
  writeFileSync(join(DIR, "tsconfig.json"), JSON.stringify(options));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [TSC, "--project", DIR, "--pretty", "false"],
    { cwd: DIR, encoding: "utf8" },
  );
  const found = new Map<string, string[]>();
  for (const line of stdout.split("\n")) {
    const [, name = "", at = "", message = ""] =
      /^([^(\s]+\.ts)\((\d+),\d+\): (.*)$/.exec(line) ?? [];
    const block = sources.find((source) => name.endsWith(moduleName(source)));
    if (block === undefined) continue;
    const list = found.get(moduleName(block)) ?? [];
    list.push(`${block.file}:${at}: ${message}`);
    found.set(moduleName(block), list);
  }
  // A failure that no block explains (no tsc, a broken tsconfig) must not pass as "no complaints".
  if (status !== 0 && found.size === 0) throw new Error(`tsc failed:\n${stdout}${stderr}`);
  return found;
}

function moduleName({ file, line }: Block): string {
  return `${file.replaceAll(/[^A-Za-z0-9]+/g, "-")}-${line}.ts`;
}

/** Fenced blocks whose info string begins with "ts". */
function toBlocks(file: string, text: string): Block[] {
  const found: Block[] = [];
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at++) {
    const [, indent = "", info = ""] = /^(\s*)```(\S.*)$/.exec(lines[at] ?? "") ?? [];
    if (info === "") continue;
    const start = at + 1;
    while (at + 1 < lines.length && lines[at + 1]?.trim() !== "```") at += 1;
    const code = lines.slice(start, at + 1).map((line) => line.slice(indent.length));
    at += 1;
    if (/^(?:ts|typescript|tsx)\b/.test(info)) {
      found.push({ file, line: start, info: info.trim(), code: code.join("\n") });
    }
  }
  return found;
}
