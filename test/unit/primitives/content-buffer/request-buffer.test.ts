import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { ProxyError } from "../../../../runtime/errors.ts";
import type { ContentSource } from "../../../../runtime/http/content.ts";
import { sourceFromBytes } from "../../../../runtime/http/readable-source.ts";
import type { ContentBudgetLimits } from "../../../../runtime/primitives/content-buffer/content-budget.ts";
import {
  createRequestBuffer,
  type ContentStore,
  type RequestBuffer,
} from "../../../../runtime/primitives/content-buffer/request-buffer.ts";
import { contentStore } from "../../../helpers/content-store.ts";
import { collect, Collected, PushSource, settled, sourceOf } from "../../../helpers/content.ts";

const MEMORY = 100_000;
const MAX = 1_000_000;

let folder: string;
let store: ContentStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatewright-spill-"));
  store = contentStore({}, join(folder, "spill"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function bufferOf(
  source: ContentSource,
  limits: Partial<ContentBudgetLimits> = {},
  client = "192.0.2.1",
): RequestBuffer {
  store.budget.adjust({ ...store.budget.limits, ...limits });
  return createRequestBuffer(source, { memoryBytes: MEMORY, maxBytes: MAX }, store, client);
}

function received(buffer: RequestBuffer): Promise<void> {
  return new Promise((resolve, reject) => {
    buffer.receive({ contentReceived: resolve, contentFailed: reject });
  });
}

/** Different everywhere, so that a piece at the wrong place shows. */
function pattern(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

async function spilled(size = 500_000, trailers: string[] = []) {
  const bytes = pattern(size);
  const buffer = bufferOf(sourceOf(pieces(bytes, 10_000), trailers));
  await received(buffer);
  return { bytes, buffer };
}

describe("content that fits in memory", () => {
  it("of one chunk is that chunk: no copy, no file", async () => {
    const chunk = pattern(50_000);
    const source = new PushSource(chunk.length);
    const buffer = bufferOf(source);
    const done = received(buffer);
    source.push(chunk);
    source.end();
    await done;
    expect(buffer.asSource().bytes).toBe(chunk);
    expect(await buffer.read()).toBe(chunk);
    expect(store.budget.diskBytes).toBe(0);
    expect(await readdir(folder)).toEqual([]);
  });

  it("of several is handed over chunk by chunk, any number of times", async () => {
    const chunks = pieces(pattern(90_000), 30_000);
    const buffer = bufferOf(sourceOf(chunks, ["X-T", "1"]));
    await received(buffer);
    for (let i = 0; i < 3; i++) {
      const source = buffer.asSource();
      expect([source.length, source.bytes]).toEqual([90_000, undefined]);
      const out = await collect(source);
      expect(out.chunks).toEqual(chunks);
      expect(out.chunks[0]).toBe(chunks[0]);
      expect(out.trailers).toEqual(["X-T", "1"]);
    }
    expect(Buffer.concat(chunks).equals(await buffer.read())).toBe(true);
  });

  it("may be empty", async () => {
    const buffer = bufferOf(sourceOf([]));
    await received(buffer);
    expect(buffer.asSource().bytes?.byteLength).toBe(0);
    expect((await buffer.read()).byteLength).toBe(0);
  });

  it("is taken as it is where it is bytes already", async () => {
    const bytes = pattern(10);
    const buffer = bufferOf(sourceFromBytes(bytes));
    await received(buffer);
    expect(await buffer.read()).toBe(bytes);
  });
});

describe("content that does not", () => {
  it("comes back from the file byte for byte, any number of times, also at once", async () => {
    const { bytes, buffer } = await spilled(500_000, ["X-T", "1"]);
    expect(store.budget.diskBytes).toBe(500_000);
    expect(store.budget.memoryBytes).toBe(0);
    const reads = await Promise.all([buffer, buffer, buffer].map((one) => collect(one.asSource())));
    for (const out of reads) {
      expect(out.error).toBeUndefined();
      expect(out.bytes.equals(bytes)).toBe(true);
      expect(out.trailers).toEqual(["X-T", "1"]);
    }
    buffer.release();
    expect(store.budget.diskBytes).toBe(0);
  });

  it("leaves no name in the folder while it is there", async () => {
    const { buffer } = await spilled();
    expect(await readdir(join(folder, "spill"))).toEqual([]);
    buffer.release();
  });

  it("is read into what its reader gives back, and into nothing that another has", async () => {
    const { bytes, buffer } = await spilled();
    const other = collect(buffer.asSource());
    const source = buffer.asSource();
    const memory = new Set<ArrayBufferLike>();
    const copies: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      source.open({
        onData(chunk) {
          copies.push(Buffer.from(chunk));
          memory.add(chunk.buffer);
          source.recycle?.(chunk);
        },
        onEnd: () => resolve(),
        onError: reject,
      });
    });
    expect(Buffer.concat(copies).equals(bytes)).toBe(true);
    expect(memory.size).toBe(1);
    expect((await other).bytes.equals(bytes)).toBe(true);
    buffer.release();
  });

  it("is read back only as fast as its reader takes it", async () => {
    const { bytes, buffer } = await spilled();
    const source = buffer.asSource();
    const out = new Collected();
    source.open({
      onData(chunk) {
        source.pause();
        out.onData(chunk);
      },
      onEnd: (trailers) => out.onEnd(trailers),
      onError: (error) => out.onError(error),
    });
    for (let count = 1; count <= 3; count++) {
      await out.received(count);
      await settled();
      expect(out.chunks).toHaveLength(count);
      source.resume();
    }
    const rest = setInterval(() => source.resume(), 1);
    await out.done;
    clearInterval(rest);
    expect(out.bytes.equals(bytes)).toBe(true);
    buffer.release();
  });

  it("pauses its client while the disk is behind", async () => {
    const source = new PushSource();
    const opens: (() => void)[] = [];
    const { spill } = store;
    store = { ...store, spill: { open: (done) => opens.push(() => spill.open(done)) } };
    const buffer = bufferOf(source);
    const done = received(buffer);
    source.push(pattern(MEMORY), pattern(10));
    expect(source.paused).toBe(true);
    opens[0]?.();
    await expect.poll(() => source.paused).toBe(false);
    source.end();
    await done;
    buffer.release();
  });

  it("cannot be read by a hook", async () => {
    const { buffer } = await spilled();
    await expect(buffer.read()).rejects.toMatchObject({ code: "PROXY_CONTENT_TOO_LARGE" });
    expect((await collect(buffer.asSource())).error).toBeUndefined();
    buffer.release();
  });

  it("is given back once the last reader is done, not beneath it", async () => {
    const { bytes, buffer } = await spilled();
    const out = new Collected();
    const source = buffer.asSource();
    source.pause();
    source.open(out);
    buffer.release();
    expect(store.budget.diskBytes).toBe(500_000);
    source.resume();
    await out.done;
    expect(out.bytes.equals(bytes)).toBe(true);
    expect(store.budget.diskBytes).toBe(0);
  });

  it("is not read from a file that was given back", async () => {
    const { buffer } = await spilled();
    const source = buffer.asSource();
    buffer.release();
    expect((await collect(source)).error).toMatchObject({ code: "PROXY_CONTENT_STORAGE" });
  });

  it("of a declared length goes to the file early", async () => {
    const source = new PushSource(MAX);
    const buffer = bufferOf(source);
    const failed = received(buffer).catch((error: unknown) => error);
    source.push(pattern(65_000), pattern(1000));
    await expect.poll(() => store.budget.memoryBytes).toBe(0);
    source.fail(new Error("gone"));
    await failed;
    expect(store.budget.diskBytes).toBe(0);
  });
});

describe("limits", () => {
  it.each([
    ["by its declared length, unopened", MAX + 1],
    ["by what comes", undefined],
  ])("refuse what is larger than the maximum: %s", async (_name, length) => {
    const source = new PushSource(length);
    const buffer = bufferOf(source);
    const failed = received(buffer);
    if (length === undefined)
      for (const chunk of pieces(pattern(MAX + 1), 50_000)) source.push(chunk);
    await expect(failed).rejects.toMatchObject({ code: "PROXY_CONTENT_TOO_LARGE", status: 413 });
    expect(source.opened).toBe(length === undefined ? 1 : 0);
    expect(source.cancelled).toBe(true);
    expect([store.budget.memoryBytes, store.budget.diskBytes]).toEqual([0, 0]);
  });

  it("let hooks read as much as may be in memory, and no byte more", async () => {
    expect((await bufferOf(sourceOf([pattern(MEMORY)])).read()).byteLength).toBe(MEMORY);
    const source = new PushSource(MEMORY + 1);
    await expect(bufferOf(source).read()).rejects.toMatchObject({ status: 413 });
    expect(source.opened).toBe(0);
    const unknown = sourceOf([pattern(MEMORY), "x"]);
    await expect(bufferOf(unknown).read()).rejects.toMatchObject({ status: 413 });
  });

  it("of all requests together: full memory sends the next content to the disk", async () => {
    const buffer = bufferOf(sourceOf(pieces(pattern(50_000), 10_000)), { memoryBytes: 20_000 });
    await received(buffer);
    expect(store.budget.diskBytes).toBe(50_000);
    expect(store.budget.memoryBytes).toBe(0);
    expect((await collect(buffer.asSource())).bytes.equals(pattern(50_000))).toBe(true);
    buffer.release();
  });

  it("of all requests together: a hook cannot read when the memory is full", async () => {
    const buffer = bufferOf(sourceOf([pattern(50_000)]), { memoryBytes: 20_000 });
    await expect(buffer.read()).rejects.toMatchObject({
      code: "PROXY_CONTENT_MEMORY",
      status: 503,
      fields: ["Retry-After", "1"],
    });
    expect(store.budget.memoryBytes).toBe(0);
  });

  it("of all requests together: a full disk refuses, and what was given back can be used again", async () => {
    const { buffer } = await spilled(300_000);
    const next = bufferOf(sourceOf(pieces(pattern(300_000), 10_000)), { diskBytes: 500_000 });
    await expect(received(next)).rejects.toMatchObject({
      code: "PROXY_CONTENT_STORAGE",
      status: 507,
    });
    expect(store.budget.diskBytes).toBe(300_000);
    buffer.release();
    await received(bufferOf(sourceOf(pieces(pattern(300_000), 10_000))));
  });

  it("of one client: its second content is refused beyond its share, another client's is taken", async () => {
    const limits = { diskBytes: 1_000_000, clientShare: 0.5 };
    const { buffer } = await spilled(400_000);
    const next = (client: string): RequestBuffer =>
      bufferOf(sourceOf(pieces(pattern(300_000), 10_000)), limits, client);
    await expect(received(next("192.0.2.1"))).rejects.toMatchObject({ status: 507 });
    expect(store.budget.diskBytes).toBe(400_000);
    const other = next("192.0.2.2");
    await received(other);
    buffer.release();
    await received(next("192.0.2.1"));
    other.release();
  });

  it("of one client: its only content may have more than its share", async () => {
    const limits = { diskBytes: 1_000_000, clientShare: 0.25 };
    const buffer = bufferOf(sourceOf(pieces(pattern(600_000), 10_000)), limits);
    await received(buffer);
    expect(store.budget.diskBytes).toBe(600_000);
    buffer.release();
    expect([store.budget.diskBytes, store.budget.memoryBytes, store.budget.clients]).toEqual([
      0, 0, 0,
    ]);
  });

  it("of one client: beyond its share of the memory its contents go to the disk, others' do not", async () => {
    const limits = { memoryBytes: 200_000, clientShare: 0.5 };
    const held = bufferOf(sourceOf([pattern(80_000)]), limits);
    await received(held);
    const spills = bufferOf(sourceOf(pieces(pattern(50_000), 10_000)), limits);
    await received(spills);
    expect(store.budget.diskBytes).toBe(50_000);
    const other = bufferOf(sourceOf(pieces(pattern(50_000), 10_000)), limits, "192.0.2.2");
    await received(other);
    expect(store.budget.diskBytes).toBe(50_000);
    for (const one of [held, spills, other]) one.release();
    expect(store.budget.clients).toBe(0);
  });

  it("a folder that cannot be made is an error that names its cause", async () => {
    await writeFile(join(folder, "file"), "");
    store = contentStore({}, join(folder, "file", "spill"));
    const error = await received(bufferOf(sourceOf(pieces(pattern(200_000), 10_000)))).catch(
      (reason: unknown) => reason as ProxyError,
    );
    expect(error).toMatchObject({ code: "PROXY_CONTENT_STORAGE", cause: { code: "ENOTDIR" } });
    expect([store.budget.memoryBytes, store.budget.diskBytes]).toEqual([0, 0]);
  });
});

describe("content that fails", () => {
  it.each([10, 300_000])("after %i bytes, is never complete and holds nothing", async (size) => {
    const source = new PushSource();
    const buffer = bufferOf(source);
    const failed = received(buffer);
    for (const chunk of pieces(pattern(size), 10_000)) source.push(chunk);
    source.fail(new ProxyError("PROXY_REQUEST_CONTENT_INCOMPLETE"));
    await expect(failed).rejects.toMatchObject({ status: 400 });
    expect(buffer.isComplete).toBe(false);
    expect(buffer.failure).toMatchObject({ code: "PROXY_REQUEST_CONTENT_INCOMPLETE" });
    expect(() => buffer.asSource()).toThrow("not complete");
    await expect(received(buffer)).rejects.toBe(buffer.failure);
    await expect(buffer.read()).rejects.toBe(buffer.failure);
    await settled();
    expect([store.budget.memoryBytes, store.budget.diskBytes]).toEqual([0, 0]);
  });

  it("for one who waits fails for all", async () => {
    const source = new PushSource();
    const buffer = bufferOf(source);
    const reading = buffer.read();
    const waiting = received(buffer);
    const broken = new Error("broken");
    source.fail(broken);
    await expect(reading).rejects.toMatchObject({ cause: broken });
    await expect(waiting).rejects.toMatchObject({ cause: broken });
  });

  it("cancelled, tells who waits and lets the source go", async () => {
    const source = new PushSource();
    const buffer = bufferOf(source);
    const waiting = received(buffer);
    buffer.cancel();
    expect(source.cancelled).toBe(true);
    await expect(waiting).rejects.toMatchObject({ code: "PROXY_CLIENT_ABORTED" });
  });
});

describe("a hook that began to read", () => {
  it("shares the content with who waits for all of it", async () => {
    const source = new PushSource();
    const buffer = bufferOf(source);
    const reading = buffer.read();
    const waiting = received(buffer);
    source.push("he", "llo");
    source.end();
    await waiting;
    expect(Buffer.from(await reading).toString()).toBe("hello");
    expect((await collect(buffer.asSource())).text).toBe("hello");
    expect(source.opened).toBe(1);
  });

  it("still gets it after a release, and then nothing is held", async () => {
    const source = new PushSource();
    const buffer = bufferOf(source);
    const reading = buffer.read();
    buffer.release();
    source.push("hello");
    source.end();
    expect(Buffer.from(await reading).toString()).toBe("hello");
    expect(store.budget.memoryBytes).toBe(0);
  });
});
