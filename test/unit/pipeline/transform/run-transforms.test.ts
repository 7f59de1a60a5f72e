import { randomBytes } from "node:crypto";
import zlib from "node:zlib";

import type { TransformFunction } from "@gatewright/sdk";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { DeadlineWheel } from "../../../../runtime/clock.ts";
import type { ContentSource } from "../../../../runtime/http/content.ts";
import { ProxyError } from "../../../../runtime/errors.ts";
import { runTransforms } from "../../../../runtime/pipeline/transform/run-transforms.ts";
import { collect, Collected, PushSource, settled, sourceOf } from "../../../helpers/content.ts";

const text = (chunk: Uint8Array): string => Buffer.from(chunk).toString();

/** A clock that only moves when told. */
class Time {
  ms = 0;
  readonly wheel = new DeadlineWheel({ now: () => this.ms, monotonic: () => this.ms }, false);

  pass(ms: number): void {
    for (let past = 0; past < ms; past += 25) {
      this.ms += 25;
      this.wheel.turn();
    }
  }
}

function run(
  source: ContentSource,
  fns: TransformFunction[],
  options: { contentEncoding?: string; time?: Time; hookTimeoutMs?: number } = {},
): ContentSource {
  return runTransforms(source, fns, {
    contentEncoding: options.contentEncoding,
    hookTimeoutMs: options.hookTimeoutMs ?? 1000,
    wheel: (options.time ?? new Time()).wheel,
  });
}

const pass: TransformFunction = async function* (chunks) {
  yield* chunks;
};
const upper: TransformFunction = async function* (chunks) {
  for await (const chunk of chunks) yield text(chunk).toUpperCase();
};

describe("a transform's content", () => {
  it("is what the generator yields, strings as UTF-8", async () => {
    const out = await collect(
      run(sourceOf(["he", "llo"], ["X-T", "1"]), [
        async function* (chunks) {
          yield "«";
          for await (const chunk of chunks) yield text(chunk).toUpperCase();
          yield new Uint8Array([0xc2, 0xbb]);
        },
      ]),
    );
    expect(out.text).toBe("«HELLO»");
    expect(out.trailers).toEqual(["X-T", "1"]);
  });

  it("passes through several edits in the order of their declaration", async () => {
    const out = await collect(
      run(sourceOf(["a"]), [
        async function* (chunks) {
          for await (const chunk of chunks) yield `${text(chunk)}b`;
        },
        upper,
        async function* (chunks) {
          for await (const chunk of chunks) yield `${text(chunk)}c`;
        },
      ]),
    );
    expect(out.text).toBe("ABc");
  });

  it("reaches user code in chunks of at most 64 KiB, byte-exact", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 4 }),
        async (sizes) => {
          const chunks = sizes.map((size) => randomBytes(size));
          const seen: number[] = [];
          const out = await collect(
            run(sourceOf(chunks), [
              async function* (input) {
                for await (const chunk of input) {
                  seen.push(chunk.length);
                  yield chunk;
                }
              },
              pass,
            ]),
          );
          expect(out.bytes.equals(Buffer.concat(chunks))).toBe(true);
          expect(Math.max(0, ...seen)).toBeLessThanOrEqual(65_536);
          expect(Math.max(0, ...out.chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(
            65_536,
          );
        },
      ),
      { numRuns: 15 },
    );
  });

  it.each([
    ["gzip", zlib.gzipSync, zlib.gunzipSync],
    ["deflate", zlib.deflateSync, zlib.inflateSync],
    ["br", zlib.brotliCompressSync, zlib.brotliDecompressSync],
    ["zstd", zlib.zstdCompressSync, zlib.zstdDecompressSync],
  ] as const)(
    "is decoded before and encoded after where it is %s",
    async (coding, encode, decode) => {
      const content = "some text, ".repeat(50_000);
      const out = await collect(
        run(sourceOf([encode(content)]), [upper], { contentEncoding: coding }),
      );
      expect(out.error).toBeUndefined();
      expect(decode(out.bytes).toString()).toBe(content.toUpperCase());
    },
  );

  it("keeps trailers without digests of the old bytes", async () => {
    const out = await collect(run(sourceOf(["a"], ["Digest", "x", "X-T", "1"]), [pass]));
    expect(out.trailers).toEqual(["X-T", "1"]);
  });

  it("may end early: the rest of the upstream is let go and the message ends cleanly", async () => {
    const source = new PushSource();
    source.onDemand = () => source.push("chunk");
    const out = await collect(
      run(source, [
        async function* (chunks) {
          for await (const chunk of chunks) {
            yield chunk;
            break;
          }
          yield "!";
        },
      ]),
    );
    expect(out.text).toBe("chunk!");
    expect(out.trailers).toEqual([]);
    expect(source.cancelled).toBe(true);
  });

  it("may ignore the upstream altogether", async () => {
    const source = new PushSource();
    const out = await collect(
      run(source, [
        async function* () {
          yield "own";
        },
      ]),
    );
    expect(out.text).toBe("own");
    expect(source.opened).toBe(0);
    expect(source.cancelled).toBe(true);
  });
});

describe("back pressure of a transform", () => {
  it("asks the upstream for nothing before the generator does", async () => {
    const source = new PushSource();
    const out = new Collected();
    let go: () => void = () => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    run(source, [
      async function* (chunks) {
        await gate;
        yield* chunks;
      },
    ]).open(out);
    await settled();
    expect(source.opened).toBe(0);
    go();
    await settled();
    expect(source.opened).toBe(1);
  });

  it("stops the generator and the upstream while the client is slow, with at most 128 KiB between them", async () => {
    const source = new PushSource();
    let pushed = 0;
    source.onDemand = () => {
      while (!source.paused) {
        source.push(Buffer.alloc(16 * 1024));
        pushed += 16 * 1024;
      }
    };
    let pulled = 0;
    const edited = run(source, [
      async function* (chunks) {
        for await (const chunk of chunks) {
          pulled += chunk.length;
          yield chunk;
        }
      },
    ]);
    const out = new Collected();
    let got = 0;
    out.onData = (chunk) => {
      got += chunk.length;
      edited.pause();
    };
    edited.open(out);
    for (let round = 0; round < 20; round++) {
      await settled();
      expect(pulled).toBe(got);
      expect(pushed - got).toBeLessThanOrEqual(128 * 1024);
      const before = got;
      await settled();
      expect(got).toBe(before);
      edited.resume();
    }
    await settled();
    expect(got).toBeGreaterThan(10 * 16 * 1024);
    edited.cancel();
  });

  it("holds while the output is encoded as well", async () => {
    const source = new PushSource();
    let pushed = 0;
    source.onDemand = () => {
      while (!source.paused && pushed < 20_000_000) {
        source.push(randomBytes(64 * 1024));
        pushed += 64 * 1024;
      }
    };
    const identity = run(source, [pass]);
    const { encodeContent } =
      await import("../../../../runtime/primitives/content-coding/content-coding.ts");
    const encoded = encodeContent(identity, ["gzip"]);
    const out = new Collected();
    let got = 0;
    out.onData = (chunk) => {
      got += chunk.length;
      encoded.pause();
    };
    encoded.open(out);
    // The coder works on other threads: wait until it has filled what it may fill.
    let before = -1;
    while (before !== pushed) {
      before = pushed;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(pushed - got).toBeLessThanOrEqual(512 * 1024);
    encoded.cancel();
    expect(source.cancelled).toBe(true);
  });

  it("splits what a generator yields at once and stops between the pieces", async () => {
    const edited = run(new PushSource(), [
      async function* () {
        yield Buffer.alloc(300 * 1024);
      },
    ]);
    const out = new Collected();
    const receive = out.onData.bind(out);
    out.onData = (chunk) => {
      receive(chunk);
      edited.pause();
    };
    edited.open(out);
    await settled();
    expect(out.bytes.length).toBe(64 * 1024);
    for (let i = 0; i < 6; i++) {
      edited.resume();
      await settled();
    }
    expect(out.bytes.length).toBe(300 * 1024);
    expect(out.trailers).toEqual([]);
  });
});

describe("the end of a transform", () => {
  it("on cancel: the upstream is let go at once and finally blocks run", async () => {
    const source = new PushSource();
    source.onDemand = () => source.push("x");
    const done: string[] = [];
    const make = (name: string): TransformFunction =>
      async function* (chunks) {
        try {
          yield* chunks;
          done.push(`${name} went on`);
        } finally {
          done.push(name);
        }
      };
    const edited = run(source, [make("first"), make("second")]);
    const out = new Collected();
    edited.open(out);
    await out.received(1);
    source.onDemand = undefined;
    await settled();
    edited.cancel();
    expect(source.cancelled).toBe(true);
    await settled();
    expect(done.sort()).toEqual(["first", "second"]);
    expect(out.over).toBe(false);
  });

  it("on cancel: does not wait for a generator that never settles", async () => {
    const source = new PushSource();
    const edited = run(source, [
      async function* () {
        await new Promise(() => {});
        yield "";
      },
    ]);
    const out = new Collected();
    edited.open(out);
    await settled();
    edited.cancel();
    expect(source.cancelled).toBe(true);
    await settled();
    expect(out.over).toBe(false);
  });

  it("on cancel before open: lets the upstream go", () => {
    const source = new PushSource();
    run(source, [pass]).cancel();
    expect(source.cancelled).toBe(true);
  });

  it("on cancel from within onData: no callback follows", async () => {
    const source = sourceOf(["a", "b", "c"]);
    const edited = run(source, [pass]);
    const out = new Collected();
    const receive = out.onData.bind(out);
    out.onData = (chunk) => {
      receive(chunk);
      edited.cancel();
    };
    edited.open(out);
    await settled();
    expect(out.text).toBe("a");
    expect(out.over).toBe(false);
  });

  it.each([
    [
      "throws",
      // oxlint-disable-next-line require-yield -- it throws before it could
      async function* () {
        throw new Error("boom");
      } as unknown as TransformFunction,
    ],
    [
      "throws before it makes an iterable",
      (() => {
        throw new Error("boom");
      }) as TransformFunction,
    ],
    ["returns no async iterable", (() => [new Uint8Array(1)]) as unknown as TransformFunction],
    [
      "yields a number",
      async function* () {
        yield 5;
      } as unknown as TransformFunction,
    ],
    [
      "yields null",
      async function* () {
        yield null;
      } as unknown as TransformFunction,
    ],
  ])("is an error where it %s, never a clean end", async (_, fn) => {
    const source = new PushSource();
    const out = await collect(run(source, [fn]));
    expect(out.trailers).toBeUndefined();
    expect(out.error).toMatchObject({ code: "PROXY_HOOK_FAILED" });
    expect(source.cancelled).toBe(true);
  });

  it("is the upstream's failure where that broke off, also when the generator catches it", async () => {
    const error = new ProxyError("PROXY_UPSTREAM_RESET");
    for (const fn of [
      pass,
      async function* (chunks) {
        try {
          yield* chunks;
        } catch {
          yield "looks whole";
        }
      } satisfies TransformFunction,
    ]) {
      const source = new PushSource();
      const out = new Collected();
      run(source, [fn, pass]).open(out);
      await settled();
      source.push("half");
      source.fail(error);
      await out.done;
      expect(out.error).toBe(error);
      expect(out.text.startsWith("half")).toBe(true);
    }
  });

  it("is an error for coded content that is cut short", async () => {
    const coded = zlib.gzipSync(randomBytes(100_000)).subarray(0, -9);
    const out = await collect(run(sourceOf([coded]), [pass], { contentEncoding: "gzip" }));
    expect(out.error).toMatchObject({ code: "PROXY_UPSTREAM_CONTENT_CODING" });
    expect(out.trailers).toBeUndefined();
  });

  it("is an error for a coding that nobody knows", async () => {
    const source = new PushSource();
    const out = await collect(run(source, [pass], { contentEncoding: "compress" }));
    expect(out.error).toMatchObject({ code: "PROXY_UPSTREAM_CONTENT_CODING" });
  });
});

describe("the time limit of a transform", () => {
  it("ends a step that takes too long, and the message with it", async () => {
    const time = new Time();
    const source = new PushSource();
    let finished = false;
    let release: () => void = () => {};
    const out = new Collected();
    run(
      source,
      [
        async function* () {
          try {
            await new Promise<void>((resolve) => (release = resolve));
            yield "late";
          } finally {
            finished = true;
          }
        },
      ],
      { time, hookTimeoutMs: 500 },
    ).open(out);
    await settled();
    time.pass(450);
    expect(out.over).toBe(false);
    time.pass(100);
    await out.done;
    expect(out.error).toMatchObject({ code: "PROXY_HOOK_TIMEOUT", status: 504 });
    expect(source.cancelled).toBe(true);
    release();
    await settled();
    expect(finished).toBe(true);
    expect(out.text).toBe("");
  });

  it("does not count the wait for the upstream", async () => {
    const time = new Time();
    const source = new PushSource();
    const out = new Collected();
    run(source, [pass, pass], { time, hookTimeoutMs: 500 }).open(out);
    await settled();
    for (let i = 0; i < 3; i++) {
      time.pass(5000);
      source.push("x");
      await settled();
    }
    time.pass(5000);
    source.end();
    await out.done;
    expect(out.error).toBeUndefined();
    expect(out.text).toBe("xxx");
    expect(time.wheel.size).toBe(0);
  });

  it("does not count the wait for the client", async () => {
    const time = new Time();
    const out = new Collected();
    const edited = run(sourceOf(["a"]), [pass], { time, hookTimeoutMs: 500 });
    edited.pause();
    edited.open(out);
    await settled();
    time.pass(5000);
    edited.resume();
    await out.done;
    expect(out.text).toBe("a");
  });

  it("counts again from each chunk on", async () => {
    const time = new Time();
    const source = new PushSource();
    const out = new Collected();
    run(
      source,
      [
        async function* (chunks) {
          for await (const chunk of chunks) {
            if (text(chunk) === "stuck") await new Promise(() => {});
            yield chunk;
          }
        },
      ],
      { time, hookTimeoutMs: 500 },
    ).open(out);
    await settled();
    source.push("ok");
    await settled();
    time.pass(5000);
    source.push("stuck");
    await settled();
    time.pass(600);
    await out.done;
    expect(out.text).toBe("ok");
    expect(out.error).toMatchObject({ code: "PROXY_HOOK_TIMEOUT" });
  });

  it("leaves no deadline armed after any end", async () => {
    const time = new Time();
    await collect(run(sourceOf(["a"]), [pass], { time }));
    const source = new PushSource();
    const edited = run(source, [pass], { time });
    edited.open(new Collected());
    await settled();
    source.push("x");
    edited.cancel();
    await settled();
    expect(time.wheel.size).toBe(0);
  });
});

describe("a transformed event stream (PUB-16)", () => {
  it("gives each event at once, coded too", async () => {
    const source = new PushSource();
    const out = new Collected();
    run(source, [pass], { contentEncoding: "gzip" }).open(out);
    const gzip = zlib.createGzip({ flush: zlib.constants.Z_SYNC_FLUSH });
    gzip.on("data", (chunk: Buffer) => source.push(chunk));
    const gunzip = zlib.createGunzip();
    let events = "";
    gunzip.on("data", (chunk: Buffer) => (events += chunk.toString()));
    await settled();
    let read = 0;
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      const before = events;
      gzip.write(event);
      while (events !== before + event) {
        await out.received(read + 1);
        const chunk = out.chunks[read++] as Uint8Array;
        await new Promise((resolve) => gunzip.write(chunk, resolve));
      }
    }
    gunzip.destroy();
    gzip.destroy();
  });
});
