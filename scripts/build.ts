/**
 * Emits dist/ of both packages with tsc, then checks what `npm pack` would ship: no sources, no tests, `exports` that
 * every resolver agrees on.
 *
 * `node scripts/build.ts` builds and checks; with `--no-check` it only builds.
 */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
/** In order: the runtime compiles against the SDK's declarations. */
const packages = ["sdk", "runtime"];

for (const name of packages) {
  rmSync(join(root, name, "dist"), { recursive: true, force: true });
  run(`build ${name}`, "typescript/bin/tsc", ["-p", name]);
}

if (!process.argv.includes("--no-check")) {
  for (const name of packages) {
    checkFiles(name);
    run(`publint ${name}`, "publint/src/cli.js", ["run", name, "--strict"]);
    run(`attw ${name}`, "@arethetypeswrong/cli/dist/index.js", [
      "--pack",
      name,
      "--profile",
      "esm-only",
      "--no-emoji",
    ]);
  }
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
function checkFiles(name: string): void {
  const result = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: join(root, name),
    encoding: "utf8",
  });
  const files = listedFiles(result.stdout);
  const wrong = files.filter((path) => !/^(?:dist\/.+\.(?:js|d\.ts)|bin\/[a-z]+\.js|package\.json|README\.md|LICENSE)$/.test(path));
  const missing = ["dist/index.js", "dist/index.d.ts", "LICENSE", "README.md"].filter((path) => !files.includes(path));
  if (result.status !== 0 || wrong.length > 0 || missing.length > 0) {
    console.error(`failed: contents of ${name}: ${result.stderr}`);
    if (wrong.length > 0) console.error(`  must not be in the package: ${wrong.join(", ")}`);
    if (missing.length > 0) console.error(`  missing from the package: ${missing.join(", ")}`);
    process.exit(1);
  }
  if (!existsSync(join(root, name, "dist"))) process.exit(1);
  console.log(`ok contents of ${name}: ${files.length} files`);
}

/** npm prints an array up to version 11 and an object by package name since. */
function listedFiles(output: string): string[] {
  const report = JSON.parse(output) as unknown;
  const entries = Object.values(report as Record<string, { files: { path: string }[] }>);
  return entries.flatMap((entry) => entry.files.map((file) => file.path));
}
