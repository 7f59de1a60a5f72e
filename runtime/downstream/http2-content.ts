import type { RawFields } from "../http/raw-fields.ts";
import type { Http2Connection } from "./http2-connection.ts";
import { EXCHANGE, type ExchangeStream } from "./http2-stream.ts";
import { ReceivedContent } from "./received-content.ts";

const NO_TRAILERS: RawFields = [];

/**
 * A request's content, from its stream to whoever reads it. What comes before `open` or during a pause waits in the
 * stream, at most its flow-control window.
 */
export class Http2Content extends ReceivedContent {
  readonly #stream: ExchangeStream;
  readonly #connection: Http2Connection;
  #trailers: RawFields = NO_TRAILERS;

  constructor(
    stream: ExchangeStream,
    connection: Http2Connection,
    length: number | undefined,
    expectsContinue: boolean,
  ) {
    super(connection, length, expectsContinue);
    this.#stream = stream;
    this.#connection = connection;
    // They may come before anybody reads.
    stream.on("trailers", onTrailers);
  }

  deliverTrailers(trailers: RawFields): void {
    this.#trailers = trailers;
  }

  protected sendContinue(): void {
    this.#stream[EXCHANGE]?.sendContinue();
  }

  protected listen(): void {
    const stream = this.#stream;
    // Of a stream without any DATA node has told the end already, to nobody.
    if (stream.readableEnded) {
      process.nextTick(deliverEnd, this);
      return;
    }
    stream.on("end", onEnd);
    stream.on("data", onData);
    if (this.isPaused) stream.pause();
  }

  protected unlisten(): void {
    this.#stream.removeListener("data", onData);
    this.#stream.removeListener("end", onEnd);
  }

  protected hold(): void {
    this.#stream.pause();
  }

  protected goOn(): void {
    this.#stream.resume();
  }

  protected get expectsMore(): boolean {
    return !this.#stream.readableEnded;
  }

  /** A stream that is reset also ends: node lets its reader see that as an end like any other. */
  protected get endsWhole(): boolean {
    if (this.#stream.aborted || this.#stream.rstCode !== 0) return false;
    return this.length === undefined || this.received >= this.length;
  }

  protected get trailers(): RawFields {
    return this.#trailers;
  }

  /** The stream alone is given up, by whoever reads it. */
  protected silent(): void {}

  protected fault(error: unknown): void {
    this.#connection.fault(error, this.#stream);
  }
}

function onData(this: ExchangeStream, chunk: Buffer): void {
  this[EXCHANGE]?.content?.deliverChunk(chunk);
}

function onEnd(this: ExchangeStream): void {
  this[EXCHANGE]?.content?.deliverEnd();
}

function onTrailers(
  this: ExchangeStream,
  _fields: unknown,
  _flags: number,
  trailers: RawFields,
): void {
  this[EXCHANGE]?.content?.deliverTrailers(trailers);
}

function deliverEnd(content: Http2Content): void {
  content.deliverEnd();
}
