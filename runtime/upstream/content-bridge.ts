import { Readable } from "node:stream";

import { toProxyError } from "../errors.ts";
import type { ContentSink, ContentSource } from "../http/content.ts";

/** Who wants to know which side an upload waits for: time that the client takes is not the upstream's. */
export interface UploadObserver {
  uploadWaitsForSource(): void;
  uploadWaitsForUpstream(): void;
}

const BUFFERED_BYTES = 65_536;

/**
 * A request's content as the Readable that undici wants, with back pressure. The source is opened by the first read,
 * which undici makes when the connection stands, so a request that never got one has not touched it.
 */
export class ContentBridge extends Readable implements ContentSink {
  readonly #source: ContentSource;
  readonly #observer: UploadObserver;
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
}

function ignore(): void {}
