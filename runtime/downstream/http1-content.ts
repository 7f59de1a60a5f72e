import { Deadline } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import type { ContentSink, ContentSource } from "../http/content.ts";
import type { Http1Connection } from "./http1-connection.ts";
import type { Http1Request } from "./http1-request.ts";

/** Unread content of at most this declared length is read and dropped, so that its connection can go on. */
const MAX_SKIPPED_BYTES = 64 * 1024;
/** The idle limit is looked at this often within itself: a chunk then costs one assignment, not a timer. */
const LOOKS = 4;

/** A request's content, from node's parser to whoever reads it. */
export class Http1Content implements ContentSource {
  readonly length: number | undefined;
  readonly bytes = undefined;
  /** Bytes given to the reader so far. */
  received = 0;

  readonly #request: Http1Request;
  readonly #connection: Http1Connection;
  #sink: ContentSink | null = null;
  #state: "unread" | "open" | "over" = "unread";
  #paused = false;
  #failure: ProxyError | undefined;
  #idle: Deadline | undefined;
  #touched = true;
  #quietLooks = 0;
  #continueOwed: boolean;

  constructor(
    request: Http1Request,
    connection: Http1Connection,
    length: number | undefined,
    expectsContinue: boolean,
  ) {
    this.#request = request;
    this.#connection = connection;
    this.length = length;
    this.#continueOwed = expectsContinue;
    request.receivedContent = this;
  }

  /** All of it is here or was read: the connection can be used again. */
  get complete(): boolean {
    return this.#request.complete;
  }

  /** There is more of it, and nobody reads on at present. */
  get isHeld(): boolean {
    return (this.#paused || this.#state !== "open") && !this.complete;
  }

  /** Somebody is reading it, and may read it to its end. */
  get wanted(): boolean {
    return this.#state === "open";
  }

  /** Whether the next request can be reached though nobody reads this one's content. */
  get skippable(): boolean {
    // A client that waits for 100 and gets a final status may send its content or not: only a close is clear.
    if (this.#continueOwed) return false;
    return this.complete || (this.length !== undefined && this.length <= MAX_SKIPPED_BYTES);
  }

  open(sink: ContentSink): void {
    if (this.#state !== "unread" || this.#sink !== null) return;
    this.#sink = sink;
    if (this.#failure !== undefined) {
      process.nextTick(deliverFailure, this);
      return;
    }
    this.#state = "open";
    if (this.#continueOwed) {
      this.#continueOwed = false;
      this.#connection.sendContinue();
    }
    this.#request.on("data", onData);
    this.#request.on("end", onEnd);
    if (!this.#request.complete) {
      this.#idle = new Deadline(() => this.#look());
      this.#connection.wheel.arm(this.#idle, this.#connection.limits.contentIdleMs / LOOKS);
    }
  }

  pause(): void {
    this.#paused = true;
    if (this.#state !== "open") return;
    this.#request.pause();
    this.#connection.watchPeer();
  }

  resume(): void {
    this.#paused = false;
    this.#touched = true;
    if (this.#state === "open") this.#request.resume();
  }

  cancel(): void {
    if (this.#state === "over") return;
    const opened = this.#state === "open";
    this.#detach();
    // What is still to come is read when the answer is out, and not before: until then the client waits.
    if (opened) this.#request.pause();
  }

  /** The connection broke, or what it carries is not HTTP. */
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
      this.#connection.fault(error);
    }
  }

  deliverEnd(): void {
    if (this.#state !== "open") return;
    const sink = this.#sink;
    this.#detach();
    try {
      sink?.onEnd(this.#request.rawTrailers);
    } catch (error) {
      this.#connection.fault(error);
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
      this.#connection.fault(thrown);
    }
  }

  #look(): void {
    if (this.#state !== "open" || this.#idle === undefined) return;
    if (this.#touched || this.#paused || this.#request.complete) {
      this.#touched = false;
      this.#quietLooks = 0;
    } else {
      this.#quietLooks += 1;
      if (this.#quietLooks >= LOOKS) {
        this.#connection.closeAfterCurrent();
        this.fail(new ProxyError("PROXY_REQUEST_CONTENT_TIMEOUT"));
        return;
      }
    }
    this.#connection.wheel.arm(this.#idle, this.#connection.limits.contentIdleMs / LOOKS);
  }

  #detach(): void {
    if (this.#state === "open") {
      this.#request.removeListener("data", onData);
      this.#request.removeListener("end", onEnd);
    }
    this.#state = "over";
    this.#sink = null;
    if (this.#idle !== undefined) this.#connection.wheel.disarm(this.#idle);
  }
}

function onData(this: Http1Request, chunk: Buffer): void {
  this.receivedContent?.deliverChunk(chunk);
}

function onEnd(this: Http1Request): void {
  this.receivedContent?.deliverEnd();
}

function deliverFailure(content: Http1Content): void {
  content.deliverFailure();
}
