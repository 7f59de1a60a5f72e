import { join } from "node:path";

import { watch as chokidarWatch } from "chokidar";

import { signatureOf, statOf } from "./watch-points.ts";

export interface FolderWatch {
  /** True while the folder at this path is the one that is watched, and not another that took its place. */
  isCurrent(): boolean;
  covers(points: ReadonlySet<string>): boolean;
  /** Resolves when changes are seen. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

/**
 * Watches some entries of one folder, not below it, links not followed.
 *
 * One chokidar for each folder: a folder can then be taken up again, when another was put in its place, without
 * disturbing the rest. The raw events of the platform are listened to beside chokidar's own: those compare listings by
 * name and so pass over an entry that was replaced within one turn.
 */
export function watchFolder(
  folder: string,
  points: ReadonlySet<string>,
  onEvent: (path: string) => void,
  onError: (error: unknown) => void,
): FolderWatch {
  const identity = identityOf(folder);
  const before = new Map([...points].map((point) => [point, signatureOf(point)]));
  const watcher = chokidarWatch(folder, {
    depth: 0,
    followSymlinks: false,
    ignoreInitial: true,
    atomic: false,
    ignorePermissionErrors: true,
    ignored: (path) => path !== folder && !points.has(path),
  });
  let isClosed = false;
  watcher.on("all", (_event, path) => {
    if (points.has(path)) onEvent(path);
    // The folder itself went: what is in it did as well.
    else if (path === folder) for (const point of points) onEvent(point);
  });
  watcher.on("raw", (_event, name: unknown, details: unknown) => {
    const watched = (details as { watchedPath?: unknown } | undefined)?.watchedPath;
    if (typeof name !== "string") for (const point of points) onEvent(point);
    else if (watched === undefined || watched === folder) {
      const path = join(folder, name);
      if (points.has(path)) onEvent(path);
    } else if (typeof watched === "string" && points.has(watched)) onEvent(watched);
  });
  watcher.on("error", (error) => {
    if (!isClosed) onError(error);
  });
  const ready = new Promise<void>((resolve) => {
    watcher.once("ready", () => {
      // What happened while the watch was being set up.
      for (const [point, signature] of before) {
        if (!isClosed && signatureOf(point) !== signature) onEvent(point);
      }
      resolve();
    });
  });
  return {
    isCurrent: () => identityOf(folder) === identity,
    covers: (wanted) => wanted.isSubsetOf(points),
    ready,
    async close() {
      isClosed = true;
      await watcher.close();
    },
  };
}

function identityOf(folder: string): string {
  const stat = statOf(folder);
  return stat === undefined ? "missing" : `${stat.dev}:${stat.ino}`;
}
