import { ProxyError, toProxyError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { ContentSink, ContentSource } from "../../http/content.ts";
import type { RawFields } from "../../http/raw-fields.ts";
import { joined } from "./held-bytes.ts";

/**
 * The replay buffer: reading content does not use it up. Hooks, the WAF and the upstream share one; the first reader
 * opens the source, later ones get the same bytes.
 */
export interface ReplayBuffer {
  /** The whole content. One read, however many ask; its failure is remembered too. The bytes are shared: do not write to them. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
  /** True once `read` was called: from then on the original source belongs to the buffer. */
  readonly attached: boolean;
  /** The bytes, once they are all there. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Content for the next consumer: the original source, streamed, if nobody has read; else a fresh source of the bytes, any number of times. */
  asSource(): ContentSource;
  /** Nobody needs the content any more. */
  cancel(): void;
}

/** How the two ways a read can fail are called: they are the client's fault in one direction, the upstream's in the other. */
const CODES = {
  request: { tooLarge: "PROXY_CONTENT_TOO_LARGE", broken: "PROXY_REQUEST_CONTENT_INCOMPLETE" },
  response: { tooLarge: "PROXY_UPSTREAM_CONTENT_TOO_LARGE", broken: "PROXY_UPSTREAM_HANDLER" },
} as const satisfies Record<string, { tooLarge: ErrorCode; broken: ErrorCode }>;

/**
 * Makes a replay buffer of at most `maxBytes`. Content above that rejects with `PROXY_CONTENT_TOO_LARGE` (of a response:
 * `PROXY_UPSTREAM_CONTENT_TOO_LARGE`); the source is then cancelled, and its owner drains or closes as it must.
 */
export function createReplayBuffer(
  source: ContentSource,
  maxBytes: number,
  of: "request" | "response" = "request",
): ReplayBuffer {
  return new SourceBuffer(source, maxBytes, CODES[of]);
}

const NO_BYTES = new Uint8Array(0);

class SourceBuffer implements ReplayBuffer, ContentSink {
  readonly #source: ContentSource;
  readonly #maxBytes: number;
  readonly #codes: { readonly tooLarge: ErrorCode; readonly broken: ErrorCode };
  #chunks: Uint8Array[] = [];
  #size = 0;
  #promise: Promise<Uint8Array<ArrayBuffer>> | undefined;
  #resolve: ((bytes: Uint8Array<ArrayBuffer>) => void) | undefined;
  #reject: ((error: ProxyError) => void) | undefined;
  #handedOut = false;
  bytes: Uint8Array<ArrayBuffer> | undefined;
  trailers: RawFields = [];

  constructor(
    source: ContentSource,
    maxBytes: number,
    codes: { tooLarge: ErrorCode; broken: ErrorCode },
  ) {
    this.#source = source;
    this.#maxBytes = maxBytes;
    this.#codes = codes;
  }

  get attached(): boolean {
    return this.#promise !== undefined;
  }

  read(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#promise !== undefined) return this.#promise;
    this.#promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A reader that gave up (a hook's time limit) must not turn the failure into an unhandled rejection.
    this.#promise.catch(ignore);
    const { bytes, length } = this.#source;
    if (this.#handedOut && bytes === undefined) {
      this.#fail(
        new ProxyError("PROXY_HOOK_FAILED", {
          message: "the content has already been sent on: read it before that",
        }),
      );
    } else if ((bytes?.length ?? length ?? 0) > this.#maxBytes) {
      // Refused by its declared length: not one byte has to arrive first.
      this.#refuse();
    } else if (bytes !== undefined) {
      this.#finish(bytes as Uint8Array<ArrayBuffer>);
    } else {
      this.#source.open(this);
    }
    return this.#promise;
  }

  asSource(): ContentSource {
    if (this.#promise !== undefined) return new ReplayedContent(this);
    this.#handedOut = true;
    return this.#source;
  }

  cancel(): void {
    if (this.#reject === undefined && this.#promise !== undefined) return;
    this.#handedOut = true;
    this.#source.cancel();
    this.#fail(
      new ProxyError("PROXY_CLIENT_ABORTED", { message: "the content is no longer wanted" }),
    );
  }

  onData(chunk: Uint8Array): void {
    if (this.#reject === undefined) return;
    this.#size += chunk.length;
    if (this.#size > this.#maxBytes) this.#refuse();
    else this.#chunks.push(chunk);
  }

  onEnd(trailers: RawFields): void {
    if (this.#reject === undefined) return;
    this.trailers = trailers;
    this.#finish(this.#size === 0 ? NO_BYTES : joined(this.#chunks, this.#size));
  }

  onError(error: Error): void {
    this.#fail(toProxyError(error, this.#codes.broken));
  }

  #refuse(): void {
    this.#source.cancel();
    this.#fail(
      new ProxyError(this.#codes.tooLarge, {
        message: `the content is larger than ${this.#maxBytes} bytes, the most that may be read`,
      }),
    );
  }

  #finish(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.#resolve?.(bytes);
    this.#settled();
  }

  #fail(error: ProxyError): void {
    this.#reject?.(error);
    this.#settled();
  }

  #settled(): void {
    this.#chunks = [];
    this.#resolve = undefined;
    this.#reject = undefined;
  }
}

/** One reading of a buffer: the bytes in one piece, as soon as they are all there. */
class ReplayedContent implements ContentSource {
  readonly #buffer: SourceBuffer;
  #sink: ContentSink | undefined;
  #paused = false;
  /** What is due to the sink: waits while paused. */
  #due: ((sink: ContentSink) => void) | undefined;

  constructor(buffer: SourceBuffer) {
    this.#buffer = buffer;
  }

  get length(): number | undefined {
    return this.#buffer.bytes?.length;
  }

  get bytes(): Uint8Array | undefined {
    return this.#buffer.bytes;
  }

  open(sink: ContentSink): void {
    this.#sink = sink;
    this.#buffer.read().then(
      (bytes) => this.#deliver((to) => this.#deliverBytes(to, bytes)),
      (error: Error) => this.#deliver((to) => to.onError(error)),
    );
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#due !== undefined) queueMicrotask(() => this.#flush());
  }

  cancel(): void {
    this.#sink = undefined;
    this.#due = undefined;
  }

  #deliver(due: (sink: ContentSink) => void): void {
    this.#due = due;
    this.#flush();
  }

  #flush(): void {
    if (this.#paused || this.#sink === undefined || this.#due === undefined) return;
    const due = this.#due;
    this.#due = undefined;
    due(this.#sink);
  }

  #deliverBytes(sink: ContentSink, bytes: Uint8Array): void {
    if (bytes.length > 0) sink.onData(bytes);
    this.#deliver((to) => to.onEnd(this.#buffer.trailers.slice()));
  }
}

function ignore(): void {}
