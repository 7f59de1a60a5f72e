import type { Transform } from "node:stream";

import { ProxyError } from "../../errors.ts";
import type { ContentSink, ContentSource } from "../../http/content.ts";
import type { RawFields } from "../../http/raw-fields.ts";
import {
  codingError,
  createDecoder,
  createEncoder,
  parseCodings,
  unknownCodingError,
  type Coding,
} from "./coding.ts";

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
    decoded = new CodedContent(decoded, coding, createDecoder, (cause) =>
      codingError(coding, cause),
    );
  }
  return decoded;
}

/** Content with `codings` applied in order, streamed; what comes in together goes out together, without waiting for more. */
export function encodeContent(source: ContentSource, codings: readonly Coding[]): ContentSource {
  let encoded = source;
  for (const coding of codings) {
    encoded = new CodedContent(
      encoded,
      coding,
      createEncoder,
      (cause) => new ProxyError("PROXY_INTERNAL", { message: `${coding} failed`, cause }),
    );
  }
  return encoded;
}

/** Source bytes waiting for the coder beyond which the source is paused. */
const QUEUE_BYTES = 64 * 1024;

/**
 * One coder between a source and a sink. Chunks that arrive while the coder works are joined into its next write: the
 * flush after each write then costs once for all of them, and a slow producer still gets one for each.
 */
class CodedContent implements ContentSource, ContentSink {
  readonly length = undefined;
  readonly bytes = undefined;
  readonly #source: ContentSource;
  readonly #coding: Coding;
  readonly #create: (coding: Coding) => Transform;
  readonly #toError: (cause: unknown) => Error;
  #sink: ContentSink | undefined;
  #coder: Transform | undefined;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #working = false;
  #ended = false;
  #paused = false;
  #sourcePaused = false;
  #empty = true;
  #trailers: RawFields = [];

  constructor(
    source: ContentSource,
    coding: Coding,
    create: (coding: Coding) => Transform,
    toError: (cause: unknown) => Error,
  ) {
    this.#source = source;
    this.#coding = coding;
    this.#create = create;
    this.#toError = toError;
  }

  open(sink: ContentSink): void {
    this.#sink = sink;
    const coder = this.#create(this.#coding);
    this.#coder = coder;
    coder.on("data", (chunk: Uint8Array) => this.#sink?.onData(chunk));
    coder.on("end", () => this.#finish());
    coder.on("error", (error) => this.#fail(this.#toError(error)));
    if (this.#paused) coder.pause();
    this.#source.open(this);
  }

  pause(): void {
    this.#paused = true;
    this.#coder?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#coder?.resume();
  }

  cancel(): void {
    this.#sink = undefined;
    this.#close();
    this.#source.cancel();
  }

  onData(chunk: Uint8Array): void {
    if (this.#sink === undefined || chunk.length === 0) return;
    this.#empty = false;
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    if (!this.#working) this.#work();
    else if (this.#queued >= QUEUE_BYTES && !this.#sourcePaused) {
      this.#sourcePaused = true;
      this.#source.pause();
    }
  }

  onEnd(trailers: RawFields): void {
    if (this.#sink === undefined) return;
    this.#ended = true;
    this.#trailers = trailers;
    if (!this.#working) this.#work();
  }

  onError(error: Error): void {
    this.#fail(error);
  }

  /** Gives the coder what waits for it, all at once, or its end. */
  #work(): void {
    const coder = this.#coder;
    if (coder === undefined) return;
    if (this.#queued === 0) {
      if (!this.#ended) return;
      this.#working = true;
      // Decoders take no bytes at all for a broken stream; for us it is an empty content.
      if (this.#empty && this.#create === createDecoder) this.#finish();
      else coder.end();
      return;
    }
    const chunk =
      this.#queue.length === 1 ? (this.#queue[0] as Uint8Array) : Buffer.concat(this.#queue);
    this.#queue = [];
    this.#queued = 0;
    this.#working = true;
    coder.write(chunk, () => this.#worked());
    if (this.#sourcePaused) {
      this.#sourcePaused = false;
      this.#source.resume();
    }
  }

  #worked(): void {
    this.#working = false;
    if (this.#sink !== undefined && (this.#queued > 0 || this.#ended)) this.#work();
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
    const coder = this.#coder;
    this.#coder = undefined;
    // `destroy` frees the native state now rather than at the next collection; a late error has no one to go to.
    coder?.on("error", ignore).destroy();
  }
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
