import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import type { Tarball } from "./npm-registry.ts";

const root = resolve(import.meta.dirname, "../..");

/**
 * Builds and packs what is published. In a copy: the workspace itself stays without dist, which other tests rely on.
 * `"all"`: those in `examples/packages` too.
 */
export function packPackages(into: string, which: "main" | "all" = "main"): Tarball[] {
  const stage = join(into, "stage");
  const build = [join(root, "scripts/build.ts"), "--no-check", "--into", stage];
  if (which === "all") build.push("--all");
  execFileSync(process.execPath, build, { cwd: root });
  const names = ["sdk", "runtime", "runtime/create", "examples/handler-package"];
  if (which === "all") {
    names.push(
      ...readdirSync(join(stage, "examples/packages")).map((name) => `examples/packages/${name}`),
    );
  }
  return names.map((name) => packFolder(join(stage, name), into));
}

/** Packs one folder as it is. */
function packFolder(folder: string, into: string): Tarball {
  mkdirSync(into, { recursive: true });
  const printed = execFileSync("npm", ["pack", "--json", "--pack-destination", into], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    name: string;
    version: string;
  };
  const file = /"filename": "([^"]+)"/.exec(printed)?.[1] ?? "";
  // npm names the file of a scoped package by its name in one version and by its path in another.
  return { name, version, file: join(into, file.replace("@", "").replace("/", "-")) };
}
