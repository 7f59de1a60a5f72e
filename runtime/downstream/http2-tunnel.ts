import type { ServerHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";

import { cancelStream } from "./http2-stream.ts";

/**
 * The bytes of an extended CONNECT (RFC 8441) as a stream of their own. An orderly end is END_STREAM; a `destroy` is
 * RST_STREAM with CANCEL, as a reset is on TCP (§5).
 */
export class Http2Tunnel extends Duplex {
  bytesReceived = 0;
  bytesSent = 0;
  readonly #stream: ServerHttp2Stream;
  #attached = false;

  constructor(stream: ServerHttp2Stream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    this.on("error", ignoreError);
    stream.on("close", () => {
      if (this.readableEnded || this.#ended()) return;
      this.destroy();
    });
  }

  override _read(): void {
    if (!this.#attached) {
      this.#attached = true;
      if (this.#stream.readableEnded) {
        this.push(null);
        return;
      }
      this.#stream.on("data", (chunk: Buffer) => {
        this.bytesReceived += chunk.length;
        if (!this.push(chunk)) this.#stream.pause();
      });
      this.#stream.on("end", () => {
        if (!this.#stream.aborted && this.#stream.rstCode === 0) this.push(null);
      });
    }
    this.#stream.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void) {
    if (this.#stream.destroyed || this.#stream.closed) {
      done(new Error("the stream is closed"));
      return;
    }
    this.bytesSent += chunk.length;
    this.#stream.write(chunk, encoding, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#stream.destroyed) done();
    else this.#stream.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const isOrderly = error === null && this.readableEnded && this.writableFinished;
    if (!isOrderly) cancelStream(this.#stream);
    done(error);
  }

  /** Both sides have come to their end, though the reader may not have seen it yet. */
  #ended(): boolean {
    return this.#stream.rstCode === 0 && !this.#stream.aborted && this.#stream.readableEnded;
  }
}

function ignoreError(): void {
  // The close that follows is what counts.
}
