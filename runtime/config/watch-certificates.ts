import { watch, type FSWatcher } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";

import type { Log } from "../log.ts";

export interface CertificateWatch {
  update(files: readonly string[], folders: readonly string[]): void;
  close(): void;
}

export interface CertificateWatchOptions {
  /** Something in a folder that matters has changed: perhaps nothing that matters. */
  onChange(): void;
  readonly log: Log;
  /** Quiet time after the last event before `onChange`. Default 50. */
  readonly debounceMs?: number;
}

const DEBOUNCE_MS = 50;
/** Files that change without a pause are looked at all the same. */
const MAX_DEBOUNCE_MS = 1000;
/** Beyond that the folders are looked at now and then only. */
const MAX_FOLDERS = 1000;

interface Watched {
  readonly identity: string;
  readonly watcher: FSWatcher;
}

/**
 * Watches the folders in which certificates lie, where the files' links lead, and the folders above them.
 *
 * Not chokidar as for the config: that puts a watch on every file, and there may be twenty thousand. A folder's own
 * watch reports files that are written in place, renamed over or swapped by a link of the folder (Kubernetes); who asks
 * compares the files anyway.
 */
export function createFolderWatch(options: CertificateWatchOptions): CertificateWatch {
  return new Watch(options);
}

class Watch implements CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #watched = new Map<string, Watched>();
  #files: readonly string[] = [];
  #folders: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #firstEvent = 0;
  #arming: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
  }

  update(files: readonly string[], folders: readonly string[]): void {
    this.#files = files;
    this.#folders = folders;
    this.#arming = this.#arming.then(() => this.#arm());
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  async #arm(): Promise<void> {
    if (this.#isClosed) return;
    const wanted = await this.#wantedFolders();
    let added = false;
    for (const folder of wanted) {
      const identity = await identityOf(folder);
      const known = this.#watched.get(folder);
      if (this.#isClosed || known?.identity === identity) continue;
      known?.watcher.close();
      this.#watched.delete(folder);
      if (identity === undefined) continue;
      added = this.#watch(folder, identity) || added;
    }
    for (const [folder, { watcher }] of this.#watched) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watched.delete(folder);
    }
    // What happened before the watch stood made no event.
    if (added) this.#notice();
  }

  async #wantedFolders(): Promise<Set<string>> {
    const wanted = new Set(this.#folders);
    const direct = new Set(this.#files.map((file) => dirname(file)));
    for (const folder of direct) wanted.add(folder);
    // Links: each distinct folder's real place, and that of its files' targets where they are few.
    for (const path of [...direct, ...(this.#files.length <= MAX_FOLDERS ? this.#files : [])]) {
      try {
        const real = await realpath(path);
        wanted.add(direct.has(path) ? real : dirname(real));
      } catch {
        // Not there now: its folder tells when it is.
      }
    }
    for (const folder of [...wanted]) wanted.add(dirname(folder));
    wanted.delete("/");
    return new Set([...wanted].slice(0, MAX_FOLDERS));
  }

  #watch(folder: string, identity: string): boolean {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#notice());
      watcher.on("error", () => {
        watcher.close();
        this.#watched.delete(folder);
      });
      this.#watched.set(folder, { identity, watcher });
      return true;
    } catch (error) {
      this.#options.log.warn({ error, folder }, "a folder of certificates cannot be watched");
      return false;
    }
  }

  #notice(): void {
    if (this.#isClosed) return;
    const now = performance.now();
    if (this.#timer === undefined) this.#firstEvent = now;
    else clearTimeout(this.#timer);
    const { debounceMs = DEBOUNCE_MS } = this.#options;
    const wait = Math.max(0, Math.min(debounceMs, this.#firstEvent + MAX_DEBOUNCE_MS - now));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#options.onChange();
    }, wait).unref();
  }
}

async function identityOf(folder: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(folder);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
