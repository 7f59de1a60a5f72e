import { Deadline, type DeadlineWheel } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import type { ContentSink, ContentSource } from "../http/content.ts";
import type { RawFields } from "../http/raw-fields.ts";

/** The idle limit is looked at this often within itself: a chunk then costs one assignment, not a timer. */
const LOOKS = 4;

/** The connection that it comes on. */
export interface ContentConnection {
  readonly wheel: DeadlineWheel;
  readonly limits: { readonly contentIdleMs: number };
}

/**
 * A request's content on its way from a client to whoever reads it, the same for all versions of HTTP: one reader, which
 * gets exactly one last call, and a client that may not be silent for longer than the limit while it is read.
 */
export abstract class ReceivedContent implements ContentSource {
  readonly length: number | undefined;
  readonly bytes = undefined;
  /** Bytes given to the reader so far. */
  received = 0;

  readonly #connection: ContentConnection;
  #sink: ContentSink | null = null;
  #state: "unread" | "open" | "over" = "unread";
  #paused = false;
  #complete = false;
  #failure: ProxyError | undefined;
  #idle: Deadline | undefined;
  #touched = true;
  #quietLooks = 0;
  #continueOwed: boolean;

  constructor(connection: ContentConnection, length: number | undefined, expectsContinue: boolean) {
    this.#connection = connection;
    this.length = length;
    this.#continueOwed = expectsContinue;
  }

  /** Somebody is reading it, and may read it to its end. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  /** Its reader has got all of it. */
  get isComplete(): boolean {
    return this.#complete;
  }

  /** RFC 9110 §10.1.1: the client waits for 100 before it sends anything. */
  get owesContinue(): boolean {
    return this.#continueOwed;
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
      this.sendContinue();
    }
    this.listen();
    if (!this.expectsMore) return;
    this.#idle = new Deadline(() => this.#look());
    this.#armLook(this.#idle);
  }

  pause(): void {
    this.#paused = true;
    if (this.isOpen) this.hold();
  }

  resume(): void {
    this.#paused = false;
    this.#touched = true;
    if (this.isOpen) this.goOn();
  }

  cancel(): void {
    if (this.isOver) return;
    const wasOpen = this.isOpen;
    this.#detach();
    // What is still to come is taken when the answer is out, and not before: until then the client waits.
    if (wasOpen) this.hold();
  }

  /** What it comes on is gone, does not speak HTTP, or has fallen silent. */
  fail(error: ProxyError): void {
    if (this.isOver) return;
    this.#failure ??= error;
    if (this.isOpen) this.#tellFailure(error);
  }

  /** The response is out: what was not read by now is nobody's. A reader still learns that no end will come. */
  leave(): void {
    if (this.isOpen) this.fail(new ProxyError("PROXY_REQUEST_CONTENT_INCOMPLETE"));
    else this.cancel();
  }

  deliverChunk(chunk: Buffer): void {
    this.#touched = true;
    this.received += chunk.length;
    try {
      this.#sink?.onData(chunk);
    } catch (error) {
      this.fault(error);
    }
  }

  deliverEnd(): void {
    if (!this.isOpen || !this.endsWhole) return;
    const sink = this.#sink;
    this.#complete = true;
    this.#detach();
    try {
      sink?.onEnd(this.trailers);
    } catch (error) {
      this.fault(error);
    }
  }

  /** @internal for deliverFailure */
  deliverFailure(): void {
    if (!this.isOver && this.#failure !== undefined) this.#tellFailure(this.#failure);
  }

  // --- what the versions differ in ---

  protected abstract sendContinue(): void;

  /** From now on chunks and the end are to be delivered. */
  protected abstract listen(): void;

  protected abstract unlisten(): void;

  /** Lets the rest wait where it comes from. */
  protected abstract hold(): void;

  protected abstract goOn(): void;

  /** The client still has something to send. */
  protected abstract get expectsMore(): boolean;

  /** What has ended is all of it. */
  protected abstract get endsWhole(): boolean;

  protected abstract get trailers(): RawFields;

  /** The client has been silent for too long; it is told next. */
  protected abstract silent(): void;

  /** The reader threw. */
  protected abstract fault(error: unknown): void;

  // --- inside ---

  #tellFailure(error: ProxyError): void {
    const sink = this.#sink;
    this.#detach();
    try {
      sink?.onError(error);
    } catch (thrown) {
      this.fault(thrown);
    }
  }

  #look(): void {
    if (!this.isOpen || this.#idle === undefined) return;
    if (this.#touched || this.#paused || !this.expectsMore) {
      this.#touched = false;
      this.#quietLooks = 0;
    } else {
      this.#quietLooks += 1;
      if (this.#quietLooks >= LOOKS) {
        this.silent();
        this.fail(new ProxyError("PROXY_REQUEST_CONTENT_TIMEOUT"));
        return;
      }
    }
    this.#armLook(this.#idle);
  }

  #armLook(idle: Deadline): void {
    const { wheel, limits } = this.#connection;
    wheel.arm(idle, limits.contentIdleMs / LOOKS);
  }

  #detach(): void {
    if (this.isOpen) this.unlisten();
    this.#state = "over";
    this.#sink = null;
    if (this.#idle !== undefined) this.#connection.wheel.disarm(this.#idle);
  }
}

function deliverFailure(content: ReceivedContent): void {
  content.deliverFailure();
}
