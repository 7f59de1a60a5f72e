import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { createConfigLoader } from "../../runtime/config/load.ts";
import type { ConfigLoader, ConfigLoaderOptions, LoadResult } from "../../runtime/config/load.ts";
import { createStackMapper } from "../../runtime/config/stack-mapper.ts";
import type { StackMapper } from "../../runtime/config/stack-mapper.ts";
import { collectLog } from "./log-lines.ts";
import type { LogCollector } from "./log-lines.ts";

const root = resolve(import.meta.dirname, "../..");

/** A folder with a config in it, as a user would have it: the SDK is there, as a link. */
export interface ConfigProject extends AsyncDisposable {
  readonly dir: string;
  readonly file: string;
  path(name: string): string;
  write(name: string, text: string): Promise<void>;
  /** Writes several files; names are relative to the folder. */
  writeAll(files: Readonly<Record<string, string>>): Promise<void>;
}

export async function createConfigProject(
  files: Readonly<Record<string, string>> = {},
): Promise<ConfigProject> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "gatewright-config-")));
  const path = (name: string): string => join(dir, name);
  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(dirname(path(name)), { recursive: true });
    await writeFile(path(name), text);
  };
  const writeAll = async (all: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, text] of Object.entries(all)) await write(name, text);
  };
  await mkdir(path("node_modules/@gatewright"), { recursive: true });
  await symlink(join(root, "sdk"), path("node_modules/@gatewright/sdk"));
  await writeAll({ "package.json": '{ "type": "module" }', ...files });
  return {
    dir,
    file: path("proxy.config.ts"),
    path,
    write,
    writeAll,
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

export interface TestLoader extends AsyncDisposable, ConfigLoader {
  readonly stackMapper: StackMapper;
  readonly logs: LogCollector;
}

export function createTestLoader(
  file: string,
  options: Partial<ConfigLoaderOptions> = {},
): TestLoader {
  const stackMapper = createStackMapper();
  const logs = collectLog();
  const loader = createConfigLoader({
    file,
    command: "start",
    env: {},
    log: logs.log,
    stackMapper,
    ...options,
  });
  return { ...loader, stackMapper, logs, [Symbol.asyncDispose]: () => loader.close() };
}

/** The loaded config, or an error that says what was wrong with it. */
export function expectLoaded(
  result: LoadResult,
): Extract<LoadResult, { kind: "loaded" }>["loaded"] {
  if (result.kind === "loaded") return result.loaded;
  if (result.kind === "unchanged") throw new Error("the code did not change");
  throw new Error(
    result.report.issues.map((issue) => `${issue.path}: ${issue.message}`).join("\n"),
  );
}

export function expectFailed(
  result: LoadResult,
): Extract<LoadResult, { kind: "failed" }>["report"] {
  if (result.kind !== "failed") throw new Error(`expected a failure, got ${result.kind}`);
  return result.report;
}
