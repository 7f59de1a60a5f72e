import type { RawFields } from "../http/raw-fields.ts";
import type { Http1Connection } from "./http1-connection.ts";
import type { Http1Request } from "./http1-request.ts";
import { ReceivedContent } from "./received-content.ts";

/** Unread content of at most this declared length is read and dropped, so that its connection can go on. */
const MAX_SKIPPED_BYTES = 64 * 1024;

/** A request's content, from node's parser to whoever reads it. */
export class Http1Content extends ReceivedContent {
  readonly #request: Http1Request;
  readonly #connection: Http1Connection;

  constructor(
    request: Http1Request,
    connection: Http1Connection,
    length: number | undefined,
    expectsContinue: boolean,
  ) {
    super(connection, length, expectsContinue);
    this.#request = request;
    this.#connection = connection;
    request.receivedContent = this;
  }

  /** All of it is here, read or not: the connection can be used again. */
  get hasArrived(): boolean {
    return this.#request.complete;
  }

  /** There is more of it, and nobody reads on at present. */
  get isHeld(): boolean {
    return (this.isPaused || !this.isOpen) && !this.hasArrived;
  }

  /** Whether the next request can be reached though nobody reads this one's content. */
  get skippable(): boolean {
    // A client that waits for 100 and gets a final status may send its content or not: only a close is clear.
    if (this.owesContinue) return false;
    return this.hasArrived || (this.length !== undefined && this.length <= MAX_SKIPPED_BYTES);
  }

  override pause(): void {
    super.pause();
    if (this.isOpen) this.#connection.watchPeer();
  }

  protected sendContinue(): void {
    this.#connection.sendContinue();
  }

  protected listen(): void {
    this.#request.on("data", onData);
    this.#request.on("end", onEnd);
  }

  protected unlisten(): void {
    this.#request.removeListener("data", onData);
    this.#request.removeListener("end", onEnd);
  }

  protected hold(): void {
    this.#request.pause();
  }

  protected goOn(): void {
    this.#request.resume();
  }

  protected get expectsMore(): boolean {
    return !this.#request.complete;
  }

  /** Node's parser ends none that was cut. */
  protected get endsWhole(): boolean {
    return true;
  }

  protected get trailers(): RawFields {
    return this.#request.rawTrailers;
  }

  protected silent(): void {
    this.#connection.closeAfterCurrent();
  }

  protected fault(error: unknown): void {
    this.#connection.fault(error);
  }
}

function onData(this: Http1Request, chunk: Buffer): void {
  this.receivedContent?.deliverChunk(chunk);
}

function onEnd(this: Http1Request): void {
  this.receivedContent?.deliverEnd();
}
