import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";

/** Where log lines go. Neither method throws or waits for the reader. */
export interface LineWriter {
  /** Takes whole lines, each with its `\n`. They leave at the latest 100 ms later, in order. */
  write(lines: string): void;
  /** Writes out what is held, as far as the reader takes it. */
  flush(): void;
  /** As `flush`, and waits up to a second for a slow reader: for the end of the process. */
  close(): void;
  /** Lines given up because the reader was too slow or has gone. */
  readonly dropped: number;
}

/** Text is collected up to this much: fewer system calls, and still far below a pipe's 64 KiB. */
const FLUSH_CHARS = 16 * 1024;
const FLUSH_AFTER_MS = 100;
const RETRY_AFTER_MS = 20;
/** A reader that stalls costs lines, never memory without bound and never the proxy's time. */
const MAX_HELD_BYTES = 4 * 1024 * 1024;
const CLOSE_WAIT_MS = 1_000;

/**
 * The only writer of a descriptor: whole lines in order, none torn by another.
 *
 * Writes are synchronous, so nothing is lost when the process ends, and non-blocking where the system allows it, so
 * that a stalled reader of the pipe does not stall requests.
 */
export function createLineWriter(fd: number): LineWriter {
  const writer = new DescriptorWriter(fd);
  if (openWriters.size === 0) process.once("exit", closeAll);
  openWriters.add(writer);
  return writer;
}

const openWriters = new Set<LineWriter>();

function closeAll(): void {
  for (const writer of openWriters) writer.close();
}

class DescriptorWriter implements LineWriter {
  readonly #fd: number;
  #text = "";
  #held: Buffer[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #gone = false;
  dropped = 0;
  #reported = 0;

  constructor(fd: number) {
    this.#fd = withoutBlocking(fd);
  }

  write(lines: string): void {
    if (this.#gone) return;
    this.#text += lines;
    if (this.#text.length >= FLUSH_CHARS) this.flush();
    else if (this.#timer === undefined) this.#arm(FLUSH_AFTER_MS);
  }

  flush(): void {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#collect();
    while (this.#held.length > 0 && !this.#gone) {
      if (!this.#writeFirst()) {
        this.#arm(RETRY_AFTER_MS);
        return;
      }
    }
    if (this.dropped !== this.#reported && !this.#gone) this.#report();
  }

  close(): void {
    const deadline = performance.now() + CLOSE_WAIT_MS;
    this.flush();
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    // The report of dropped lines comes last, as text of its own.
    while (this.#pending && !this.#gone && performance.now() < deadline) {
      Atomics.wait(sleeper, 0, 0, 5);
      this.flush();
    }
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  get #pending(): boolean {
    return this.#held.length > 0 || this.#text !== "";
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, ms);
    this.#timer.unref();
  }

  #collect(): void {
    const text = this.#text;
    if (text === "") return;
    this.#text = "";
    const bytes = Buffer.from(text, "utf8");
    if (this.#heldBytes + bytes.length > MAX_HELD_BYTES) {
      this.dropped += text.split("\n").length - 1;
      return;
    }
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  /** False: the reader takes nothing more for now. */
  #writeFirst(): boolean {
    const bytes = this.#held[0]!;
    try {
      const written = writeSync(this.#fd, bytes);
      this.#heldBytes -= written;
      if (written === bytes.length) this.#held.shift();
      else this.#held[0] = bytes.subarray(written);
      return true;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EAGAIN" || code === "EINTR") return false;
      // EPIPE: the reader has gone (`gatewright start | head`), for good. A full disk may get better.
      this.#gone = code !== "ENOSPC" && code !== "EDQUOT";
      this.#held = [];
      this.#heldBytes = 0;
      return true;
    }
  }

  #report(): void {
    const count = this.dropped - this.#reported;
    this.#reported = this.dropped;
    this.write(
      `{"level":"warn","time":"${new Date().toISOString()}","count":${count},"msg":"log lines dropped: the reader is too slow"}\n`,
    );
  }
}

/**
 * A pipe opened anew through /proc gets a description of its own, so that non-blocking mode does not leak to other
 * processes that inherited it. A socket cannot be opened anew: Node makes it non-blocking when it makes its stream,
 * as in every Node program that prints. Elsewhere the descriptor stays as it is, and writes may wait for the reader.
 */
function withoutBlocking(fd: number): number {
  try {
    const stats = fstatSync(fd);
    if (stats.isSocket() && fd === 1) void process.stdout;
    if (!stats.isFIFO()) return fd;
    const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
    if (fstatSync(own).isFIFO()) return own;
    closeSync(own);
  } catch {
    // No /proc, or not allowed.
  }
  return fd;
}
