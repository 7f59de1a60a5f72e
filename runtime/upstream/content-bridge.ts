import { Readable } from "node:stream";

import { toProxyError } from "../errors.ts";
import type { ContentSink, ContentSource } from "../http/content.ts";

/** Who wants to know which side an upload waits for: time that the client takes is not the upstream's. */
export interface UploadObserver {
  uploadWaitsForSource(): void;
  uploadWaitsForUpstream(): void;
  /** The kernel, or TLS, has all that was written. */
  get uploadIsTaken(): boolean;
}

const BUFFERED_BYTES = 65_536;

/**
 * A request's content as the Readable that undici wants, with back pressure. The source is opened by the first read,
 * which undici makes when the connection stands, so a request that never got one has not touched it.
 */
export class ContentBridge extends Readable implements ContentSink {
  readonly #source: ContentSource;
  readonly #observer: UploadObserver;
  /** Chunks that the source can use again, and that are on their way. */
  #lent: Uint8Array[] = [];
  #opened = false;
  #ended = false;

  constructor(source: ContentSource, observer: UploadObserver) {
    super({ highWaterMark: BUFFERED_BYTES });
    this.#source = source;
    this.#observer = observer;
    // undici removes its listeners when the response is over, which may be before the upload is.
    this.on("error", ignore);
  }

  override _read(): void {
    if (this.#ended) return;
    if (this.#lent.length > 0 && this.readableLength === 0 && this.#observer.uploadIsTaken) {
      this.#giveBack();
    }
    this.#observer.uploadWaitsForSource();
    if (this.#opened) {
      this.#source.resume();
    } else {
      this.#opened = true;
      this.#source.open(this);
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#ended) {
      this.#ended = true;
      this.#source.cancel();
    }
    callback(error);
  }

  onData(chunk: Uint8Array): void {
    if (this.destroyed || chunk.byteLength === 0) return;
    if (this.#source.recycle !== undefined) this.#lent.push(chunk);
    if (!this.push(chunk)) {
      this.#source.pause();
      this.#observer.uploadWaitsForUpstream();
    }
  }

  onEnd(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.push(null);
  }

  /** Cuts the request: the upstream must see that it is not whole. */
  onError(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.destroy(toProxyError(error, "PROXY_REQUEST_CONTENT_INCOMPLETE"));
  }

  #giveBack(): void {
    const chunks = this.#lent;
    this.#lent = [];
    for (const chunk of chunks) this.#source.recycle?.(chunk);
  }
}

function ignore(): void {}
