import type { ContentSink, ContentSource } from "../../http/content.ts";
import type { RawFields } from "../../http/raw-fields.ts";

/** What is told how long its bytes are in use. */
export interface Lender {
  beginRead(): void;
  endRead(): void;
}

/** A stored content on its way to a client, which holds it as long as that takes. */
export class LentBody implements ContentSource, ContentSink {
  readonly length: number | undefined;
  readonly bytes: Uint8Array | undefined;
  readonly #lender: Lender;
  readonly #content: ContentSource;
  #sink: ContentSink | undefined;

  constructor(lender: Lender, content: ContentSource) {
    this.#lender = lender;
    this.#content = content;
    this.length = content.length;
    this.bytes = content.bytes;
  }

  open(sink: ContentSink): void {
    this.#sink = sink;
    this.#lender.beginRead();
    this.#content.open(this);
  }

  pause(): void {
    this.#content.pause();
  }

  resume(): void {
    this.#content.resume();
  }

  cancel(): void {
    this.#content.cancel();
    this.#over();
  }

  onData(chunk: Uint8Array): void {
    this.#sink?.onData(chunk);
  }

  onEnd(trailers: RawFields): void {
    this.#over()?.onEnd(trailers);
  }

  onError(error: Error): void {
    this.#over()?.onError(error);
  }

  #over(): ContentSink | undefined {
    const sink = this.#sink;
    if (sink === undefined) return undefined;
    this.#sink = undefined;
    this.#lender.endRead();
    return sink;
  }
}
