/**
 * Every fenced block in a page of the repository is compiled or parsed, and none is exempt. How to write them:
 *
 *     ```ts              a whole module, checked as it is
 *     ```ts config       entries of a config: wrapped in `defineConfig({ … })`, with two upstreams `api` and `app` unless
 *                        the block has `upstreams` of its own
 *     ```ts body         statements within an onRequest hook: `request` and `ctx` are there
 *     ```ts reference    what docs/reference.md quotes: all names of the SDK are there, `request`, `response` and `ctx` too
 *     ```js              parsed; for programs that are not Gatewright's
 *     ```sh              commands: those of `gatewright` are parsed against its options, scripts and files must exist
 *     ```json, yaml      parsed
 *     ```text …          what no machine reads; and configs of other programs
 *
 * All TypeScript is compiled in one run of tsc. Lines in a report are those of the Markdown file.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

import { parseSync } from "oxc-parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";

import { createProgram } from "../../../runtime/cli/program.ts";
import { markdownPages, readPage, ROOT, toBlocks, type Block } from "../../helpers/markdown.ts";
import { toCommands } from "../../helpers/shell-lines.ts";

/** Inside the workspace, so that `@gatewright/sdk` resolves as it does for the examples; ignored by git. */
const DIR = join(ROOT, "tmp", `docs-code-blocks-${process.pid}`);
/** It is built only where it is packed, as a package of somebody else would be. */
const UNBUILT_PACKAGE = join(ROOT, "examples/handler-package/index.ts");
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
  "ts reference": (code) => [
    `import { ${sdkNames()
      .filter(
        (name) =>
          !new RegExp(`^(?:type|declare function) ${name.replace("type ", "")}\\b`, "m").test(code),
      )
      .join(
        ", ",
      )} } from "@gatewright/sdk"; declare const request: ProxyRequest, response: ProxyResponse, ctx: Context;`,
    "",
  ],
};

/** Not looked into: texts, and what other programs read. */
const FOREIGN: ReadonlySet<string> = new Set([
  "text",
  "http",
  "diff",
  "mermaid",
  "html",
  "nginx",
  "caddyfile",
  "toml",
  "dockerfile",
  "ini",
]);

/** What a reader has, or is told to install. Another one is a slip, or belongs here. */
const PROGRAMS: ReadonlySet<string> = new Set([
  "gatewright",
  "npm",
  "npx",
  "node",
  "curl",
  "cd",
  "openssl",
  "git",
  "ulimit",
  "kill",
  "cat",
  "echo",
  "sysctl",
  "grpcurl",
  "tar",
]);

const BAD: Block = {
  file: "docs/bad.md",
  line: 7,
  info: "ts config",
  code: 'onRequest(request, ctx) {\n  return ctx.forward("apii");\n},',
};

const blocks = markdownPages().flatMap((file) => toBlocks(file, readPage(file)));
const ofKind = (test: (info: string) => boolean): Block[] =>
  blocks.filter(({ info }) => test(info));

describe("fenced blocks", () => {
  it("are found", () => {
    expect(blocks.length).toBeGreaterThan(80);
    expect(new Set(blocks.map(({ file }) => file))).toContain("README.md");
  });

  it.each(blocks)("are of a kind that is checked: $file, line $line", ({ info }) => {
    const kinds = [...Object.keys(WRAPPERS), ...FOREIGN, "sh", "js", "json", "yaml"];
    expect(kinds, "one of the kinds at the top of this test").toContain(info);
  });
});

describe("TypeScript in the docs", () => {
  let complaints = new Map<string, string[]>();

  beforeAll(() => {
    complaints = compile([...ofKind((info) => info in WRAPPERS), BAD]);
  }, 60_000);

  afterAll(() => {
    rmSync(DIR, { recursive: true, force: true });
  });

  it.each(ofKind((info) => info in WRAPPERS))("compiles: $file, line $line", (block) => {
    expect(complaints.get(moduleName(block)) ?? []).toEqual([]);
  });

  it("is compiled for real: a mistake is reported with its line", () => {
    const [complaint] = complaints.get(moduleName(BAD)) ?? [];
    expect(complaint).toMatch(/^docs\/bad\.md:9: .*apii/);
  });
});

describe("commands in the docs", () => {
  it.each(ofKind((info) => info === "sh"))(
    "can be given: $file, line $line",
    async ({ file, code }) => {
      const commands = toCommands(code);
      expect(commands).not.toEqual([]);
      for (const words of commands) await checkCommand(words, dirname(join(ROOT, file)));
    },
  );

  it.each([
    ["gatewright explain GET / --hader 'a: b'", /unknown option '--hader'/],
    ["npx gatewright strat", /unknown command 'strat'/],
    ["npm run nonsense", /no script "nonsense"/],
    ["node missing.ts &", /no file missing\.ts/],
    ["crul http://127.0.0.1/", /crul/],
  ])("are checked for real: %s", async (line, complaint) => {
    await expect(async () => {
      for (const words of toCommands(line)) await checkCommand(words, ROOT);
    }).rejects.toThrow(complaint);
  });
});

describe("data in the docs", () => {
  it.each(ofKind((info) => info === "json"))("is JSON: $file, line $line", ({ code }) => {
    JSON.parse(code);
  });

  it.each(ofKind((info) => info === "yaml"))("is YAML: $file, line $line", ({ code }) => {
    for (const document of parseAllDocuments(code)) expect(document.errors).toEqual([]);
  });

  it.each(ofKind((info) => info === "js"))("is JavaScript: $file, line $line", ({ code }) => {
    expect(parseSync("block.js", code).errors).toEqual([]);
  });
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
  const compilerOptions = { paths: { "gatewright-plugin-api-key": [UNBUILT_PACKAGE] } };
  const options = { extends: extend, compilerOptions, include: ["*.ts"], exclude: [] };
  writeFileSync(join(DIR, "tsconfig.json"), JSON.stringify(options));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [TSC, "--project", DIR, "--pretty", "false"],
    { cwd: DIR, encoding: "utf8" },
  );
  const found = new Map<string, string[]>();
  const byModule = new Map(sources.map((source) => [moduleName(source), source]));
  for (const line of stdout.split("\n")) {
    const [, name = "", at = "", message = ""] =
      /^([^(\s]+\.ts)\((\d+),\d+\): (.*)$/.exec(line) ?? [];
    const block = byModule.get(name.slice(name.lastIndexOf("/") + 1));
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

/** Everything that sdk/index.ts exports. */
function sdkNames(): string[] {
  const index = readFileSync(join(ROOT, "sdk/index.ts"), "utf8");
  return [...index.matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(([, isType, names = ""]) =>
    names
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => (isType === undefined ? name : `type ${name}`)),
  );
}

/** Rejects with what is wrong with a command that is given in this folder. */
async function checkCommand(words: readonly string[], dir: string): Promise<void> {
  const [program = "", ...args] = words;
  expect([...PROGRAMS], "a program that readers have").toContain(program);
  if (program === "npx" && args[0] === "gatewright") return parseGatewright(args.slice(1));
  if (program === "gatewright") return parseGatewright(args);
  if (program === "npm" && args[0] === "run") return checkScript(args.slice(1), dir);
  const isFile = program === "node" && !args.includes("-e");
  const file = isFile ? args.find((arg) => !arg.startsWith("-")) : undefined;
  if (file !== undefined && !existsSync(join(dir, file))) throw new Error(`no file ${file}`);
}

function checkScript(args: readonly string[], dir: string): void {
  const name = args.find((arg) => !arg.startsWith("-"))?.replace(/\)$/, "") ?? "";
  const places = [dir, ROOT]
    .map((place) => join(place, "package.json"))
    .filter((place) => existsSync(place));
  const scripts = places.map(
    (place) => (JSON.parse(readFileSync(place, "utf8")) as { scripts?: object }).scripts ?? {},
  );
  if (!scripts.some((some) => name in some)) throw new Error(`no script "${name}"`);
}

/** The command line is parsed as in life; then nothing is done. */
async function parseGatewright(args: readonly string[]): Promise<void> {
  let complaint = "";
  const terminal = {
    out() {},
    err(text: string) {
      complaint += `${text}\n`;
    },
    outColor: false,
    errColor: false,
  };
  const program = createProgram(terminal, ROOT, () => {});
  for (const command of program.commands) command.action(() => {});
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    throw new Error(`gatewright ${args.join(" ")}: ${complaint}`, { cause: error });
  }
}
