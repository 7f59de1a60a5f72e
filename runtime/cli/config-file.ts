import { statSync } from "node:fs";
import { relative, resolve } from "node:path";

import { UsageError } from "./terminal.ts";

export const DEFAULT_CONFIG = "proxy.config.ts";

/** The config's absolute path, or a UsageError that says where it was looked for and what to do. */
export function findConfig(cwd: string, given: string | undefined): string {
  const file = resolve(cwd, given ?? DEFAULT_CONFIG);
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats?.isFile() === true) return file;
  const found = stats === undefined ? "there is no such file" : "that is not a file";
  const advice =
    given === undefined
      ? "Name another one with --config FILE, or write a new project with: gatewright init"
      : "Check the path, or write a new project with: gatewright init";
  throw new UsageError(`Looked for the config at ${file}, but ${found}.\n${advice}`);
}

/** A path as the user would type it. */
export function shownPath(cwd: string, file: string): string {
  const short = relative(cwd, file);
  return short === "" || short.startsWith("..") ? file : short;
}
