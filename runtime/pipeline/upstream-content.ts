import type { ContentSink, ContentSource } from "../http/content.ts";
import type { RawFields } from "../http/raw-fields.ts";
import type { UpstreamCall } from "../upstream/upstream.ts";

/**
 * The content of an upstream's response as a source, for those who read or edit it. What arrives before somebody opens
 * it waits here: `readAheadBytes`, and what the connection had already read when the upstream is paused then.
 *
 * A response that nobody reads never takes this way: the flow writes its chunks straight to the client.
 */
export class UpstreamContent implements ContentSource {
  readonly length: number | undefined;
  readonly bytes = undefined;
  #call: UpstreamCall | undefined;
  #sink: ContentSink | undefined;
  #waiting: Uint8Array[] | undefined;
  /** How much more may come before somebody opens it. */
  #readAhead: number;
  /** Somebody looks at the beginning. */
  #ready: (() => void) | undefined;
  #paused = false;
  #flushing = false;
  #over = false;
  #end: { readonly trailers: RawFields; readonly error: Error | undefined } | undefined;

  constructor(length: number | undefined, readAheadBytes = 0) {
    this.length = length;
    this.#readAhead = readAheadBytes;
  }

  /** True once somebody reads it through the sink. */
  get opened(): boolean {
    return this.#sink !== undefined || this.#over;
  }

  /** Known only after `dispatch` has returned. */
  attach(call: UpstreamCall): void {
    this.#call = call;
    if (this.#over) call.abort();
  }

  /** How the content ended, if it has. */
  get ended(): { readonly trailers: RawFields; readonly error: Error | undefined } | undefined {
    return this.#end;
  }

  /** Chunks that arrived before anyone opened it, taken over by whoever sends them directly. */
  takeWaiting(): readonly Uint8Array[] {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    return waiting;
  }

  /**
   * Lets this much wait, so that somebody can look at it, and says when it is here: that much, or all of it. Nothing is
   * taken, and who looks may stop waiting at any time. Not said where the content fails.
   */
  peek(bytes: number, ready: () => void): void {
    this.#readAhead = bytes;
    this.#ready = ready;
    queueMicrotask(() => {
      if (this.#end !== undefined) this.#peeked();
      else if (this.#ready !== undefined) this.#call?.resume();
    });
  }

  /** What waits at present. */
  get waiting(): readonly Uint8Array[] {
    return this.#waiting ?? [];
  }

  #peeked(): void {
    const ready = this.#ready;
    this.#ready = undefined;
    this.#readAhead = 0;
    if (this.#end?.error === undefined && !this.#over) ready?.();
  }

  push(chunk: Uint8Array): void {
    if (this.#over) return;
    if (this.#sink !== undefined && !this.#paused && this.#waiting === undefined) {
      this.#sink.onData(chunk);
      return;
    }
    (this.#waiting ??= []).push(chunk);
    this.#readAhead -= chunk.length;
    if (this.#sink !== undefined || this.#readAhead <= 0) this.#call?.pause();
    if (this.#ready !== undefined && this.#readAhead <= 0) this.#peeked();
  }

  finish(trailers: RawFields): void {
    this.#end = { trailers, error: undefined };
    if (this.#ready !== undefined) this.#peeked();
    this.#flush();
  }

  fail(error: Error): void {
    this.#end = { trailers: [], error };
    this.#flush();
  }

  open(sink: ContentSink): void {
    this.#sink = sink;
    queueMicrotask(() => {
      this.#flush();
      if (!this.#paused && this.#end === undefined) this.#call?.resume();
    });
  }

  pause(): void {
    this.#paused = true;
    this.#call?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#flush();
    if (!this.#paused && this.#end === undefined) this.#call?.resume();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#waiting = undefined;
    this.#ready = undefined;
    if (this.#end === undefined) this.#call?.abort();
  }

  #flush(): void {
    if (this.#sink === undefined || this.#flushing || this.#over) return;
    this.#flushing = true;
    while (!this.#paused && !this.#over && this.#waiting !== undefined) {
      const chunk = this.#waiting.shift();
      if (this.#waiting.length === 0) this.#waiting = undefined;
      if (chunk !== undefined) this.#sink.onData(chunk);
    }
    this.#flushing = false;
    if (this.#paused || this.#over || this.#waiting !== undefined || this.#end === undefined)
      return;
    this.#over = true;
    if (this.#end.error === undefined) this.#sink.onEnd(this.#end.trailers);
    else this.#sink.onError(this.#end.error);
  }
}
