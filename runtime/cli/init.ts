import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

import { shownPath } from "./config-file.ts";
import { projectFiles } from "./templates.ts";
import { createPaint, UsageError, type ExitCode, type Terminal } from "./terminal.ts";

/** Writes a project that works as it is. Overwrites nothing: either all files are written or none. */
export function runInit(terminal: Terminal, cwd: string, given: string | undefined): ExitCode {
  const dir = resolve(cwd, given ?? ".");
  if (existsSync(dir) && !statSync(dir).isDirectory()) {
    throw new UsageError(`${shownPath(cwd, dir)} is a file: name a folder.`);
  }
  const files = projectFiles(toPackageName(basename(dir)));
  const taken = [...files.keys()].filter((file) => existsSync(join(dir, file)));
  if (taken.length > 0) {
    throw new UsageError(
      `These files are there already and would be overwritten:\n${taken.map((file) => `  ${shownPath(cwd, join(dir, file))}`).join("\n")}\nMove them away, or name another folder: gatewright init DIR`,
    );
  }
  mkdirSync(dir, { recursive: true });
  // "wx": a file that has appeared since the look above is kept.
  for (const [file, text] of files) writeFileSync(join(dir, file), text, { flag: "wx" });

  const paint = createPaint(terminal.outColor);
  const lines = [...files.keys()].map(
    (file) => `  ${paint("green", "+")} ${shownPath(cwd, join(dir, file))}`,
  );
  const steps = [
    ...(dir === cwd ? [] : [`cd ${shownPath(cwd, dir)}`]),
    "npm install",
    `npm run dev      ${paint("dim", "# then open http://127.0.0.1:8080")}`,
  ];
  terminal.out([...lines, "", "Next:", ...steps.map((step) => `  ${step}`)].join("\n"));
  return 0;
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
