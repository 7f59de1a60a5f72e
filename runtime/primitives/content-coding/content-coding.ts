import type { Transform } from "node:stream";

import { ProxyError } from "../../errors.ts";
import type { ContentSink, ContentSource } from "../../http/content.ts";
import { parseCodings, type Coding } from "../../http/content-codings.ts";
import { trailersWithoutDigests } from "../../http/digest-fields.ts";
import type { RawFields } from "../../http/raw-fields.ts";
import { codingError, createDecoder, unknownCodingError } from "./coding.ts";
import { finishEncoder, giveEncoderBack, takeEncoder, type PooledEncoder } from "./encoder-pool.ts";
import {
  encodeSmall,
  FLUSH,
  LIVE_LEVELS,
  QUICK_LEVELS,
  type Encoder,
  type Levels,
} from "./encoder.ts";

/**
 * Content with everything that `contentEncoding` names taken off, streamed. The same source where that is nothing; a
 * source that fails with `PROXY_UPSTREAM_CONTENT_CODING` where one of the codings is unknown.
 */
export function decodedSource(source: ContentSource, contentEncoding: string): ContentSource {
  const codings = parseCodings(contentEncoding);
  if (codings !== undefined) return decodeContent(source, codings);
  return new FailedContent(source, unknownCodingError(contentEncoding));
}

/** Content with all `codings` (in the order of their application) taken off, streamed. The same source if there are none. */
export function decodeContent(source: ContentSource, codings: readonly Coding[]): ContentSource {
  let decoded = source;
  for (const coding of codings.toReversed()) {
    decoded = new CodedContent(decoded, new Decoding(coding));
  }
  return decoded;
}

/**
 * Content with `codings` applied in order, streamed. What a coder holds back is flushed when the source pauses, so nothing
 * waits for more to come; a busy stream is not flushed at all.
 */
export function encodeContent(
  source: ContentSource,
  codings: readonly Coding[],
  levels: Levels = LIVE_LEVELS,
): ContentSource {
  let encoded = source;
  for (const coding of codings) {
    encoded = new CodedContent(encoded, new Encoding(coding, levels[coding], encoded.length));
  }
  return encoded;
}

/** Content up to here is encoded on this thread, if all of it comes at once. */
const SMALL_BYTES = 32 * 1024;

/** Content that is in memory, if it is small enough for an answer at once; else `undefined`. */
export function encodedAtOnce(
  coding: Coding,
  bytes: Uint8Array,
  level: number = LIVE_LEVELS[coding],
): Uint8Array | undefined {
  const quick = bytes.length <= SMALL_BYTES && level <= QUICK_LEVELS[coding];
  return quick ? encodeSmall(coding, bytes, level) : undefined;
}

/** Source bytes waiting for the coder beyond which the source is paused. */
const QUEUE_BYTES = 64 * 1024;

const LARGE_CHUNK_BYTES = 16 * 1024;

/** What a {@link CodedContent} does to its bytes. */
interface Step {
  /** Called with the first bytes. `whole`: they are all there are, and are written at once. */
  createCoder(whole: boolean): Transform;
  /** The result of the whole content, where it is small and all of it is there; else `undefined`. */
  wholeOf(chunks: readonly Uint8Array[], bytes: number): Uint8Array | undefined;
  toError(cause: unknown): Error;
  /** Makes the coder give out what it holds back. Absent: it holds nothing. */
  flush?(coder: Transform, done: () => void): void;
  /** The coder can serve another content after this one. Else it is ended and destroyed. */
  readonly outlives: boolean;
  /** The coder's next write ends the content. */
  readonly endsByItself: boolean;
  /** Ends the content and not the coder. */
  finish(done: () => void): void;
  /** The coder has finished, and nothing is left in it. */
  giveBack(): void;
}

class Decoding implements Step {
  readonly outlives = false;
  readonly endsByItself = false;
  readonly #coding: Coding;

  constructor(coding: Coding) {
    this.#coding = coding;
  }

  createCoder(): Transform {
    return createDecoder(this.#coding);
  }

  /** Decoders take no bytes at all for a broken stream; for us it is an empty content. */
  wholeOf(_chunks: readonly Uint8Array[], bytes: number): Uint8Array | undefined {
    return bytes === 0 ? NO_BYTES : undefined;
  }

  finish(): void {}

  giveBack(): void {}

  toError(cause: unknown): Error {
    return codingError(this.#coding, cause);
  }
}

class Encoding implements Step {
  readonly #coding: Coding;
  readonly #level: number;
  readonly #size: number | undefined;
  #pooled: PooledEncoder | undefined;

  constructor(coding: Coding, level: number, size: number | undefined) {
    this.#coding = coding;
    this.#level = level;
    this.#size = size;
  }

  createCoder(whole: boolean): Transform {
    const options = { level: this.#level, size: this.#size };
    const pooled = takeEncoder(this.#coding, options, whole);
    this.#pooled = pooled;
    return pooled.encoder;
  }

  get outlives(): boolean {
    return this.#pooled?.reusable === true;
  }

  get endsByItself(): boolean {
    return this.#pooled?.whole === true;
  }

  finish(done: () => void): void {
    if (this.#pooled !== undefined) finishEncoder(this.#pooled, done);
  }

  giveBack(): void {
    if (this.#pooled !== undefined) giveEncoderBack(this.#pooled);
    this.#pooled = undefined;
  }

  wholeOf(chunks: readonly Uint8Array[], bytes: number): Uint8Array | undefined {
    if (bytes > SMALL_BYTES) return undefined;
    return encodedAtOnce(this.#coding, joined(chunks), this.#level);
  }

  flush(coder: Transform, done: () => void): void {
    (coder as Encoder).flush(FLUSH[this.#coding], done);
  }

  toError(cause: unknown): Error {
    return new ProxyError("PROXY_INTERNAL", { message: `${this.#coding} failed`, cause });
  }
}

/**
 * One coder between a source and a sink. Chunks that arrive in one turn of the event loop, and those that arrive while
 * the coder works, are joined into its next write. When it has nothing to do and nothing has come in that turn, what it
 * holds back is flushed.
 */
class CodedContent implements ContentSource, ContentSink {
  readonly length = undefined;
  readonly bytes = undefined;
  readonly #source: ContentSource;
  readonly #step: Step;
  #sink: ContentSink | undefined;
  #coder: Transform | undefined;
  #queue: Uint8Array[] = [];
  #queued = 0;
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

  constructor(source: ContentSource, step: Step) {
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
    } else if (this.#queued >= QUEUE_BYTES && !this.#sourcePaused) {
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
      coder.write(joined(chunks), () => this.#finishCoder());
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

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
}

/** Instead of content that cannot be had. */
class FailedContent implements ContentSource {
  readonly length = undefined;
  readonly bytes = undefined;
  readonly #source: ContentSource;
  readonly #error: Error;
  #cancelled = false;

  constructor(source: ContentSource, error: Error) {
    this.#source = source;
    this.#error = error;
  }

  open(sink: ContentSink): void {
    this.#source.cancel();
    queueMicrotask(() => {
      if (!this.#cancelled) sink.onError(this.#error);
    });
  }

  pause(): void {}

  resume(): void {}

  cancel(): void {
    this.#cancelled = true;
    this.#source.cancel();
  }
}

function ignore(): void {}
