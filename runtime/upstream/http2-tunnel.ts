import { constants, type ClientHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";

/**
 * The bytes of an extended CONNECT (RFC 8441) as a stream of their own. An orderly end is END_STREAM; a `destroy` is
 * RST_STREAM with CANCEL, as a reset is on TCP (§5). Node's own stream says "end" also when it was reset, and resets
 * with NO_ERROR.
 */
export class Http2Tunnel extends Duplex {
  readonly #stream: ClientHttp2Stream;
  /** END_STREAM has come. */
  readonly #isEnded: () => boolean;
  #attached = false;

  constructor(stream: ClientHttp2Stream, isEnded: () => boolean) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    this.#isEnded = isEnded;
    this.on("error", ignore);
    stream.on("close", () => {
      if (!this.#isEnded() || !this.writableFinished) this.destroy();
    });
  }

  override _read(): void {
    if (!this.#attached) {
      this.#attached = true;
      this.#stream.on("data", (chunk: Buffer) => {
        if (!this.push(chunk)) this.#stream.pause();
      });
      this.#stream.on("end", () => {
        if (this.#isEnded()) this.push(null);
      });
    }
    this.#stream.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void) {
    if (this.#stream.destroyed || this.#stream.closed) done(new Error("the stream is closed"));
    else this.#stream.write(chunk, encoding, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#stream.destroyed) done();
    else this.#stream.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const isOrderly = error === null && this.readableEnded && this.writableFinished;
    if (!isOrderly && !this.#stream.closed) this.#stream.close(constants.NGHTTP2_CANCEL);
    done(error);
  }
}

function ignore(): void {}
