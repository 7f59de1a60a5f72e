import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { ContentSink, ContentSource } from "../../../runtime/http/content.ts";
import { peekSource } from "../../../runtime/http/peeked-source.ts";
import {
  readableStreamFromSource,
  sourceFromAsyncIterable,
  sourceFromBytes,
  sourceFromReadableStream,
} from "../../../runtime/http/readable-source.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Collects a source; pauses after each chunk and resumes a turn later. */
class SlowSink implements ContentSink {
  readonly chunks: Uint8Array[] = [];
  ended = 0;
  error: Error | undefined;
  #paused = false;
  readonly #source: ContentSource;
  readonly done: Promise<void>;
  #done!: () => void;

  constructor(source: ContentSource) {
    this.#source = source;
    this.done = new Promise((resolve) => (this.#done = resolve));
    source.open(this);
    if (this.chunks.length > 0 || this.ended > 0) throw new Error("delivered within open");
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  onData(chunk: Uint8Array): void {
    if (this.#paused) throw new Error("data while paused");
    this.chunks.push(chunk);
    this.#paused = true;
    this.#source.pause();
    setImmediate(() => {
      this.#paused = false;
      this.#source.resume();
    });
  }

  onEnd(): void {
    if (this.#paused) throw new Error("end while paused");
    this.ended += 1;
    this.#done();
  }

  onError(error: Error): void {
    this.error = error;
    this.#done();
  }
}

function streamOf(chunks: readonly string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks.map((chunk) => Buffer.from(chunk)));
}

async function* generated(chunks: readonly string[]): AsyncGenerator<string> {
  for (const chunk of chunks) yield chunk;
}

const makers: [string, (chunks: readonly string[]) => ContentSource][] = [
  ["bytes", (chunks) => sourceFromBytes(Buffer.from(chunks.join("")))],
  ["a ReadableStream", (chunks) => sourceFromReadableStream(streamOf(chunks))],
  ["an async generator", (chunks) => sourceFromAsyncIterable(generated(chunks))],
  ["a plain iterable", (chunks) => sourceFromAsyncIterable(chunks)],
  [
    "a source as a stream as a source",
    (chunks) => sourceFromReadableStream(readableStreamFromSource(sourceFromAsyncIterable(chunks))),
  ],
];

describe.each(makers)("a content made of %s", (_name, make) => {
  it("gives all bytes in order and ends once, whatever is empty, to a sink that keeps pausing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ maxLength: 5 }), { maxLength: 6 }), async (chunks) => {
        const sink = new SlowSink(make(chunks));
        await sink.done;
        expect([sink.text, sink.ended]).toEqual([chunks.join(""), 1]);
      }),
      { numRuns: 30 },
    );
  });

  it("gives nothing after cancel, before or after open, and is harmless twice", async () => {
    const unopened = make(["a", "b"]);
    unopened.cancel();
    unopened.cancel();
    const source = make(["a", "b"]);
    const sink = new SlowSink(source);
    source.cancel();
    source.resume();
    await turn();
    await turn();
    expect([sink.chunks.length, sink.ended]).toEqual([0, 0]);
  });
});

describe("pulled contents", () => {
  it("run at most one chunk ahead of a paused sink", async () => {
    let pulled = 0;
    const counting = async function* (): AsyncGenerator<string> {
      for (;;) {
        pulled += 1;
        yield "x";
      }
    };
    const source = sourceFromAsyncIterable(counting());
    source.open({ onData: () => source.pause(), onEnd() {}, onError() {} });
    for (let i = 0; i < 10; i++) await turn();
    expect(pulled).toBeLessThanOrEqual(2);
    source.cancel();
  });

  it("free what is behind them when they are cancelled", async () => {
    let freed = "";
    const stream = new ReadableStream({ cancel: () => void (freed += "stream ") });
    const source = sourceFromReadableStream(stream);
    source.open({ onData() {}, onEnd() {}, onError() {} });
    source.cancel();
    const guarded = async function* (): AsyncGenerator<string> {
      try {
        yield "x";
        yield "y";
      } finally {
        freed += "generator";
      }
    };
    const second = sourceFromAsyncIterable(guarded());
    second.open({ onData: () => second.cancel(), onEnd() {}, onError() {} });
    await turn();
    expect(freed).toBe("stream generator");
  });

  it("end in the error that they are given, as an Error", async () => {
    const cases: [unknown, RegExp][] = [
      [new Error("boom"), /boom/],
      ["boom", /stream failed/],
    ];
    for (const [reason, message] of cases) {
      const stream = new ReadableStream({ pull: (controller) => controller.error(reason) });
      const sink = new SlowSink(sourceFromReadableStream(stream));
      await sink.done;
      expect(sink.error?.message).toMatch(message);
    }
    const odd = new SlowSink(sourceFromAsyncIterable([1]));
    await odd.done;
    expect(odd.error?.message).toBe("a content chunk must be bytes, not number");
    const used = streamOf(["a"]);
    used.getReader();
    const locked = new SlowSink(sourceFromReadableStream(used));
    await locked.done;
    expect(locked.error).toBeInstanceOf(TypeError);
  });
});

describe("readableStreamFromSource", () => {
  it("does not open its source before the first read, and cancels it with the stream", async () => {
    let opened = 0;
    let cancelled = 0;
    const source: ContentSource = {
      length: undefined,
      bytes: undefined,
      open: () => (opened += 1),
      pause() {},
      resume() {},
      cancel: () => (cancelled += 1),
    };
    const stream = readableStreamFromSource(source);
    await turn();
    expect(opened).toBe(0);
    const reader = stream.getReader();
    void reader.read();
    expect(opened).toBe(1);
    await reader.cancel();
    expect(cancelled).toBe(1);
  });

  it("errors with its source", async () => {
    const failing = sourceFromReadableStream(
      new ReadableStream({ pull: (controller) => controller.error(new Error("boom")) }),
    );
    await expect(new Response(readableStreamFromSource(failing)).text()).rejects.toThrow("boom");
  });
});

describe("peekSource", () => {
  it("turns a content that is there at once into bytes of known length", async () => {
    for (const chunks of [[], ["one"], ["one", "two"]]) {
      const peeked = await peekSource(sourceFromReadableStream(streamOf(chunks)), false);
      if (chunks.length < 2) expect(String(peeked.content.bytes)).toBe(chunks.join(""));
      const sink = new SlowSink(peeked.content);
      await sink.done;
      expect(sink.text).toBe(chunks.join(""));
    }
  });

  it("holds a slow content up for no more than a turn, or for its first chunk where that is needed", async () => {
    const slow = async function* (): AsyncGenerator<string> {
      for (const chunk of ["a", "b"]) {
        for (let i = 0; i < 5; i++) await turn();
        yield chunk;
      }
    };
    const early = await peekSource(sourceFromAsyncIterable(slow()), false);
    expect(early.firstChunk).toBeUndefined();
    const needed = await peekSource(sourceFromAsyncIterable(slow()), true);
    expect(String(needed.firstChunk)).toBe("a");
    for (const { content } of [early, needed]) {
      const sink = new SlowSink(content);
      await sink.done;
      expect([sink.text, sink.ended]).toEqual(["ab", 1]);
    }
  });

  it("rejects with an error that comes at once, and passes a later one on", async () => {
    const failing = new ReadableStream({
      pull: (controller) => controller.error(new Error("boom")),
    });
    await expect(peekSource(sourceFromReadableStream(failing), false)).rejects.toThrow("boom");
    const later = async function* (): AsyncGenerator<string> {
      yield "a";
      await turn();
      await turn();
      throw new Error("later");
    };
    const { content } = await peekSource(sourceFromAsyncIterable(later()), false);
    const sink = new SlowSink(content);
    await sink.done;
    expect([sink.text, sink.error?.message]).toEqual(["a", "later"]);
  });

  it("does not read an endless content ahead", async () => {
    let pulled = 0;
    const endless = function* (): Generator<string> {
      for (;;) {
        pulled += 1;
        yield "x";
      }
    };
    const { content } = await peekSource(sourceFromAsyncIterable(endless()), false);
    for (let i = 0; i < 5; i++) await turn();
    expect(pulled).toBeLessThan(5);
    content.cancel();
  });
});
