import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join, sep } from "node:path";

const NODE_MODULES = `${sep}node_modules${sep}`;

/** `name` or `@scope/name` of a bare specifier; `undefined` for `#internal`, paths and aliases that no package can have. */
export function packageNameOf(specifier: string): string | undefined {
  const match = /^(@[^/\\@]+\/[^/\\]+|[^@#./\\~][^/\\]*)/.exec(specifier);
  return match?.[1];
}

/** Whether a real path lies inside a `node_modules` folder. */
export function isInstalled(realPath: string): boolean {
  return realPath.includes(NODE_MODULES);
}

/** Folder of the installed package that a real path belongs to, with the package's name. */
export function installedPackageOf(realPath: string): { name: string; dir: string } | undefined {
  const at = realPath.lastIndexOf(NODE_MODULES);
  if (at === -1) return undefined;
  const start = at + NODE_MODULES.length;
  const name = packageNameOf(realPath.slice(start).replaceAll(sep, "/"));
  return name === undefined
    ? undefined
    : { name, dir: realPath.slice(0, start) + name.replaceAll("/", sep) };
}

/** The folder `node_modules/NAME` that an importer sees: the link itself, where it is one. */
export function visiblePackageDir(name: string, fromDir: string): string | undefined {
  for (const dir of ancestorsOf(fromDir)) {
    const candidate = join(dir, "node_modules", name);
    if (existsSync(candidate)) return candidate;
  }
  return undefined;
}

/** The folder and all folders above it, nearest first. */
export function ancestorsOf(dir: string): string[] {
  const dirs = [dir];
  for (let current = dir; dirname(current) !== current;) {
    current = dirname(current);
    dirs.push(current);
  }
  return dirs;
}

/** The nearest `package.json` at or above a folder. */
export function nearestManifest(dir: string): string | undefined {
  return ancestorsOf(dir)
    .map((ancestor) => join(ancestor, "package.json"))
    .find((file) => existsSync(file));
}

/** A `package.json` as an object; `undefined` if it is missing or no JSON object. */
export function readManifest(file: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether Node reads the file as an ES module, going by its ending and its nearest `package.json`. */
export function isEsModuleFile(file: string): boolean {
  const ending = extname(file);
  if (ending === ".mts" || ending === ".mjs") return true;
  if (ending === ".cts" || ending === ".cjs") return false;
  const manifest = nearestManifest(dirname(file));
  return manifest !== undefined && readManifest(manifest)?.["type"] === "module";
}
