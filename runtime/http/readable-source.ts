/**
 * Contents made of what JavaScript has at hand: bytes, a ReadableStream, an async iterable. All of them pull: nothing is
 * read ahead of what the sink takes, beyond the one chunk that was asked for before `pause`.
 */
import type { ContentSink, ContentSource } from "./content.ts";
import { IterablePull, PulledSource, StreamPull } from "./pulled-source.ts";

/** Of a content in memory, as much as is handed over at a time: a slow client must not make a copy of all of it wait. */
export const SLICE_BYTES = 256 * 1024;

/** A content that is in memory. Its sink gets it in slices. */
export function sourceFromBytes(bytes: Uint8Array): ContentSource {
  return new BytesSource(bytes);
}

/** A content read from a stream of Uint8Array (text chunks are sent as UTF-8). `length` only if it is certain. */
export function sourceFromReadableStream(
  stream: ReadableStream<unknown>,
  length?: number,
): ContentSource {
  return new PulledSource(new StreamPull(stream), length);
}

/** A content read from an async (or plain) iterable of Uint8Array or text. `length` only if it is certain. */
export function sourceFromAsyncIterable(
  iterable: AsyncIterable<unknown> | Iterable<unknown>,
  length?: number,
): ContentSource {
  return new PulledSource(new IterablePull(iterable), length);
}

class BytesSource implements ContentSource {
  readonly length: number;
  readonly bytes: Uint8Array;
  #sink: ContentSink | null = null;
  #paused = false;
  #scheduled = false;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.length = bytes.byteLength;
  }

  open(sink: ContentSink): void {
    this.#sink = sink;
    this.#schedule();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  cancel(): void {
    this.#sink = null;
  }

  #schedule(): void {
    if (this.#scheduled || this.#sink === null) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const sink = this.#sink;
    if (sink === null) return;
    // onData may pause or cancel.
    while (this.#at < this.length && this.#sink !== null && !this.#paused) {
      const from = this.#at;
      this.#at = Math.min(this.length, from + SLICE_BYTES);
      sink.onData(this.bytes.subarray(from, this.#at));
    }
    if (this.#sink === null || this.#paused) return;
    this.#sink = null;
    sink.onEnd([]);
  }
}

/** A content as a Web stream with the same back pressure: it is opened by the first read, cancelled with the stream. */
export function readableStreamFromSource(
  source: ContentSource,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream(new SourceReader(source), { highWaterMark: 0 });
}

/** The underlying source of a ReadableStream. */
class SourceReader implements ContentSink {
  readonly #source: ContentSource;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #over = false;

  constructor(source: ContentSource) {
    this.#source = source;
  }

  pull(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>): void {
    if (this.#controller === undefined) {
      this.#controller = controller;
      this.#source.open(this);
    } else {
      this.#source.resume();
    }
  }

  cancel(): void {
    this.#over = true;
    this.#source.cancel();
  }

  onData(chunk: Uint8Array): void {
    const controller = this.#controller;
    if (controller === undefined || this.#over) return;
    // Nothing here puts bytes into a SharedArrayBuffer.
    controller.enqueue(chunk as Uint8Array<ArrayBuffer>);
    if ((controller.desiredSize ?? 0) <= 0) this.#source.pause();
  }

  onEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller?.close();
  }

  onError(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller?.error(error);
  }
}
