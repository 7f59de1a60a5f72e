import type { ContentSink, ContentSource } from "../../http/content.ts";
import type { RawFields } from "../../http/raw-fields.ts";

/** Largest chunk that user code sees. */
const CHUNK_BYTES = 64 * 1024;

/** Read ahead of the user's code. From here on the source is paused. */
const QUEUE_BYTES = 64 * 1024;

/** Told when the wait for the next chunk begins and ends: that time is not the user's code's. */
export interface WaitListener {
  onWaiting(): void;
  onWaited(): void;
}

type Waiter = {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (error: Error) => void;
};

/**
 * A content source as the async iterable that a transform reads. Opened by the first `next`; from then on about one chunk
 * is read ahead.
 */
export class UpstreamChunks
  implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined>, ContentSink
{
  readonly #source: ContentSource;
  readonly #listener: WaitListener;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #waiters: Waiter[] = [];
  #opened = false;
  #paused = false;
  #ended = false;
  #stopped = false;
  #error: Error | undefined;
  trailers: RawFields = [];
  /** The source's failure, once the user's code has been told of it. */
  reported: Error | undefined;

  constructor(source: ContentSource, listener: WaitListener) {
    this.#source = source;
    this.#listener = listener;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** True if every chunk was taken and the source ended as it should. */
  get exhausted(): boolean {
    return this.#ended && !this.#stopped && this.#queue.length === 0;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#take();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
    if (this.#error !== undefined) {
      this.reported = this.#error;
      return Promise.reject(this.#error);
    }
    if (this.#ended || this.#stopped) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#listener.onWaiting();
      if (!this.#opened) {
        this.#opened = true;
        this.#source.open(this);
      } else {
        this.#resumeSource();
      }
    });
  }

  /** The transform wants no more (`break`): neither do we. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.stop(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Lets the source go. With an error, a transform that waits for a chunk is told so, and its `finally` blocks run. */
  stop(error: Error | undefined): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#queue = [];
    this.#queued = 0;
    if (!this.#ended) this.#source.cancel();
    if (error !== undefined) this.#error ??= error;
    this.#release();
  }

  onData(chunk: Uint8Array): void {
    if (this.#stopped || chunk.length === 0) return;
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    while (this.#waiters.length > 0 && this.#queued > 0) {
      const waiter = this.#waiters.shift() as Waiter;
      this.#answered();
      waiter.resolve({ done: false, value: this.#take() as Uint8Array });
    }
    if (this.#queued >= QUEUE_BYTES && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
  }

  onEnd(trailers: RawFields): void {
    this.#ended = true;
    this.trailers = trailers;
    this.#release();
  }

  onError(error: Error): void {
    this.#ended = true;
    this.#error = error;
    this.#release();
  }

  #take(): Uint8Array | undefined {
    const first = this.#queue[0];
    if (first === undefined) return undefined;
    let taken = first;
    if (first.length > CHUNK_BYTES) {
      taken = first.subarray(0, CHUNK_BYTES);
      this.#queue[0] = first.subarray(CHUNK_BYTES);
    } else {
      this.#queue.shift();
    }
    this.#queued -= taken.length;
    if (this.#queued < QUEUE_BYTES) this.#resumeSource();
    return taken;
  }

  #resumeSource(): void {
    if (!this.#paused || this.#ended || this.#stopped) return;
    this.#paused = false;
    this.#source.resume();
  }

  /** Answers all who wait: nothing more will come. */
  #release(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#answered();
    for (const waiter of waiters) {
      if (this.#error === undefined) {
        waiter.resolve({ done: true, value: undefined });
      } else {
        this.reported = this.#error;
        waiter.reject(this.#error);
      }
    }
  }

  #answered(): void {
    if (this.#waiters.length === 0) this.#listener.onWaited();
  }
}
