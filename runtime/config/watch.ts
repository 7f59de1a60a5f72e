import { join } from "node:path";

import type { ExternalPackage } from "./compile.ts";
import { fingerprintOf } from "./package-fingerprint.ts";
import { foldersOf, isFresh, signatureOf, statOf, watchPointsOf } from "./watch-points.ts";
import { watchFolder } from "./watch-folder.ts";
import type { FolderWatch } from "./watch-folder.ts";

export interface InputWatcherOptions {
  /** Something that the last load read, or looked for, has changed. */
  onChange(): void;
  /** An installed package that is loaded has changed: only a restart can pick it up. Once for each new content. */
  onPackageChange?(name: string): void;
  /** A folder cannot be watched (for example: too many watches). */
  onError?(error: unknown): void;
  /** Quiet time after the last event before `onChange`. Default 20. */
  readonly debounceMs?: number;
}

export interface InputWatcher {
  /**
   * Watches what the last load read. Without `packages` (the load failed, so it may know less than the one before) what
   * was watched stays watched.
   */
  update(inputs: readonly string[], packages: readonly ExternalPackage[] | undefined): void;
  /** Resolves when all that `update` named so far is being watched. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

const DEBOUNCE_MS = 20;
/** A file that is written without a pause must not put a reload off for ever. */
const MAX_DEBOUNCE_MS = 500;
/** Installing takes several steps; packages are looked at when it has calmed down. */
const PACKAGE_DEBOUNCE_MS = 200;

export function watchInputs(options: InputWatcherOptions): InputWatcher {
  return new Watcher(options);
}

class Watcher implements InputWatcher {
  readonly #options: InputWatcherOptions;
  readonly #debounceMs: number;
  readonly #folders = new Map<string, FolderWatch>();
  readonly #closing = new Set<Promise<void>>();
  readonly #changes: Debounce;
  readonly #packageChanges: Debounce;
  /** Fingerprints of packages as they were when they were first loaded, or as last reported. */
  readonly #fingerprints = new Map<string, string>();
  #inputs = new Set<string>();
  #packages = new Map<string, ExternalPackage>();
  #inputPoints: ReadonlySet<string> = new Set();
  /** Signatures of the input points as they were when they were last reported, or first watched. */
  #signatures = new Map<string, string>();
  #packagePoints: ReadonlySet<string> = new Set();
  #changedAt: number | undefined;
  #hasWaited = false;
  #isClosed = false;

  constructor(options: InputWatcherOptions) {
    this.#options = options;
    this.#debounceMs = options.debounceMs ?? DEBOUNCE_MS;
    this.#changes = new Debounce(this.#debounceMs, MAX_DEBOUNCE_MS, () => this.#change());
    this.#packageChanges = new Debounce(PACKAGE_DEBOUNCE_MS, 5000, () => this.#checkPackages());
  }

  get ready(): Promise<void> {
    return Promise.all([...this.#folders.values()].map((folder) => folder.ready)).then(() => {});
  }

  update(inputs: readonly string[], packages: readonly ExternalPackage[] | undefined): void {
    if (this.#isClosed) return;
    if (packages === undefined) for (const input of inputs) this.#inputs.add(input);
    else {
      this.#inputs = new Set(inputs);
      this.#packages = new Map(packages.map((found) => [found.entry, found]));
      for (const found of packages) this.#remember(found);
    }
    const before = this.#inputPoints;
    this.#refresh();
    const known = this.#signatures;
    this.#signatures = new Map();
    for (const point of this.#inputPoints) {
      this.#signatures.set(point, known.get(point) ?? keptSignature(point));
    }
    // Files that this load found first were not watched while it read them.
    for (const point of this.#inputPoints) {
      const changedAt = before.has(point) ? undefined : statOf(point)?.ctimeMs;
      if (changedAt !== undefined && this.#changedAt !== undefined && changedAt > this.#changedAt) {
        this.#signatures.delete(point);
        this.#changes.trigger();
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#changes.cancel();
    this.#packageChanges.cancel();
    for (const folder of this.#folders.values()) this.#retire(folder);
    this.#folders.clear();
    await Promise.all(this.#closing);
  }

  #change(): void {
    const changedAt = Date.now();
    // Links may lead elsewhere now, and folders may be others than those that are watched.
    this.#refresh();
    // Events also tell of a folder's other files, and the last of a save may come late: nothing has changed by them.
    if (!this.#hasChanged()) return;
    const points = [...this.#inputPoints];
    // Events come late on a busy machine: it is being written at this moment. Once, since some writers never pause.
    if (!this.#hasWaited && points.some(isFresh)) {
      this.#hasWaited = true;
      this.#changes.trigger();
      return;
    }
    this.#hasWaited = false;
    this.#signatures = new Map(points.map((point) => [point, keptSignature(point)]));
    this.#changedAt = changedAt;
    this.#options.onChange();
  }

  /** What is watched is something else, or not as it was. */
  #hasChanged(): boolean {
    if (this.#inputPoints.size !== this.#signatures.size) return true;
    for (const point of this.#inputPoints) {
      if (this.#signatures.get(point) !== signatureOf(point)) return true;
    }
    return false;
  }

  #refresh(): void {
    this.#inputPoints = watchPointsOf(this.#inputs);
    this.#packagePoints = watchPointsOf(
      [...this.#packages.values()].flatMap(({ dir, entry }) => [join(dir, "package.json"), entry]),
    );
    const wanted = foldersOf(this.#inputPoints.union(this.#packagePoints));
    for (const [path, points] of wanted) {
      const current = this.#folders.get(path);
      if (current?.isCurrent() === true && current.covers(points)) continue;
      this.#folders.set(
        path,
        watchFolder(
          path,
          points,
          (point) => this.#notice(point),
          (error) => this.#options.onError?.(error),
        ),
      );
      if (current !== undefined) this.#retire(current);
    }
    for (const [path, folder] of this.#folders) {
      if (wanted.has(path)) continue;
      this.#folders.delete(path);
      this.#retire(folder);
    }
  }

  #notice(point: string): void {
    if (this.#isClosed) return;
    if (this.#inputPoints.has(point)) this.#changes.trigger();
    if (this.#packagePoints.has(point)) this.#packageChanges.trigger();
  }

  #remember(found: ExternalPackage): void {
    if (this.#fingerprints.has(found.entry)) return;
    const fingerprint = fingerprintOf(found);
    if (fingerprint !== undefined) this.#fingerprints.set(found.entry, fingerprint);
  }

  #checkPackages(): void {
    this.#refresh();
    const changed = new Set<string>();
    for (const found of this.#packages.values()) {
      const fingerprint = fingerprintOf(found);
      // Missing: an installation is under way, and its end is an event too.
      if (fingerprint === undefined || fingerprint === this.#fingerprints.get(found.entry))
        continue;
      this.#fingerprints.set(found.entry, fingerprint);
      changed.add(found.name);
    }
    for (const name of changed) this.#options.onPackageChange?.(name);
  }

  #retire(folder: FolderWatch): void {
    const closing = folder.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** Like no later one if the file may yet change without its times telling. */
function keptSignature(point: string): string {
  return isFresh(point) ? `${signatureOf(point)}:fresh` : signatureOf(point);
}

/** Runs `run` once events have paused for `quietMs`, at the latest `maxMs` after the first. */
class Debounce {
  readonly #quietMs: number;
  readonly #maxMs: number;
  readonly #run: () => void;
  #timer: NodeJS.Timeout | undefined;
  #first = 0;

  constructor(quietMs: number, maxMs: number, run: () => void) {
    this.#quietMs = quietMs;
    this.#maxMs = maxMs;
    this.#run = run;
  }

  trigger(): void {
    const now = performance.now();
    if (this.#timer === undefined) this.#first = now;
    else clearTimeout(this.#timer);
    const wait = Math.max(0, Math.min(this.#quietMs, this.#first + this.#maxMs - now));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#run();
    }, wait);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
