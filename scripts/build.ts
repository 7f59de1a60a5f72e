/**
 * Emits dist/ of the packages with tsc, then checks what `npm pack` would ship of all: no sources, no tests, `exports` that
 * every resolver agrees on.
 *
 * `node scripts/build.ts` builds and checks; `--no-check` only builds, and without `--all` not the packages of
 * `examples/packages`; `--into DIR` puts whole packages into DIR/sdk,
 * DIR/runtime and so on, and leaves the workspace without dist; `--list` only says which packages that are.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const root = resolve(import.meta.dirname, "..");
const { values: flags } = parseArgs({
  options: {
    "no-check": { type: "boolean" },
    all: { type: "boolean" },
    into: { type: "string" },
    list: { type: "boolean" },
  },
});
/** In order: the others compile against the SDK's declarations. */
const packages = ["sdk", "runtime", "examples/handler-package"];
// Most tests of what is built have no use for them.
if (flags["no-check"] !== true || flags.all === true)
  packages.push(...foldersWithPackages("examples/packages"));
/** Nothing to build: a command in plain JavaScript. */
const plain = ["runtime/create"];
const target = resolve(flags.into ?? root);

if (flags.list === true) {
  console.log(JSON.stringify([...packages, ...plain]));
  process.exit(0);
}

for (const name of packages) {
  rmSync(join(target, name, "dist"), { recursive: true, force: true });
  if (target !== root) stage(name);
  run(`build ${name}`, "typescript/bin/tsc", ["-p", join(target, name, "tsconfig.build.json")]);
}

for (const name of plain) if (target !== root) copyPackage(name);

if (flags["no-check"] !== true) {
  for (const name of plain) {
    checkFiles(name, ["bin/create.js"]);
    run(`publint ${name}`, "publint/src/cli.js", ["run", join(target, name), "--strict"]);
  }
  for (const name of packages) {
    checkFiles(name, ["dist/index.js", "dist/index.d.ts"]);
    run(`publint ${name}`, "publint/src/cli.js", ["run", join(target, name), "--strict"]);
    run(`attw ${name}`, "@arethetypeswrong/cli/dist/index.js", [
      "--pack",
      join(target, name),
      "--profile",
      "esm-only",
      "--no-emoji",
    ]);
  }
}

function foldersWithPackages(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}/${entry.name}`);
}

/** Everything of a package but its sources. */
function copyPackage(name: string): void {
  const from = join(root, name);
  const to = join(target, name);
  mkdirSync(to, { recursive: true });
  for (const file of ["package.json", "README.md", "LICENSE", "bin"]) {
    if (existsSync(join(from, file))) cpSync(join(from, file), join(to, file), { recursive: true });
  }
}

/** The same, and a tsconfig that emits the sources into it. */
function stage(name: string): void {
  const from = join(root, name);
  const to = join(target, name);
  copyPackage(name);
  const config = {
    extends: join(from, "tsconfig.build.json"),
    compilerOptions: {
      rootDir: from,
      outDir: join(to, "dist"),
      typeRoots: [join(root, "node_modules/@types")],
      paths: { "@gatewright/sdk": [join(target, "sdk/dist/index.d.ts")] },
    },
    include: [join(from, "**/*.ts")],
    exclude: ["dist", "node_modules", "create", "**/*.test.ts"].map((one) => join(from, one)),
  };
  writeFileSync(join(to, "tsconfig.build.json"), JSON.stringify(config));
}

function run(title: string, script: string, args: readonly string[]): string {
  const started = performance.now();
  const result = spawnSync(process.execPath, [join(root, "node_modules", script), ...args], {
    cwd: root,
    encoding: "utf8",
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (result.status === 0) {
    console.log(`ok ${title} (${seconds} s)`);
    return result.stdout;
  }
  console.error(`failed: ${title}\n${result.stdout}${result.stderr}`);
  process.exit(1);
}

/** The tarball holds what runs, and nothing that would run differently there: a `.ts` in it could not be loaded. */
function checkFiles(name: string, needed: readonly string[]): void {
  const result = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: join(target, name),
    encoding: "utf8",
  });
  const files = listedFiles(result.stdout);
  const wrong = files.filter(
    (path) =>
      !/^(?:dist\/.+\.(?:js|d\.ts)|bin\/[a-z]+\.js|package\.json|README\.md|LICENSE)$/.test(path),
  );
  const missing = [...needed, "LICENSE", "README.md"].filter((path) => !files.includes(path));
  if (result.status !== 0 || wrong.length > 0 || missing.length > 0) {
    console.error(`failed: contents of ${name}: ${result.stderr}`);
    if (wrong.length > 0) console.error(`  must not be in the package: ${wrong.join(", ")}`);
    if (missing.length > 0) console.error(`  missing from the package: ${missing.join(", ")}`);
    process.exit(1);
  }
  console.log(`ok contents of ${name}: ${files.length} files`);
}

/** npm prints an array up to version 11 and an object by package name since. */
function listedFiles(output: string): string[] {
  const report = JSON.parse(output) as unknown;
  const entries = Object.values(report as Record<string, { files: { path: string }[] }>);
  return entries.flatMap((entry) => entry.files.map((file) => file.path));
}
