import { createHash } from "node:crypto";
import { accessSync, constants, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { context } from "esbuild";
import type { BuildContext, Message } from "esbuild";

import { messageToIssue } from "./compile-issue.ts";
import type { ConfigIssue, ConfigReport } from "./issue.ts";
import { MODULE_SCOPE_DEFINES, moduleScope } from "./module-scope.ts";
import { ancestorsOf, nearestManifest, packageNameOf, readManifest } from "./package-files.ts";
import { packageRule } from "./package-rule.ts";
import { toSources } from "./sources.ts";
import type { Sources } from "./sources.ts";

/** An npm package that stays outside the bundle. */
export interface ExternalPackage {
  readonly name: string;
  /** Folder as the importer sees it (`node_modules/NAME`), which may be a link. */
  readonly dir: string;
  /** Real path of the file that is loaded. */
  readonly entry: string;
}

export type CompileResult =
  | {
      readonly kind: "compiled";
      readonly code: string;
      /** Digest of the code. */
      readonly digest: string;
      readonly sources: Sources;
      readonly inputs: readonly string[];
      readonly packages: readonly ExternalPackage[];
    }
  | {
      readonly kind: "failed";
      readonly stage: ConfigReport["stage"];
      readonly issues: readonly ConfigIssue[];
      /** What was read, and where the missing files would have been. */
      readonly inputs: readonly string[];
    };

export interface Compiler {
  /** One build; later ones reuse what has not changed. Not to be called while another is under way. */
  compile(): Promise<CompileResult>;
  dispose(): Promise<void>;
}

/** What one build found on its way. */
class BuildNotes {
  readonly inputs = new Set<string>();
  readonly packages = new Map<string, ExternalPackage>();
  readonly prefixes = new Map<string, number>();
  forced: ReadonlySet<string> = new Set();

  clear(): void {
    this.inputs.clear();
    this.packages.clear();
    this.prefixes.clear();
  }
}

/** Compiles one config file and everything of the project that it imports into one CommonJS text. */
export function createCompiler(file: string): Compiler {
  const dir = dirname(file);
  const notes = new BuildNotes();
  let building: BuildContext<{ write: false }> | undefined;

  return {
    async compile() {
      notes.clear();
      for (const input of [file, join(dir, "package.json"), join(dir, "tsconfig.json")]) {
        notes.inputs.add(input);
      }
      const unreadable = readIssue(file);
      if (unreadable !== undefined) return failure("read", [unreadable]);
      const manifest = readForced(dir, notes);
      if (manifest !== undefined) return failure("read", [manifest]);
      try {
        building ??= await createContext(file, notes);
        const { outputFiles } = await building.rebuild();
        const code = outputFiles.find((output) => output.path.endsWith(".cjs"))?.text ?? "";
        const map = outputFiles.find((output) => output.path.endsWith(".map"))?.text ?? "{}";
        return {
          kind: "compiled",
          code,
          digest: createHash("sha256").update(code).digest("hex"),
          sources: toSources(map, dir, new Map(notes.prefixes)),
          inputs: [...notes.inputs],
          packages: [...notes.packages.values()],
        };
      } catch (error) {
        const messages = messagesOf(error);
        for (const message of messages) noteMissing(message, dir, notes.inputs);
        return failure(
          "compile",
          messages.map((message) => messageToIssue(message, dir, notes.prefixes)),
        );
      }
    },
    async dispose() {
      await building?.dispose();
      building = undefined;
    },
  };

  function failure(stage: ConfigReport["stage"], issues: readonly ConfigIssue[]): CompileResult {
    return { kind: "failed", stage, issues, inputs: [...notes.inputs] };
  }
}

function createContext(file: string, notes: BuildNotes): Promise<BuildContext<{ write: false }>> {
  const dir = dirname(file);
  return context({
    entryPoints: [file],
    absWorkingDir: dir,
    // Never written: the name only gives the source map's relative paths a folder to start from.
    outfile: join(dir, "gatewright-config.cjs"),
    write: false,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node24",
    conditions: ["@gatewright/source", "node"],
    sourcemap: "external",
    charset: "utf8",
    legalComments: "none",
    logLevel: "silent",
    // A real import() inside code that a vm script compiled would need a loader for each generation, which is never freed.
    supported: { "dynamic-import": false },
    define: { ...MODULE_SCOPE_DEFINES },
    plugins: [
      moduleScope({
        onInput: (path) => notes.inputs.add(path),
        onPrefix: (path, length) => notes.prefixes.set(path, length),
      }),
      packageRule({
        isForced: (name) => notes.forced.has(name),
        onExternal: (found) => notes.packages.set(found.entry, found),
        onAlias: (path) => notes.inputs.add(path),
      }),
    ],
  });
}

function readIssue(file: string): ConfigIssue | undefined {
  try {
    if (!statSync(file).isFile()) {
      return {
        path: "",
        message: `${file} is not a file.`,
        fix: "Name the config file with --config FILE.",
      };
    }
    accessSync(file, constants.R_OK);
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") {
      return {
        path: "",
        message: `There is no file ${file}.`,
        fix: "Make one with `gatewright init`, or name another with --config FILE.",
      };
    }
    return { path: "", message: `${file} cannot be read: ${code ?? String(error)}.` };
  }
}

/** Takes the list `gatewright.bundle` of the nearest package.json; returns an issue if it is no list of names. */
function readForced(dir: string, notes: BuildNotes): ConfigIssue | undefined {
  notes.forced = new Set();
  const file = nearestManifest(dir);
  if (file === undefined) return undefined;
  notes.inputs.add(file);
  const options = readManifest(file)?.["gatewright"];
  if (typeof options !== "object" || options === null || !("bundle" in options)) return undefined;
  const { bundle } = options;
  if (
    Array.isArray(bundle) &&
    bundle.every((name) => typeof name === "string" && packageNameOf(name) === name)
  ) {
    notes.forced = new Set(bundle);
    return undefined;
  }
  return {
    path: "",
    message: `"gatewright.bundle" in ${file} is not a list of package names.`,
    expected: '"gatewright": { "bundle": ["package-name"] }',
    place: { file, line: 1, column: 1 },
  };
}

function messagesOf(error: unknown): readonly Message[] {
  const errors = (error as { errors?: unknown }).errors;
  if (Array.isArray(errors) && errors.length > 0) return errors as Message[];
  const text = error instanceof Error ? error.message : String(error);
  return [{ id: "", pluginName: "", text, location: null, notes: [], detail: undefined }];
}

const ENDINGS = ["", ".ts", ".tsx", ".mts", ".cts", ".js", ".mjs", ".cjs", ".json"];

/** Adds the places where a file that could not be found would be, so that its arrival is noticed. */
function noteMissing(message: Message, dir: string, inputs: Set<string>): void {
  const specifier = /^Could not resolve "(.+)"$/.exec(message.text)?.[1];
  if (specifier === undefined || message.location === null) return;
  const fromDir = dirname(resolve(dir, message.location.file));
  if (/^[./]/.test(specifier)) {
    const base = resolve(fromDir, specifier);
    const bases = /\.[cm]?js$/.test(base) ? [base, base.replace(/js$/, "ts")] : [base];
    for (const path of bases) {
      for (const ending of ENDINGS) inputs.add(path + ending);
      for (const ending of [".ts", ".js"]) inputs.add(join(path, `index${ending}`));
    }
    return;
  }
  const name = packageNameOf(specifier);
  if (name === undefined) return;
  for (const ancestor of ancestorsOf(fromDir)) {
    inputs.add(join(ancestor, "node_modules", name, "package.json"));
    if (nearestManifest(ancestor) === join(ancestor, "package.json")) break;
  }
}
