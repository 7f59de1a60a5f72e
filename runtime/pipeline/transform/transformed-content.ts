import type { TransformFunction } from "@gatewright/sdk";

import { Deadline } from "../../clock.ts";
import type { DeadlineWheel } from "../../clock.ts";
import { ProxyError } from "../../errors.ts";
import type { ContentSink, ContentSource } from "../../http/content.ts";
import { trailersWithoutDigests } from "../../http/digest-fields.ts";
import { UpstreamChunks, type WaitListener } from "./upstream-chunks.ts";

/** Largest chunk handed on at once: between two of them the client can say that it is full. */
const PIECE_BYTES = 64 * 1024;

const NEVER_STARTED: AsyncIterator<Uint8Array | string> = {
  next: () => Promise.resolve({ done: true, value: undefined }),
};

/**
 * Runs the user's generators between a source and a sink. Pulls: the next chunk is asked for when the last one was taken
 * and the sink is not paused, so a slow client holds up the generator, and through it the upstream.
 */
export class TransformedContent implements ContentSource, WaitListener {
  readonly length = undefined;
  readonly bytes = undefined;
  readonly #fns: readonly TransformFunction[];
  readonly #chunks: UpstreamChunks;
  readonly #timeoutMs: number;
  readonly #wheel: DeadlineWheel;
  readonly #deadline: Deadline;
  #iterator: AsyncIterator<Uint8Array | string> = NEVER_STARTED;
  #sink: ContentSink | undefined;
  #paused = false;
  #wake: (() => void) | undefined;
  /** The pump waits for the user's code: the time between two answers of it is limited. */
  #stepping = false;

  constructor(
    source: ContentSource,
    fns: readonly TransformFunction[],
    timeoutMs: number,
    wheel: DeadlineWheel,
  ) {
    this.#fns = fns;
    this.#chunks = new UpstreamChunks(source, this);
    this.#timeoutMs = timeoutMs;
    this.#wheel = wheel;
    this.#deadline = new Deadline(() => this.#timedOut());
  }

  open(sink: ContentSink): void {
    this.#sink = sink;
    // Not within `open`: the consumer is not ready for callbacks yet.
    queueMicrotask(() => void this.#pump());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wakeUp();
  }

  cancel(): void {
    if (this.#sink === undefined) this.#chunks.stop(undefined);
    else this.#abandon(new ProxyError("PROXY_CLIENT_ABORTED"));
  }

  onWaiting(): void {
    this.#wheel.disarm(this.#deadline);
  }

  onWaited(): void {
    if (this.#stepping && this.#sink !== undefined) {
      this.#wheel.arm(this.#deadline, this.#timeoutMs);
    }
  }

  async #pump(): Promise<void> {
    try {
      this.#iterator = this.#start();
      for (;;) {
        if (this.#paused) await this.#unpaused();
        if (this.#sink === undefined) return;
        const step = await this.#step();
        if (this.#sink === undefined) return;
        if (step.done === true) break;
        const bytes = toBytes(step.value);
        for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
          if (this.#paused) await this.#unpaused();
          // A look at the field each time: the sink may cancel from within its own callback.
          const sink = this.#sink as ContentSink | undefined;
          if (sink === undefined) return;
          sink.onData(bytes.length <= PIECE_BYTES ? bytes : bytes.subarray(at, at + PIECE_BYTES));
        }
      }
      if (this.#paused) await this.#unpaused();
      this.#finish();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Each edit reads from the one before it; calling a generator function runs none of its code yet. */
  #start(): AsyncIterator<Uint8Array | string> {
    let chunks: AsyncIterable<Uint8Array> = this.#chunks;
    let edited: AsyncIterable<Uint8Array | string> = chunks;
    for (const fn of this.#fns) {
      edited = fn(chunks);
      if (typeof edited?.[Symbol.asyncIterator] !== "function") {
        throw new TypeError(
          "a transform must return an async iterable: write it as async function* (chunks) { … }",
        );
      }
      chunks = new ByteChunks(edited);
    }
    return edited[Symbol.asyncIterator]();
  }

  async #step(): Promise<IteratorResult<Uint8Array | string, unknown>> {
    this.#stepping = true;
    this.#wheel.arm(this.#deadline, this.#timeoutMs);
    try {
      return await this.#iterator.next();
    } finally {
      this.#stepping = false;
      this.#wheel.disarm(this.#deadline);
    }
  }

  #unpaused(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #finish(): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    const { exhausted, reported, trailers } = this.#chunks;
    if (reported !== undefined) {
      // The edit caught the upstream's failure and went on. The client must still see that the content is not whole.
      this.#fail(reported);
      return;
    }
    this.#sink = undefined;
    this.#chunks.stop(undefined);
    sink.onEnd(exhausted ? trailersWithoutDigests(trailers) : []);
  }

  #timedOut(): void {
    this.#fail(
      new ProxyError("PROXY_HOOK_TIMEOUT", {
        message: `a transform took longer than ${this.#timeoutMs} ms for one step`,
      }),
    );
  }

  #fail(error: unknown): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    const failure = this.#toFailure(error);
    this.#abandon(failure);
    sink.onError(failure);
  }

  #toFailure(error: unknown): Error {
    const { reported } = this.#chunks;
    // Whatever the edit made of it, the upstream's failure is the cause.
    if (reported !== undefined) return reported;
    if (error instanceof ProxyError) return error;
    const detail = error instanceof Error ? error.message : String(error);
    return new ProxyError("PROXY_HOOK_FAILED", {
      message: `a transform failed: ${detail}`,
      cause: error,
    });
  }

  /** No more callbacks; source and generator are let go. The generator's end is not waited for: it may never come. */
  #abandon(reason: Error): void {
    this.#sink = undefined;
    this.#wheel.disarm(this.#deadline);
    this.#chunks.stop(reason);
    this.#wakeUp();
    const iterator = this.#iterator;
    this.#iterator = NEVER_STARTED;
    void end(iterator);
  }
}

/** Runs the `finally` blocks. What they throw has nobody to go to: the message is over. */
async function end(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // The reason why the message is over is known already.
  }
}

/** One edit's output as the next one's input: bytes, in chunks of the size that user code is promised. */
class ByteChunks implements AsyncIterable<Uint8Array> {
  readonly #edited: AsyncIterable<Uint8Array | string>;

  constructor(edited: AsyncIterable<Uint8Array | string>) {
    this.#edited = edited;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const value of this.#edited) {
      const bytes = toBytes(value);
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        yield bytes.subarray(at, at + PIECE_BYTES);
      }
    }
  }
}

function toBytes(value: unknown): Uint8Array {
  if (typeof value === "string") return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  throw new TypeError(
    `a transform yields strings and bytes, got ${value === null ? "null" : typeof value}`,
  );
}
