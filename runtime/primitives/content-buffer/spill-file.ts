import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";

/** Contents that are too large for memory. Unlinked as soon as it is open: a crash leaves nothing behind. */
export class SpillFile {
  readonly #fd: number;
  /** Where the file cannot be unlinked while it is open. */
  readonly #path: string | undefined;
  #isOpen = true;
  /** Operations under way: the descriptor must not be closed, and given to somebody else, beneath them. */
  #running = 0;

  constructor(fd: number, path: string | undefined) {
    this.#fd = fd;
    this.#path = path;
  }

  /** Writes all of it. Not two at a time. */
  write(chunks: readonly Uint8Array[], position: number, done: (error?: Error) => void): void {
    if (!this.#isOpen) {
      process.nextTick(done, closed());
      return;
    }
    this.#running += 1;
    fs.writev(this.#fd, chunks as Uint8Array<ArrayBuffer>[], position, (error, written) => {
      this.#leave();
      if (error !== null) {
        done(error);
        return;
      }
      const rest = restOf(chunks, written);
      if (rest.length === 0) done();
      else if (written === 0) done(new Error("the file took nothing"));
      else this.write(rest, position + written, done);
    });
  }

  /** Reads exactly `bytes.byteLength` bytes. */
  read(bytes: Uint8Array, position: number, done: (error?: Error) => void): void {
    if (!this.#isOpen) {
      process.nextTick(done, closed());
      return;
    }
    this.#running += 1;
    fs.read(this.#fd, bytes, 0, bytes.byteLength, position, (error, read) => {
      this.#leave();
      if (error !== null) done(error);
      else if (read === bytes.byteLength) done();
      else if (read === 0) done(new Error("the file is shorter than what was written"));
      else this.read(bytes.subarray(read), position + read, done);
    });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#running === 0) this.#closeNow();
  }

  #leave(): void {
    this.#running -= 1;
    if (!this.#isOpen && this.#running === 0) this.#closeNow();
  }

  #closeNow(): void {
    fs.close(this.#fd, () => {
      if (this.#path !== undefined) fs.unlink(this.#path, ignore);
    });
  }
}

/** Where spill files are made. */
export interface SpillFolder {
  open(done: (error: Error | undefined, file?: SpillFile) => void): void;
}

/** The folder is made when the first file needs it. */
export function createSpillFolder(path: string): SpillFolder {
  return {
    open(done) {
      openIn(path, (error, file) => {
        if ((error as NodeJS.ErrnoException | undefined)?.code !== "ENOENT") {
          done(error, file);
          return;
        }
        fs.mkdir(path, { recursive: true, mode: 0o700 }, (failure) => {
          if (failure !== null) done(failure);
          else openIn(path, done);
        });
      });
    },
  };
}

/**
 * Removes what a crash left: files of processes that are gone, and those of an earlier process with our own number (in
 * containers all have the same). Never rejects.
 */
export async function cleanSpillFolder(path: string): Promise<void> {
  const startedAt = Date.now() - process.uptime() * 1000;
  try {
    for (const name of await fs.promises.readdir(path)) {
      const pid = Number(/^(\d+)-[0-9a-f]+\.spill$/.exec(name)?.[1]);
      if (Number.isNaN(pid)) continue;
      const file = join(path, name);
      if (pid === process.pid) {
        if ((await fs.promises.stat(file)).mtimeMs >= startedAt) continue;
      } else if (isAlive(pid)) {
        continue;
      }
      await fs.promises.rm(file, { force: true });
    }
  } catch {
    // No folder yet, or none that can be read: then there is nothing to remove, or nothing that can be.
  }
}

function openIn(folder: string, done: (error: Error | undefined, file?: SpillFile) => void): void {
  const path = join(folder, `${process.pid}-${randomBytes(12).toString("hex")}.spill`);
  // "wx": a file or link that somebody put there is never written to.
  fs.open(path, "wx+", 0o600, (error, fd) => {
    if (error !== null) {
      done(error);
      return;
    }
    fs.unlink(path, (failure) => {
      done(undefined, new SpillFile(fd, failure === null ? undefined : path));
    });
  });
}

function restOf(chunks: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let left = written;
  for (const [at, chunk] of chunks.entries()) {
    if (left < chunk.byteLength) return [chunk.subarray(left), ...chunks.slice(at + 1)];
    left -= chunk.byteLength;
  }
  return [];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** The number of the descriptor may be another file's by now: it must not be read or written under it. */
function closed(): Error {
  return new Error("the spill file is closed");
}

function ignore(): void {}
