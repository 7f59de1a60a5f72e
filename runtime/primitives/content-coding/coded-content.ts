import type { Transform } from "node:stream";

import { freeChunk } from "../../http/chunk-memory.ts";
import type { ContentSink, ContentSource } from "../../http/content.ts";
import { trailersWithoutDigests } from "../../http/digest-fields.ts";
import type { RawFields } from "../../http/raw-fields.ts";
import { joined, type CodingStep } from "./coding-step.ts";

/** Source bytes waiting for the coder beyond which the source is paused. */
const QUEUE_BYTES = 64 * 1024;

/**
 * Content of a known length up to here waits for its end as long as more of it comes with each turn of the loop. Coded
 * at once it takes one way to another thread and back instead of three, and its coder is free for the next one.
 */
const GATHERED_BYTES = 128 * 1024;

const LARGE_CHUNK_BYTES = 16 * 1024;

/**
 * One coder between a source and a sink. Chunks that arrive in one turn of the event loop, and those that arrive while
 * the coder works, are joined into its next write. When it has nothing to do and nothing has come in that turn, what it
 * holds back is flushed.
 */
export class CodedContent implements ContentSource, ContentSink {
  readonly length = undefined;
  readonly bytes = undefined;
  readonly #source: ContentSource;
  readonly #step: CodingStep;
  #sink: ContentSink | undefined;
  #coder: Transform | undefined;
  #queue: Uint8Array[] = [];
  #queued = 0;
  /** What had come when the loop's last turn ended, while all of it is gathered. */
  #gathered = 0;
  /** The coder has bytes to work on, or will get them in this turn of the loop. */
  #working = false;
  /** The coder may hold something back. */
  #dirty = false;
  #ended = false;
  /** All of it has gone through a coder that goes on living. */
  #finished = false;
  #paused = false;
  #sourcePaused = false;
  /** Of content that was coded as a whole while the sink was paused. */
  #whole: Uint8Array | undefined;
  #trailers: RawFields = [];

  constructor(source: ContentSource, step: CodingStep) {
    this.#source = source;
    this.#step = step;
  }

  open(sink: ContentSink): void {
    this.#sink = sink;
    this.#source.open(this);
  }

  pause(): void {
    this.#paused = true;
    this.#coder?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#coder?.resume();
    if (this.#whole !== undefined) this.#deliver(this.#whole);
  }

  cancel(): void {
    this.#sink = undefined;
    this.#close();
    this.#source.cancel();
  }

  onData(chunk: Uint8Array): void {
    if (this.#sink === undefined || chunk.length === 0) return;
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    if (!this.#working) {
      this.#working = true;
      // Not yet: the rest, or the end, is often in the same packet.
      setImmediate(work, this);
    } else if (this.#queued >= QUEUE_BYTES && !this.#sourcePaused && !this.#gathers()) {
      this.#sourcePaused = true;
      this.#source.pause();
    }
  }

  onEnd(trailers: RawFields): void {
    if (this.#sink === undefined) return;
    this.#ended = true;
    this.#trailers = trailersWithoutDigests(trailers);
    if (this.#coder === undefined) {
      const whole = this.#step.wholeOf(this.#queue, this.#queued);
      if (whole !== undefined) {
        this.#deliver(whole);
        return;
      }
    }
    if (!this.#working) this.work();
  }

  onError(error: Error): void {
    this.#fail(error);
  }

  /** Gives the coder what waits for it, all at once, and its end. */
  work(): void {
    if (this.#sink === undefined || this.#whole !== undefined) return;
    if (!this.#ended && this.#queued > this.#gathered && this.#gathers()) {
      this.#gathered = this.#queued;
      setImmediate(work, this);
      return;
    }
    const chunks = this.#queued === 0 ? NO_CHUNKS : writable(this.#queue, this.#queued);
    this.#queue = [];
    this.#queued = 0;
    this.#working = chunks.length > 0 || this.#ended;
    if (!this.#working) {
      if (this.#dirty && this.#step.flush !== undefined) setImmediate(flush, this);
      return;
    }
    const coder = (this.#coder ??= this.#start(this.#ended && chunks.length > 0));
    const last = chunks.length - 1;
    this.#dirty = true;
    if (this.#step.endsByItself) {
      const bytes = joined(chunks);
      coder.write(bytes, () => {
        // A copy of ours, and the coder has read it.
        if (chunks.length > 1) freeChunk(bytes);
        this.#finishCoder();
      });
      return;
    }
    for (const [at, chunk] of chunks.entries()) {
      if (at === last && !this.#ended) coder.write(chunk, () => this.work());
      else if (at === last && !this.#step.outlives) coder.end(chunk);
      else coder.write(chunk);
    }
    if (this.#ended) this.#endCoder(coder);
    if (this.#sourcePaused) {
      this.#sourcePaused = false;
      this.#source.resume();
    }
  }

  /** Nothing has gone to the coder yet, and all that can come may wait for it. A source that gives more is like any other. */
  #gathers(): boolean {
    const { length = Infinity } = this.#source;
    return this.#coder === undefined && length <= GATHERED_BYTES && this.#queued <= length;
  }

  #endCoder(coder: Transform): void {
    if (!this.#step.outlives) {
      // Harmless where the last chunk has ended it.
      coder.end();
      return;
    }
    this.#step.finish(() => this.#finishCoder());
  }

  #finishCoder(): void {
    this.#finished = true;
    this.#finishIfDrained();
  }

  /** A coder that goes on living has no end of its own: what it gave out may still wait for the sink. */
  #finishIfDrained(): void {
    if (!this.#finished || this.#coder === undefined || this.#coder.readableLength > 0) return;
    this.#coder = undefined;
    this.#step.giveBack();
    this.#finish();
  }

  /** Nothing came in the turn of the loop in which the coder had done its work. */
  flushIfIdle(): void {
    const coder = this.#coder;
    if (this.#working || !this.#dirty || this.#ended || coder === undefined) return;
    this.#dirty = false;
    this.#working = true;
    this.#step.flush?.(coder, () => this.work());
  }

  #start(whole: boolean): Transform {
    const coder = this.#step.createCoder(whole);
    coder.on("data", (chunk: Uint8Array) => {
      this.#sink?.onData(chunk);
      if (this.#finished) this.#finishIfDrained();
    });
    coder.on("end", () => this.#finish());
    coder.on("error", (error) => this.#fail(this.#step.toError(error)));
    if (this.#paused) coder.pause();
    return coder;
  }

  /** What was coded as a whole, and the end: once the sink takes it. */
  #deliver(whole: Uint8Array): void {
    this.#whole = whole;
    if (this.#paused) return;
    if (whole.length > 0) {
      this.#whole = NO_BYTES;
      this.#sink?.onData(whole);
      // The sink may have paused or cancelled: the end then waits for it.
      if (this.#paused) return;
    }
    this.#finish();
  }

  #finish(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#close();
    sink?.onEnd(this.#trailers);
  }

  #fail(error: Error): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#close();
    if (sink === undefined) return;
    this.#source.cancel();
    sink.onError(error);
  }

  #close(): void {
    this.#queue = [];
    this.#queued = 0;
    this.#whole = undefined;
    const coder = this.#coder;
    this.#coder = undefined;
    // `destroy` frees the native state now rather than at the next collection; a late error has no one to go to.
    coder?.on("error", ignore).destroy();
  }
}

const NO_BYTES = new Uint8Array(0);
const NO_CHUNKS: readonly Uint8Array[] = [];

function work(content: CodedContent): void {
  content.work();
}

function flush(content: CodedContent): void {
  content.flushIfIdle();
}

/** What is copied together costs less to hand over than one by one; what is large costs less as it is. */
function writable(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  return chunks.length === 1 || bytes / chunks.length >= LARGE_CHUNK_BYTES
    ? chunks
    : [joined(chunks)];
}

function ignore(): void {}
