import type { ContentSink, ContentSource } from "../../runtime/http/content.ts";
import type { RawFields } from "../../runtime/http/raw-fields.ts";

/** A source that a test feeds by hand; keeps account of what its consumer asked of it. */
export class PushSource implements ContentSource {
  readonly length: number | undefined;
  readonly bytes = undefined;
  sink: ContentSink | undefined;
  opened = 0;
  pauses = 0;
  resumes = 0;
  paused = false;
  cancelled = false;
  /** Called when the consumer opens or resumes. */
  onDemand: (() => void) | undefined;

  constructor(length?: number) {
    this.length = length;
  }

  open(sink: ContentSink): void {
    this.opened++;
    this.sink = sink;
    queueMicrotask(() => this.onDemand?.());
  }

  pause(): void {
    this.pauses++;
    this.paused = true;
  }

  resume(): void {
    this.resumes++;
    this.paused = false;
    queueMicrotask(() => this.onDemand?.());
  }

  cancel(): void {
    this.cancelled = true;
  }

  push(...chunks: (Uint8Array | string)[]): void {
    for (const chunk of chunks) {
      if (!this.cancelled)
        this.sink?.onData(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    }
  }

  end(trailers: RawFields = []): void {
    if (!this.cancelled) this.sink?.onEnd(trailers);
  }

  fail(error: Error): void {
    if (!this.cancelled) this.sink?.onError(error);
  }
}

/** A source that gives these chunks, each when it is asked for more, then ends. */
export function sourceOf(
  chunks: readonly (Uint8Array | string)[],
  trailers: RawFields = [],
): PushSource {
  const source = new PushSource();
  let at = 0;
  let feeding = false;
  let ended = false;
  source.onDemand = () => {
    if (feeding) return;
    feeding = true;
    while (!source.paused && at < chunks.length) source.push(chunks[at++] as Uint8Array | string);
    if (!source.paused && at === chunks.length && !ended) {
      ended = true;
      source.end(trailers);
    }
    feeding = false;
  };
  return source;
}

/** What came out of a source. */
export class Collected implements ContentSink {
  readonly chunks: Uint8Array[] = [];
  trailers: RawFields | undefined;
  error: Error | undefined;
  readonly done: Promise<void>;
  #settle: () => void = () => {};
  #onData: (() => void) | undefined;

  constructor() {
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }

  get over(): boolean {
    return this.trailers !== undefined || this.error !== undefined;
  }

  /** Resolves once at least `count` chunks are there. */
  async received(count: number): Promise<void> {
    while (this.chunks.length < count) {
      await new Promise<void>((resolve) => {
        this.#onData = resolve;
      });
    }
  }

  onData(chunk: Uint8Array): void {
    if (this.over) throw new Error("data after the end");
    this.chunks.push(chunk);
    this.#onData?.();
  }

  onEnd(trailers: RawFields): void {
    if (this.over) throw new Error("a second end");
    this.trailers = trailers;
    this.#settle();
  }

  onError(error: Error): void {
    if (this.over) throw new Error("a second end");
    this.error = error;
    this.#settle();
  }
}

/** Opens the source and waits for its end. */
export async function collect(source: ContentSource): Promise<Collected> {
  const sink = new Collected();
  source.open(sink);
  await sink.done;
  return sink;
}

/** Lets everything that is due now happen: microtasks and the immediates behind them. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
