import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

import { shownPath } from "./config-file.ts";
import { PROJECT_KINDS, projectFiles, type ProjectKind } from "./project/project-files.ts";
import { createPaint, UsageError, type ExitCode, type Terminal } from "./terminal.ts";

export interface InitFlags {
  readonly template?: ProjectKind;
  readonly json?: boolean;
}

/** Writes a project that works as it is. Overwrites nothing: either all files are written or none. */
export async function runInit(
  terminal: Terminal,
  cwd: string,
  given: string | undefined,
  flags: InitFlags = {},
): Promise<ExitCode> {
  const dir = resolve(cwd, given ?? ".");
  if (existsSync(dir) && !statSync(dir).isDirectory()) {
    throw new UsageError(`${shownPath(cwd, dir)} is a file: name a folder.`);
  }
  refuseTaken(cwd, dir);
  const kind = flags.template ?? (flags.json === true ? "plain" : await askKind(terminal));
  const files = projectFiles(toPackageName(basename(dir)), kind);
  for (const [file, text] of files) write(join(dir, file), text, cwd);
  const steps = [
    ...(dir === cwd ? [] : [`cd ${shownPath(cwd, dir)}`]),
    "npm install",
    "npm run dev",
  ];
  if (flags.json === true) {
    terminal.out(JSON.stringify({ dir, template: kind, files: [...files.keys()], next: steps }));
    return 0;
  }
  const paint = createPaint(terminal.outColor);
  const written = [...files.keys()].map(
    (file) => `  ${paint("green", "+")} ${shownPath(cwd, join(dir, file))}`,
  );
  const url = kind === "plain" ? "http://127.0.0.1:8080" : "https://localhost:8443";
  const hint = `      ${paint("dim", `# then open ${url}`)}`;
  const next = steps.map((step) => `  ${step}${step === "npm run dev" ? hint : ""}`);
  terminal.out([...written, "", "Next:", ...next].join("\n"));
  return 0;
}

function write(file: string, text: string, cwd: string): void {
  try {
    makeFolder(dirname(file));
    // "wx": a file that has appeared since the look before is kept.
    writeFileSync(file, text, { flag: "wx" });
  } catch (error) {
    const { code, path = file } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const reason = REASONS[code] ?? code;
    throw new UsageError(
      `${shownPath(cwd, path)} cannot be written: ${reason}.\nName another folder: gatewright init DIR`,
    );
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "you may not write there",
  EEXIST: "it is there already",
  ENOENT: "no folder can be made there",
  ENOSPC: "the disk is full",
  ENOTDIR: "what should be its folder is a file",
  EPERM: "you may not write there",
  EROFS: "the file system is read-only",
};

/** One by one: Node's `recursive` never comes back where the system says that a parent is missing, as under /proc. */
function makeFolder(dir: string): void {
  if (existsSync(dir)) return;
  makeFolder(dirname(dir));
  mkdirSync(dir);
}

/** A file of any kind of project: who is asked for a kind must not be refused afterwards. */
function refuseTaken(cwd: string, dir: string): void {
  const kinds = Object.keys(PROJECT_KINDS) as ProjectKind[];
  const all = new Set(kinds.flatMap((kind) => [...projectFiles("x", kind).keys()]));
  const taken = [...all].filter((file) => existsSync(join(dir, file)));
  if (taken.length === 0) return;
  throw new UsageError(
    `These files are there already and would be overwritten:\n${taken.map((file) => `  ${shownPath(cwd, join(dir, file))}`).join("\n")}\nMove them away, or name another folder: gatewright init DIR`,
  );
}

/** Without somebody to ask it is the plain one. */
async function askKind(terminal: Terminal): Promise<ProjectKind> {
  if (terminal.ask === undefined) return "plain";
  const paint = createPaint(terminal.outColor);
  const kinds = Object.entries(PROJECT_KINDS) as [ProjectKind, string][];
  const choices = kinds.map(
    ([kind, what], at) => `  ${at + 1}  ${paint("bold", kind.padEnd(7))} ${what}`,
  );
  terminal.out(["What shall it be?", ...choices].join("\n"));
  for (;;) {
    const answer = (await terminal.ask(`1 to ${kinds.length}, or its name [1]: `))?.trim();
    // The input has ended.
    if (answer === undefined) throw new UsageError("No answer: name it with --template.");
    if (answer === "") return "plain";
    const found = kinds.find(([kind], at) => kind === answer || String(at + 1) === answer);
    if (found !== undefined) return found[0];
    terminal.err(`There is no ${JSON.stringify(answer)}.`);
  }
}

/** npm's rules for names: lower case, no blanks, no leading dot. */
function toPackageName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "")
    .replace(/-+$/, "");
  return name === "" ? "proxy" : name;
}
