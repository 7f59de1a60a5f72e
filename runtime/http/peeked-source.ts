import type { ContentSink, ContentSource } from "./content.ts";
import { sourceFromBytes } from "./readable-source.ts";
import type { RawFields } from "./raw-fields.ts";

export interface Peeked {
  readonly firstChunk: Uint8Array | undefined;
  /** With `bytes` and a length if the whole content was there at once. */
  readonly content: ContentSource;
}

/**
 * Looks at the start of a content: waits until it ends, until two chunks came, or for one turn of the event loop (with
 * `needsChunk`: and for one chunk). So a small content becomes bytes of known length, and a slow one holds nothing up.
 * Rejects if the content fails before that.
 */
export function peekSource(source: ContentSource, needsChunk: boolean): Promise<Peeked> {
  return new Promise((resolve, reject) => {
    new PeekedSource(source, needsChunk, resolve, reject).start();
  });
}

class PeekedSource implements ContentSource, ContentSink {
  readonly length: number | undefined;
  readonly bytes = undefined;
  readonly #inner: ContentSource;
  readonly #needsChunk: boolean;
  readonly #resolve: (peeked: Peeked) => void;
  readonly #reject: (error: Error) => void;
  #held: Uint8Array[] = [];
  #turned = false;
  #settled = false;
  #sink: ContentSink | null = null;
  #paused = false;
  #flushing = false;
  #outcome: { trailers: RawFields } | { error: Error } | null = null;

  constructor(
    inner: ContentSource,
    needsChunk: boolean,
    resolve: (peeked: Peeked) => void,
    reject: (error: Error) => void,
  ) {
    this.#inner = inner;
    this.length = inner.length;
    this.#needsChunk = needsChunk;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    this.#inner.open(this);
    setImmediate(() => {
      this.#turned = true;
      this.#settle();
    });
  }

  onData(chunk: Uint8Array): void {
    if (this.#sink !== null && this.#held.length === 0 && !this.#paused) {
      this.#sink.onData(chunk);
      return;
    }
    this.#held.push(chunk);
    if (this.#held.length > 1) this.#inner.pause();
    this.#settle();
  }

  onEnd(trailers: RawFields): void {
    this.#outcome = { trailers };
    if (!this.#settled && trailers.length === 0) {
      this.#settled = true;
      const bytes = this.#held.length === 1 ? this.#held[0] : Buffer.concat(this.#held);
      const content = sourceFromBytes(bytes ?? new Uint8Array(0));
      this.#resolve({ firstChunk: this.#held[0], content });
      return;
    }
    this.#settle();
    this.#flush();
  }

  onError(error: Error): void {
    this.#outcome = { error };
    if (this.#settled) {
      this.#flush();
    } else {
      this.#settled = true;
      this.#reject(error);
    }
  }

  open(sink: ContentSink): void {
    this.#sink = sink;
    this.#scheduleFlush();
  }

  pause(): void {
    this.#paused = true;
    this.#inner.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#scheduleFlush();
  }

  cancel(): void {
    this.#sink = null;
    this.#held = [];
    this.#inner.cancel();
  }

  #settle(): void {
    if (this.#settled) return;
    const count = this.#held.length;
    if (this.#outcome === null && count < 2) {
      if (!this.#turned || (this.#needsChunk && count === 0)) return;
    }
    this.#settled = true;
    this.#inner.pause();
    this.#resolve({ firstChunk: this.#held[0], content: this });
  }

  #scheduleFlush(): void {
    if (this.#flushing || this.#sink === null) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#sink !== null && !this.#paused) {
      const chunk = this.#held.shift();
      if (chunk !== undefined) {
        this.#sink.onData(chunk);
      } else if (this.#outcome !== null) {
        const sink = this.#sink;
        this.#sink = null;
        if ("error" in this.#outcome) sink.onError(this.#outcome.error);
        else sink.onEnd(this.#outcome.trailers);
      } else {
        this.#inner.resume();
        return;
      }
    }
  }
}
