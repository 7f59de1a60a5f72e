import type { ContentSink, ContentSource } from "./content.ts";

/** Where chunks are pulled from, one at a time. */
export interface Pull {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  /** Frees what is behind it. Never throws, never rejects. */
  stop(): void;
}

export class StreamPull implements Pull {
  readonly #stream: ReadableStream<unknown>;
  #reader: ReadableStreamDefaultReader<unknown> | undefined;

  constructor(stream: ReadableStream<unknown>) {
    this.#stream = stream;
  }

  next(): Promise<{ done?: boolean | undefined; value?: unknown }> {
    this.#reader ??= this.#stream.getReader();
    return this.#reader.read();
  }

  stop(): void {
    const stopped = this.#reader ? this.#reader.cancel() : this.#stream.cancel();
    stopped.catch(() => {});
  }
}

export class IterablePull implements Pull {
  readonly #iterable: AsyncIterable<unknown> | Iterable<unknown>;
  #iterator: AsyncIterator<unknown> | Iterator<unknown> | undefined;

  constructor(iterable: AsyncIterable<unknown> | Iterable<unknown>) {
    this.#iterable = iterable;
  }

  async next(): Promise<{ done?: boolean | undefined; value?: unknown }> {
    if (this.#iterator === undefined) {
      const iterable = this.#iterable as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
      const iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]?.();
      if (iterator === undefined) throw new TypeError("the content is not iterable");
      this.#iterator = iterator;
    }
    return await this.#iterator.next();
  }

  stop(): void {
    // A generator that never started has nothing to free.
    const iterator = this.#iterator;
    if (iterator?.return === undefined) return;
    const stop = async (): Promise<void> => void (await iterator.return?.());
    stop().catch(() => {});
  }
}

/** A content that is pulled chunk by chunk, only while its sink takes them. */
export class PulledSource implements ContentSource {
  readonly length: number | undefined;
  readonly bytes = undefined;
  readonly #pull: Pull;
  #sink: ContentSink | null = null;
  #paused = false;
  #reading = false;
  #over = false;
  /** Came after `pause`: kept for `resume`. */
  #held: Uint8Array | null = null;
  #ended = false;

  constructor(pull: Pull, length: number | undefined) {
    this.#pull = pull;
    this.length = length;
  }

  open(sink: ContentSink): void {
    if (this.#over) return;
    this.#sink = sink;
    this.#next();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#sink === null) return;
    if (this.#held !== null || this.#ended) queueMicrotask(() => this.#flush());
    else this.#next();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#sink = null;
    this.#held = null;
    try {
      this.#pull.stop();
    } catch {
      // A stream locked by its author cannot be cancelled: it is the author's then.
    }
  }

  #next(): void {
    if (this.#reading || this.#over || this.#paused) return;
    this.#reading = true;
    let reading: Promise<{ done?: boolean | undefined; value?: unknown }>;
    try {
      reading = this.#pull.next();
    } catch (error) {
      reading = Promise.reject(error);
    }
    reading.then(this.#onRead, this.#onFailure);
  }

  readonly #onRead = (result: { done?: boolean | undefined; value?: unknown }): void => {
    this.#reading = false;
    if (this.#over) return;
    if (result.done === true) {
      this.#ended = true;
    } else {
      const chunk = toBytes(result.value);
      if (chunk === undefined) {
        this.#fail(new TypeError(`a content chunk must be bytes, not ${describe(result.value)}`));
        return;
      }
      this.#held = chunk;
    }
    this.#flush();
  };

  readonly #onFailure = (reason: unknown): void => {
    this.#reading = false;
    if (this.#over) return;
    this.#over = true;
    const sink = this.#sink;
    this.#sink = null;
    sink?.onError(toError(reason));
  };

  #flush(): void {
    if (this.#over || this.#paused) return;
    const sink = this.#sink;
    if (sink === null) return;
    const chunk = this.#held;
    this.#held = null;
    if (chunk !== null && chunk.byteLength > 0) {
      sink.onData(chunk);
      if (this.#over || this.#paused) return;
    }
    if (this.#ended) {
      this.#over = true;
      this.#sink = null;
      sink.onEnd([]);
      return;
    }
    this.#next();
  }

  #fail(error: Error): void {
    const sink = this.#sink;
    this.cancel();
    sink?.onError(error);
  }
}

function toBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return Buffer.from(value);
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return undefined;
}

function describe(value: unknown): string {
  return value === null ? "null" : typeof value;
}

function toError(reason: unknown): Error {
  return reason instanceof Error
    ? reason
    : new Error("the content's stream failed", { cause: reason });
}
