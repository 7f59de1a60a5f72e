import { lstatSync, readlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import { dirname, parse, resolve, sep } from "node:path";

const MAX_LINKS = 40;
/** How many plain folders above a file count: a folder that is swapped by renaming tells nothing to who watches inside. */
const FOLDERS_ABOVE = 2;

/**
 * Every path whose change can change what one of the given paths names: the file itself, each link on its way and what
 * it points to (the `..data` of Kubernetes), its nearest folders, and for a file that is missing the first part of its
 * path that is.
 */
export function watchPointsOf(paths: Iterable<string>): Set<string> {
  const walk = new PointWalk();
  for (const path of paths) walk.visit(resolve(path), 0);
  return walk.points;
}

/** Times of files are as coarse as the kernel's clock: a second write within that leaves no trace in them. */
const CLOCK_GRAIN_MS = 10;

/**
 * What `lstat` says, as one text to compare; `"missing"` if there is nothing. Of a folder only which one it is: its times
 * change with every file in it, and those that matter are points of their own.
 */
export function signatureOf(path: string): string {
  const stat = statOf(path);
  if (stat === undefined) return "missing";
  const identity = `${stat.dev}:${stat.ino}`;
  return stat.isDirectory() ? identity : `${identity}:${stat.size}:${stat.mtimeMs}:${stat.ctimeMs}`;
}

/** The file may yet change without its times telling. */
export function isFresh(path: string): boolean {
  const stat = statOf(path);
  return stat?.isDirectory() === false && stat.ctimeMs > Date.now() - CLOCK_GRAIN_MS;
}

export function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

class PointWalk {
  readonly points = new Set<string>();
  readonly #stats = new Map<string, Stats | undefined>();
  readonly #visited = new Set<string>();

  visit(path: string, links: number): void {
    if (this.#visited.has(path)) return;
    this.#visited.add(path);
    const { root } = parse(path);
    const parts = path.slice(root.length).split(sep);
    let current = root;
    for (const [index, part] of parts.entries()) {
      const folder = current;
      current = resolve(current, part);
      const stat = this.#statOf(current);
      const isNear = index >= parts.length - 1 - FOLDERS_ABOVE;
      if (stat === undefined || stat.isSymbolicLink() || isNear) this.points.add(current);
      if (stat === undefined) return;
      if (!stat.isSymbolicLink()) continue;
      // A link that leads in a circle leads nowhere.
      if (links >= MAX_LINKS) return;
      const target = targetOf(current, folder);
      if (target !== undefined) this.visit(resolve(target, ...parts.slice(index + 1)), links + 1);
      return;
    }
  }

  #statOf(path: string): Stats | undefined {
    if (!this.#stats.has(path)) this.#stats.set(path, statOf(path));
    return this.#stats.get(path);
  }
}

function targetOf(link: string, folder: string): string | undefined {
  try {
    return resolve(folder, readlinkSync(link));
  } catch {
    return undefined;
  }
}

/** The folders that have to be watched to see the points change. */
export function foldersOf(points: Iterable<string>): Map<string, Set<string>> {
  const folders = new Map<string, Set<string>>();
  for (const point of points) {
    const folder = dirname(point);
    if (folder === point) continue;
    const inside = folders.get(folder);
    if (inside === undefined) folders.set(folder, new Set([point]));
    else inside.add(point);
  }
  return folders;
}
