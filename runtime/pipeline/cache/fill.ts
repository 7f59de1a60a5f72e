import { Deadline, type DeadlineWheel } from "../../clock.ts";
import { ProxyError } from "../../errors.ts";
import type { ContentSink, ContentSource } from "../../http/content.ts";
import { NO_FIELDS, type RawFields } from "../../http/raw-fields.ts";
import type { ResponseStore } from "../../primitives/cache/response-store.ts";

/** What a reader may be behind where the content is not kept. */
const WINDOW_BYTES = 256 * 1024;
/** What a chunk costs beside its bytes: a content in chunks of one byte is no bargain. */
const CHUNK_COST_BYTES = 256;
/** How often the readers of a content that is not kept are looked at. */
const LOOK_MS = 2000;

/** What its readers owe each other. */
export interface Pace {
  readonly wheel: DeadlineWheel;
  /** Bytes a second that one must take while others wait for it. 0: none. */
  readonly minRate: number;
}

/**
 * A content on its way into the store, and to everyone who waits for it: read once, at the pace of the upstream while it
 * may be stored, at that of the slowest reader when it has turned out too large. What it holds is part of what the store
 * may hold.
 */
export class Fill implements ContentSink {
  readonly #source: ContentSource;
  readonly #store: ResponseStore;
  readonly #pace: Pace;
  readonly #done: (body: Uint8Array | undefined) => void;
  #chunks: Uint8Array[] = [];
  /** Number of the first chunk that is there. */
  #first = 0;
  /** Bytes of the chunks that are there, and of all so far. */
  #held = 0;
  #bytes = 0;
  #reserved = 0;
  #keeps = true;
  #paused = false;
  #end: { readonly trailers: RawFields; readonly error: Error | undefined } | undefined;
  readonly #readers = new Set<FillReader>();
  readonly #look = new Deadline(() => this.#cutStalled());

  /** `done`: once, with the whole content or with nothing, before readers see the end. */
  constructor(
    source: ContentSource,
    store: ResponseStore,
    pace: Pace,
    done: (body: Uint8Array | undefined) => void,
  ) {
    this.#source = source;
    this.#store = store;
    this.#pace = pace;
    this.#done = done;
  }

  start(): void {
    this.#source.open(this);
  }

  /** More readers can join. */
  get keeps(): boolean {
    return this.#keeps;
  }

  reader(length: number | undefined): FillReader {
    const reader = new FillReader(this, length);
    this.#readers.add(reader);
    return reader;
  }

  onData(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    this.#bytes += chunk.length;
    if (this.#keeps && !this.#mayKeep(chunk.length)) this.#giveUp();
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
    if (this.#readers.size > 0) this.trim();
    else if (this.#end !== undefined) this.#letGo();
    else if (!this.#keeps) this.#stop();
  }

  /** Lets go of what all readers have had, and waits for the slowest. */
  trim(): void {
    // What is stored is held by the store anyway.
    if (this.#keeps || (this.#end !== undefined && this.#reserved === 0)) return;
    let least = this.#first + this.#chunks.length;
    for (const reader of this.#readers) least = Math.min(least, reader.at);
    if (least > this.#first) {
      for (const chunk of this.#chunks.splice(0, least - this.#first)) this.#held -= chunk.length;
      this.#first = least;
      this.#release(this.#held + this.#chunks.length * CHUNK_COST_BYTES);
    }
    if (this.#end !== undefined) return;
    if (this.#held > WINDOW_BYTES && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
      if (this.#readers.size > 1 && !this.#look.armed) this.#startLook();
    } else if (this.#held <= WINDOW_BYTES / 2 && this.#paused) {
      this.#paused = false;
      this.#source.resume();
    }
  }

  #mayKeep(bytes: number): boolean {
    if (this.#bytes > this.#store.maxEntryBytes) return false;
    const cost = bytes + CHUNK_COST_BYTES;
    if (!this.#store.reserve(cost)) return false;
    this.#reserved += cost;
    return true;
  }

  /** Gives back what is reserved beyond that. */
  #release(needed: number): void {
    if (needed >= this.#reserved) return;
    this.#store.release(this.#reserved - needed);
    this.#reserved = needed;
  }

  #giveUp(): void {
    this.#keeps = false;
    this.#done(undefined);
    if (this.#readers.size === 0) this.#stop();
  }

  /** Nobody wants it. */
  #stop(): void {
    this.#end = { trailers: [], error: undefined };
    this.#letGo();
    this.#source.cancel();
  }

  #letGo(): void {
    this.#chunks = [];
    this.#held = 0;
    this.#release(0);
    this.#pace.wheel.disarm(this.#look);
  }

  #over(trailers: RawFields, error: Error | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { trailers, error };
    this.#pace.wheel.disarm(this.#look);
    if (this.#keeps) {
      this.#keeps = false;
      if (error === undefined) {
        const body = this.#whole();
        this.#release(0);
        this.#done(body);
      } else {
        this.#done(undefined);
      }
    }
    if (this.#readers.size === 0) this.#letGo();
    for (const reader of this.#readers) reader.go();
  }

  /** In memory of its own: a place in a pool would hold on to all of the pool. Readers who are behind read from it too. */
  #whole(): Uint8Array {
    const body = Buffer.allocUnsafeSlow(this.#bytes);
    let at = 0;
    for (const [number, chunk] of this.#chunks.entries()) {
      body.set(chunk, at);
      this.#chunks[number] = body.subarray(at, at + chunk.length);
      at += chunk.length;
    }
    return body;
  }

  #startLook(): void {
    for (const reader of this.#readers) reader.startLook();
    this.#pace.wheel.arm(this.#look, LOOK_MS);
  }

  /** One that takes next to nothing must not hold up all others. */
  #cutStalled(): void {
    const least = (this.#pace.minRate * LOOK_MS) / 1000;
    const behind = [...this.#readers].filter((one) => this.chunk(one.at) !== undefined);
    const others = this.#readers.size - behind.length;
    if (this.#paused && others > 0) {
      const message = "the client took next to nothing, and others waited";
      for (const reader of behind) {
        if (reader.takenInLook < least)
          reader.fail(new ProxyError("PROXY_CLIENT_STALLED", { message }));
      }
    }
    if (this.#end === undefined && this.#readers.size > 1) this.#startLook();
  }
}

/** One reader of a {@link Fill}, from its beginning. */
export class FillReader implements ContentSource {
  readonly length: number | undefined;
  readonly bytes = undefined;
  /** Number of the chunk that it reads next. */
  at = 0;
  takenInLook = 0;
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

  /** Whoever reads it learns why there is no more. */
  fail(reason: Error): void {
    if (this.#over) return;
    this.cancel();
    this.#sink?.onError(reason);
  }

  startLook(): void {
    this.takenInLook = 0;
  }

  go(): void {
    const sink = this.#sink;
    if (sink === undefined || this.#going || this.#over) return;
    this.#going = true;
    while (!this.#paused && !this.#over) {
      const chunk = this.#fill.chunk(this.at);
      if (chunk === undefined) break;
      this.at += 1;
      this.takenInLook += chunk.length;
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
