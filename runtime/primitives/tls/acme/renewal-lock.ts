import { randomUUID } from "node:crypto";
import { link, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";

/** One order at a time, whoever shares the folder. */
export interface RenewalLock {
  /** Returns what gives it back; `undefined`: another one has it. */
  acquire(): Promise<(() => Promise<void>) | undefined>;
}

export interface LockFileOptions {
  readonly path: string;
  /** Wall clock; compared with the file's time, so it has to be a real one. */
  readonly now?: () => number;
  readonly staleMs?: number;
}

interface Content {
  readonly id: string;
  readonly pid: number;
  readonly host: string;
}

/** Its holder touches the file far more often than that. */
const STALE_MS = 60_000;
const TOUCH_MS = 10_000;
/** Of this process. In a container every process has the same number, the one that was killed included. */
const held = new Set<string>();

/** A file that exists while somebody orders. What a killed process leaves behind is taken over. */
export function createLockFile(options: LockFileOptions): RenewalLock {
  const { path, now = Date.now, staleMs = STALE_MS } = options;

  return {
    async acquire() {
      let id = await create();
      if (id === undefined) {
        const stale = await readIfStale();
        if (stale !== undefined && (await removeStale(stale))) id = await create();
      }
      if (id === undefined) return undefined;
      const timer = setInterval(() => {
        const at = new Date(now());
        utimes(path, at, at).catch(() => {});
      }, TOUCH_MS).unref();
      return async () => {
        clearInterval(timer);
        held.delete(id);
        // After a long stall somebody may have taken it over: theirs stays.
        if ((await read())?.id === id) await rm(path, { force: true });
      };
    },
  };

  /** `undefined`: there is one. */
  async function create(): Promise<string | undefined> {
    const content: Content = { id: randomUUID(), pid: process.pid, host: hostname() };
    try {
      const file = await open(path, "wx", 0o600);
      held.add(content.id);
      try {
        await file.writeFile(JSON.stringify(content));
      } finally {
        await file.close();
      }
      return content.id;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
      throw error;
    }
  }

  async function read(from = path): Promise<Content | undefined> {
    try {
      return JSON.parse(await readFile(from, "utf8")) as Content;
    } catch {
      return undefined;
    }
  }

  /** The text of the lock, if its holder is gone. */
  async function readIfStale(): Promise<Content | undefined> {
    const content = await read();
    let age: number;
    try {
      age = now() - (await stat(path)).mtimeMs;
    } catch {
      return undefined;
    }
    const { id = "", pid = 0, host = "" } = content ?? {};
    if (age > staleMs) return { id, pid, host };
    if (content === undefined || host !== hostname()) return undefined;
    if (pid === process.pid) return held.has(id) ? undefined : content;
    return isAlive(pid) ? undefined : content;
  }

  /** Whoever renames it owns it; if it was not the stale one any more, it is put back. */
  async function removeStale(stale: Content): Promise<boolean> {
    const aside = `${path}.${randomUUID()}`;
    try {
      await rename(path, aside);
    } catch {
      return false;
    }
    const found = await read(aside);
    const isSame = (found?.id ?? "") === stale.id;
    if (!isSame) await link(aside, path).catch(() => {});
    await rm(aside, { force: true });
    return isSame;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
