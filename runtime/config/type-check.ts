import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, parse, resolve } from "node:path";

import { readFrame } from "./code-frame.ts";
import type { ConfigIssue } from "./issue.ts";
import { ancestorsOf, isInstalled, readManifest, visiblePackageDir } from "./package-files.ts";

export type TypeCheckResult =
  | { readonly kind: "checked"; readonly version: string; readonly issues: readonly ConfigIssue[] }
  /** `typescript` is not installed where the config file could import it. */
  | { readonly kind: "unavailable" }
  /** The compiler could not be run, or said something that is not understood. */
  | { readonly kind: "failed"; readonly message: string };

const MAX_OUTPUT_CHARS = 1024 * 1024;
const TIME_LIMIT_MS = 120_000;

/**
 * Type-checks a config file and what it imports with the project's own TypeScript, run as a program: version 7 has no
 * JavaScript interface. Options come from the project's tsconfig.json, but only this file is checked, so that an
 * unrelated mistake elsewhere is not reported as one of the config.
 */
export async function typeCheck(file: string): Promise<TypeCheckResult> {
  const path = resolve(file);
  const compiler = findCompiler(dirname(path));
  if (compiler === undefined) return { kind: "unavailable" };
  const folder = await mkdtemp(join(tmpdir(), "gatewright-types-"));
  try {
    const project = join(folder, "tsconfig.json");
    await writeFile(project, JSON.stringify(projectFor(path)));
    const { output, code } = await runCompiler(compiler.bin, project, dirname(path));
    const issues = parseDiagnostics(output, dirname(path));
    if (issues.length === 0 && code !== 0) {
      return { kind: "failed", message: output.trim().slice(0, 2000) || `tsc ended with ${code}` };
    }
    return { kind: "checked", version: compiler.version, issues };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function findCompiler(dir: string): { bin: string; version: string } | undefined {
  try {
    const manifestFile = createRequire(join(dir, "noop.js")).resolve("typescript/package.json");
    const manifest = readManifest(manifestFile);
    const bins = manifest?.["bin"];
    const bin = typeof bins === "object" && bins !== null && "tsc" in bins ? bins.tsc : bins;
    if (typeof bin !== "string") return undefined;
    return { bin: join(dirname(manifestFile), bin), version: String(manifest?.["version"]) };
  } catch {
    return undefined;
  }
}

function projectFor(file: string): object {
  const dir = dirname(file);
  const own = ancestorsOf(dir)
    .map((ancestor) => join(ancestor, "tsconfig.json"))
    .find((candidate) => existsSync(candidate));
  // The temporary file lies elsewhere, and from there the project's @types would not be found.
  const typeRoots = ancestorsOf(dir)
    .map((ancestor) => join(ancestor, "node_modules", "@types"))
    .filter((candidate) => existsSync(candidate));
  const always = {
    noEmit: true,
    composite: false,
    incremental: false,
    rootDir: parse(file).root,
    skipLibCheck: true,
    ...(typeRoots.length === 0 ? {} : { typeRoots }),
  };
  if (own !== undefined) {
    return { extends: own, files: [file], include: [], exclude: [], compilerOptions: always };
  }
  const sdk = visiblePackageDir("@gatewright/sdk", dir);
  const isLinked = sdk !== undefined && !isInstalled(realpathSync(sdk));
  return {
    files: [file],
    compilerOptions: {
      ...always,
      target: "es2024",
      module: "nodenext",
      strict: true,
      allowImportingTsExtensions: true,
      resolveJsonModule: true,
      types: typeRoots.some((root) => existsSync(join(root, "node"))) ? ["node"] : [],
      ...(isLinked ? { customConditions: ["@gatewright/source"] } : {}),
    },
  };
}

function runCompiler(
  bin: string,
  project: string,
  cwd: string,
): Promise<{ output: string; code: number }> {
  return new Promise((resolvePromise, reject) => {
    const child = spawn(process.execPath, [bin, "-p", project, "--pretty", "false"], {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TIME_LIMIT_MS,
    });
    let output = "";
    const collect = (chunk: string) => {
      if (output.length < MAX_OUTPUT_CHARS) output += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.once("error", reject);
    child.once("close", (code) => resolvePromise({ output, code: code ?? 1 }));
  });
}

/** Reads `file(line,column): error TS1234: text`, with further lines of the text indented below it. */
function parseDiagnostics(output: string, cwd: string): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  let current: { head: ConfigIssue; more: string[] } | undefined;
  const finish = () => {
    if (current === undefined) return;
    issues.push({ ...current.head, message: [current.head.message, ...current.more].join("\n") });
    current = undefined;
  };
  for (const line of output.split(/\r?\n/)) {
    const match = /^(?:(.+?)\((\d+),(\d+)\): )?error (TS\d+): (.*)$/.exec(line);
    if (match !== null) {
      finish();
      current = { head: toIssue(match, cwd), more: [] };
    } else if (/^\s+\S/.test(line) && current !== undefined && current.more.length < 20) {
      current.more.push(line);
    }
  }
  finish();
  return issues;
}

function toIssue(match: RegExpExecArray, cwd: string): ConfigIssue {
  const [, file, line, column, code = "", text = ""] = match;
  const message = `${text} (${code})`;
  if (file === undefined) return { path: "", message };
  const place = { file: resolve(cwd, file), line: Number(line), column: Number(column) };
  const frame = readFrame(place);
  return { path: "", message, place, ...(frame === undefined ? {} : { frame }) };
}
