import { Deadline } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import type { ContentSink, ContentSource } from "../http/content.ts";
import type { RawFields } from "../http/raw-fields.ts";
import type { Http2Connection } from "./http2-connection.ts";
import { EXCHANGE, type ExchangeStream } from "./http2-stream.ts";

/** The idle limit is looked at this often within itself: a chunk then costs one assignment, not a timer. */
const LOOKS = 4;
const NO_TRAILERS: RawFields = [];

/**
 * A request's content, from its stream to whoever reads it. What comes before `open` or during a pause waits in the
 * stream, at most its flow-control window.
 */
export class Http2Content implements ContentSource {
  readonly length: number | undefined;
  readonly bytes = undefined;
  /** Bytes given to the reader so far. */
  received = 0;

  readonly #stream: ExchangeStream;
  readonly #connection: Http2Connection;
  #sink: ContentSink | null = null;
  #state: "unread" | "open" | "over" = "unread";
  #paused = false;
  #complete = false;
  #failure: ProxyError | undefined;
  #trailers: RawFields = NO_TRAILERS;
  #idle: Deadline | undefined;
  #touched = true;
  #quietLooks = 0;
  #continueOwed: boolean;

  constructor(
    stream: ExchangeStream,
    connection: Http2Connection,
    length: number | undefined,
    expectsContinue: boolean,
  ) {
    this.#stream = stream;
    this.#connection = connection;
    this.length = length;
    this.#continueOwed = expectsContinue;
    // They may come before anybody reads.
    stream.on("trailers", onTrailers);
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  /** Its reader has got all of it. */
  get isComplete(): boolean {
    return this.#complete;
  }

  open(sink: ContentSink): void {
    if (this.#state !== "unread" || this.#sink !== null) return;
    this.#sink = sink;
    if (this.#failure !== undefined) {
      process.nextTick(deliverFailure, this);
      return;
    }
    this.#state = "open";
    const stream = this.#stream;
    if (this.#continueOwed) {
      this.#continueOwed = false;
      stream[EXCHANGE]?.sendContinue();
    }
    // Of a stream without any DATA node has told the end already, to nobody.
    if (stream.readableEnded) {
      process.nextTick(deliverEnd, this);
      return;
    }
    stream.on("end", onEnd);
    stream.on("data", onData);
    if (this.#paused) stream.pause();
    this.#idle = new Deadline(() => this.#look());
    this.#connection.wheel.arm(this.#idle, this.#connection.limits.contentIdleMs / LOOKS);
  }

  pause(): void {
    this.#paused = true;
    if (this.#state === "open") this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#touched = true;
    if (this.#state === "open") this.#stream.resume();
  }

  cancel(): void {
    if (this.#state === "over") return;
    const opened = this.#state === "open";
    this.#detach();
    // What is still to come is dropped when the answer is out, and not before: until then the client waits.
    if (opened) this.#stream.pause();
  }

  /** The stream is gone, or its client has fallen silent. */
  fail(error: ProxyError): void {
    if (this.#state === "over") return;
    const sink = this.#sink;
    const opened = this.#state === "open";
    this.#failure ??= error;
    if (!opened) return;
    this.#detach();
    this.#tellFailure(sink, error);
  }

  /** The response is out: what was not read by now is nobody's. A reader still learns that no end will come. */
  leave(): void {
    if (this.#state === "open") this.fail(new ProxyError("PROXY_REQUEST_CONTENT_INCOMPLETE"));
    else this.cancel();
  }

  deliverChunk(chunk: Buffer): void {
    this.#touched = true;
    this.received += chunk.length;
    try {
      this.#sink?.onData(chunk);
    } catch (error) {
      this.#connection.fault(error, this.#stream);
    }
  }

  deliverTrailers(trailers: RawFields): void {
    this.#trailers = trailers;
  }

  deliverEnd(): void {
    if (this.#state !== "open") return;
    // A stream that is reset also ends: node lets its reader see that as an end like any other.
    if (this.#stream.aborted || this.#stream.rstCode !== 0) return;
    if (this.length !== undefined && this.received < this.length) return;
    const sink = this.#sink;
    this.#complete = true;
    this.#detach();
    try {
      sink?.onEnd(this.#trailers);
    } catch (error) {
      this.#connection.fault(error, this.#stream);
    }
  }

  deliverFailure(): void {
    if (this.#state === "over" || this.#failure === undefined) return;
    const sink = this.#sink;
    this.#detach();
    this.#tellFailure(sink, this.#failure);
  }

  #tellFailure(sink: ContentSink | null, error: ProxyError): void {
    try {
      sink?.onError(error);
    } catch (thrown) {
      this.#connection.fault(thrown, this.#stream);
    }
  }

  #look(): void {
    if (this.#state !== "open" || this.#idle === undefined) return;
    if (this.#touched || this.#paused) {
      this.#touched = false;
      this.#quietLooks = 0;
    } else {
      this.#quietLooks += 1;
      if (this.#quietLooks >= LOOKS) {
        this.fail(new ProxyError("PROXY_REQUEST_CONTENT_TIMEOUT"));
        return;
      }
    }
    this.#connection.wheel.arm(this.#idle, this.#connection.limits.contentIdleMs / LOOKS);
  }

  #detach(): void {
    if (this.#state === "open") {
      this.#stream.removeListener("data", onData);
      this.#stream.removeListener("end", onEnd);
    }
    this.#state = "over";
    this.#sink = null;
    if (this.#idle !== undefined) this.#connection.wheel.disarm(this.#idle);
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

function deliverFailure(content: Http2Content): void {
  content.deliverFailure();
}
