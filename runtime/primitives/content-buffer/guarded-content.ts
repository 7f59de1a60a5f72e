import { Deadline, type Clock, type DeadlineWheel } from "../../clock.ts";
import { ProxyError } from "../../errors.ts";
import type { ContentSink, ContentSource } from "../../http/content.ts";
import type { RawFields } from "../../http/raw-fields.ts";

/** How far ahead of the minimum rate a client can get: it may then be silent for as long. */
const MAX_AHEAD_MS = 60_000;
/** The rate is looked at this often within its grace. */
const LOOKS = 4;

export interface ContentLimits {
  readonly maxBytes: number;
  /** Bytes a second; 0: none is asked for. */
  readonly minRate: number;
  /** For so long a new content may come as slowly as it likes. */
  readonly minRateAfterMs: number;
}

/**
 * A client's content with its limits: a length beyond `maxBytes` fails with `PROXY_CONTENT_TOO_LARGE`, a client that is
 * too slow with `PROXY_REQUEST_CONTENT_TIMEOUT`. Both name no sum of time: a slow but steady upload may take hours.
 *
 * The rate is a bucket: each byte pours in its share of time, time drains it, and it starts with the grace. A client
 * that was fast may pause; one that sends a byte a second is cut after the grace, however long it has been welcome.
 * Time in which we do not read (the disk or the upstream is slow) does not count.
 */
export class GuardedContent implements ContentSource, ContentSink {
  readonly #source: ContentSource;
  readonly #limits: ContentLimits;
  readonly #wheel: DeadlineWheel;
  readonly #clock: Clock;
  #sink: ContentSink | undefined;
  #deadline: Deadline | undefined;
  #received = 0;
  #paused = false;
  /** Milliseconds that the client is ahead, as of `#lookedAt`; and what came since. */
  #aheadMs: number;
  #sinceLook = 0;
  #lookedAt = 0;

  constructor(source: ContentSource, limits: ContentLimits, wheel: DeadlineWheel, clock: Clock) {
    this.#source = source;
    this.#limits = limits;
    this.#wheel = wheel;
    this.#clock = clock;
    this.#aheadMs = limits.minRateAfterMs;
  }

  get length(): number | undefined {
    return this.#source.length;
  }

  get bytes(): Uint8Array | undefined {
    return this.#source.bytes;
  }

  open(sink: ContentSink): void {
    if (this.#sink !== undefined) return;
    this.#sink = sink;
    const { minRate, minRateAfterMs } = this.#limits;
    if (minRate > 0) {
      this.#lookedAt = this.#clock.monotonic();
      this.#deadline = new Deadline(() => this.#look());
      this.#wheel.arm(this.#deadline, minRateAfterMs / LOOKS);
    }
    this.#source.open(this);
  }

  pause(): void {
    if (!this.#paused) this.#settle();
    this.#paused = true;
    this.#source.pause();
  }

  resume(): void {
    if (this.#paused && this.#deadline !== undefined) this.#lookedAt = this.#clock.monotonic();
    this.#paused = false;
    this.#source.resume();
  }

  cancel(): void {
    this.#over();
    this.#source.cancel();
  }

  onData(chunk: Uint8Array): void {
    if (this.#sink === undefined) return;
    this.#received += chunk.byteLength;
    this.#sinceLook += chunk.byteLength;
    if (this.#received > this.#limits.maxBytes) this.#fail(contentTooLarge(this.#limits.maxBytes));
    else this.#sink.onData(chunk);
  }

  onEnd(trailers: RawFields): void {
    this.#over()?.onEnd(trailers);
  }

  onError(error: Error): void {
    this.#over()?.onError(error);
  }

  #look(): void {
    if (!this.#paused) this.#settle();
    if (this.#aheadMs > 0) {
      if (this.#deadline !== undefined) {
        this.#wheel.arm(this.#deadline, this.#limits.minRateAfterMs / LOOKS);
      }
      return;
    }
    this.#fail(
      new ProxyError("PROXY_REQUEST_CONTENT_TIMEOUT", {
        message: `the content came more slowly than ${this.#limits.minRate} bytes a second`,
      }),
    );
  }

  #settle(): void {
    if (this.#deadline === undefined) return;
    const now = this.#clock.monotonic();
    const gained = (this.#sinceLook / this.#limits.minRate) * 1000;
    const most = Math.max(MAX_AHEAD_MS, this.#limits.minRateAfterMs);
    this.#aheadMs = Math.min(most, this.#aheadMs + gained) - (now - this.#lookedAt);
    this.#sinceLook = 0;
    this.#lookedAt = now;
  }

  #fail(error: ProxyError): void {
    const sink = this.#over();
    this.#source.cancel();
    sink?.onError(error);
  }

  #over(): ContentSink | undefined {
    const sink = this.#sink;
    this.#sink = undefined;
    if (this.#deadline !== undefined) this.#wheel.disarm(this.#deadline);
    this.#deadline = undefined;
    return sink;
  }
}

export function contentTooLarge(maxBytes: number): ProxyError {
  return new ProxyError("PROXY_CONTENT_TOO_LARGE", {
    message: `the content is larger than ${maxBytes} bytes, the most that may be sent here`,
  });
}
