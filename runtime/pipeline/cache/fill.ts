import type { ContentSink, ContentSource } from "../../http/content.ts";
import { NO_FIELDS, type RawFields } from "../../http/raw-fields.ts";
import type { CacheParts } from "./cache-parts.ts";

/** What a reader may be behind where the content is not kept. */
const WINDOW_BYTES = 256 * 1024;

/**
 * A content on its way into the store, and to everyone who waits for it: read once, at the pace of the upstream while it
 * may be stored, at that of the slowest reader when it has turned out too large.
 */
export class Fill implements ContentSink {
  readonly #source: ContentSource;
  readonly #cache: CacheParts;
  readonly #maxBytes: number;
  readonly #done: (body: Uint8Array | undefined) => void;
  #chunks: Uint8Array[] = [];
  /** Number of the first chunk that is there. */
  #first = 0;
  #bytes = 0;
  #keeps = true;
  #paused = false;
  #end: { readonly trailers: RawFields; readonly error: Error | undefined } | undefined;
  readonly #readers = new Set<FillReader>();

  /** `done`: once, with the whole content or with nothing, before readers see the end. */
  constructor(
    source: ContentSource,
    cache: CacheParts,
    done: (body: Uint8Array | undefined) => void,
  ) {
    this.#source = source;
    this.#cache = cache;
    this.#maxBytes = cache.store.maxEntryBytes;
    this.#done = done;
  }

  start(): void {
    this.#source.open(this);
  }

  /** More readers can join. */
  get keeps(): boolean {
    return this.#keeps;
  }

  reader(length: number | undefined): ContentSource {
    const reader = new FillReader(this, length);
    this.#readers.add(reader);
    return reader;
  }

  onData(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#keeps) {
      this.#cache.filling += chunk.length;
      const room = this.#cache.filling <= this.#cache.store.maxBytes;
      if (this.#bytes > this.#maxBytes || !room) this.#giveUp();
    }
    for (const reader of this.#readers) reader.go();
    if (!this.#keeps) this.trim();
  }

  onEnd(trailers: RawFields): void {
    this.#over(trailers, undefined);
  }

  onError(error: Error): void {
    this.#over([], error);
  }

  chunk(number: number): Uint8Array | undefined {
    return this.#chunks[number - this.#first];
  }

  get end(): { readonly trailers: RawFields; readonly error: Error | undefined } | undefined {
    return this.#end;
  }

  leave(reader: FillReader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) {
      if (!this.#keeps) this.trim();
    } else if (!this.#keeps && this.#end === undefined) {
      this.#end = { trailers: [], error: undefined };
      this.#source.cancel();
    }
  }

  /** Lets go of what all readers have had, and waits for the slowest. */
  trim(): void {
    if (this.#keeps) return;
    let least = this.#first + this.#chunks.length;
    for (const reader of this.#readers) least = Math.min(least, reader.at);
    if (least > this.#first) {
      this.#chunks.splice(0, least - this.#first);
      this.#first = least;
    }
    let held = 0;
    for (const chunk of this.#chunks) held += chunk.length;
    if (this.#end !== undefined) return;
    if (held > WINDOW_BYTES && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    } else if (held <= WINDOW_BYTES / 2 && this.#paused) {
      this.#paused = false;
      this.#source.resume();
    }
  }

  #giveUp(): void {
    this.#keeps = false;
    this.#cache.filling -= this.#bytes;
    this.#done(undefined);
    if (this.#readers.size === 0) {
      this.#end = { trailers: [], error: undefined };
      this.#source.cancel();
    }
  }

  #over(trailers: RawFields, error: Error | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { trailers, error };
    if (this.#keeps) {
      this.#keeps = false;
      this.#cache.filling -= this.#bytes;
      this.#done(error === undefined ? Buffer.concat(this.#chunks) : undefined);
    }
    for (const reader of this.#readers) reader.go();
  }
}

class FillReader implements ContentSource {
  readonly length: number | undefined;
  readonly bytes = undefined;
  at = 0;
  readonly #fill: Fill;
  #sink: ContentSink | undefined;
  #paused = false;
  #going = false;
  #over = false;

  constructor(fill: Fill, length: number | undefined) {
    this.#fill = fill;
    this.length = length;
  }

  open(sink: ContentSink): void {
    this.#sink = sink;
    queueMicrotask(() => this.go());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.go();
    this.#fill.trim();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#fill.leave(this);
  }

  go(): void {
    const sink = this.#sink;
    if (sink === undefined || this.#going || this.#over) return;
    this.#going = true;
    while (!this.#paused && !this.#over) {
      const chunk = this.#fill.chunk(this.at);
      if (chunk === undefined) break;
      this.at += 1;
      sink.onData(chunk);
    }
    this.#going = false;
    const { end } = this.#fill;
    if (this.#paused || this.#over || end === undefined) return;
    if (this.#fill.chunk(this.at) !== undefined) return;
    this.#over = true;
    this.#fill.leave(this);
    if (end.error === undefined)
      sink.onEnd(end.trailers.length === 0 ? [...NO_FIELDS] : end.trailers);
    else sink.onError(end.error);
  }
}
