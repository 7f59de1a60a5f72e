import { describe, expect, it } from "vitest";

import { DeadlineWheel } from "../../../../runtime/clock.ts";
import { ProxyError } from "../../../../runtime/errors.ts";
import type { ContentSink, ContentSource } from "../../../../runtime/http/content.ts";
import { Fill } from "../../../../runtime/pipeline/cache/fill.ts";
import { ResponseStore } from "../../../../runtime/primitives/cache/response-store.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

class Origin implements ContentSource {
  readonly length = undefined;
  readonly bytes = undefined;
  sink: ContentSink | undefined;
  paused = false;
  cancelled = false;

  open(sink: ContentSink): void {
    this.sink = sink;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  cancel(): void {
    this.cancelled = true;
  }
}

class Client implements ContentSink {
  bytes = 0;
  ended = false;
  error: Error | undefined;
  onData(chunk: Uint8Array): void {
    this.bytes += chunk.length;
  }
  onEnd(): void {
    this.ended = true;
  }
  onError(error: Error): void {
    this.error = error;
  }
}

function makeFill(options: { maxBytes?: number; maxEntry?: number; minRate?: number } = {}) {
  const { maxBytes = 8 * MIB, maxEntry = 4 * MIB, minRate = 1000 } = options;
  let now = 0;
  const wheel = new DeadlineWheel({ now: () => now, monotonic: () => now }, false);
  const store = new ResponseStore(maxBytes, maxEntry);
  const origin = new Origin();
  const bodies: (Uint8Array | undefined)[] = [];
  const fill = new Fill(origin, store, { wheel, minRate }, (body) => void bodies.push(body));
  fill.start();
  const pass = (ms: number): void => {
    now += ms;
    wheel.turn();
  };
  const send = (bytes: number): void => origin.sink?.onData(new Uint8Array(bytes));
  const client = () => {
    const reader = fill.reader(undefined);
    const sink = new Client();
    reader.open(sink);
    return { reader, sink };
  };
  return { fill, store, origin, bodies, pass, send, client };
}

const microtasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a content on its way into the store", () => {
  it("counts as part of the store's budget, and is handed over with its end", async () => {
    const { store, origin, bodies, send, client } = makeFill();
    const { sink } = client();
    await microtasks();
    send(MIB);
    expect(store.reservedBytes).toBeGreaterThanOrEqual(MIB);
    send(MIB);
    expect(store.reservedBytes).toBeGreaterThanOrEqual(2 * MIB);
    origin.sink?.onEnd([]);
    expect([store.reservedBytes, bodies.map((body) => body?.length)]).toEqual([0, [2 * MIB]]);
    expect([sink.bytes, sink.ended]).toEqual([2 * MIB, true]);
  });

  it("is in memory of its own, however small", () => {
    const { origin, bodies } = makeFill();
    origin.sink?.onData(Buffer.from("abc"));
    origin.sink?.onEnd([]);
    expect(bodies[0]?.buffer.byteLength).toBe(3);
  });

  it("is given up where all of the budget is reserved by others, and goes on at its readers' pace", async () => {
    const { store, origin, bodies, send, client } = makeFill();
    const { reader, sink } = client();
    await microtasks();
    expect(store.reserve(7.5 * MIB)).toBe(true);
    send(256 * KIB);
    expect(bodies).toEqual([]);
    reader.pause();
    send(512 * KIB);
    expect(bodies).toEqual([undefined]);
    expect(origin.paused).toBe(true);
    reader.resume();
    expect([origin.paused, sink.bytes]).toEqual([false, 768 * KIB]);
    expect(store.reservedBytes).toBe(7.5 * MIB);
  });

  it("stays on the account for as long as a slow reader holds it", async () => {
    const { store, origin, send, client } = makeFill({ maxEntry: MIB });
    const { reader } = client();
    await microtasks();
    reader.pause();
    for (let i = 0; i < 16; i++) send(64 * KIB);
    send(64 * KIB);
    expect(origin.paused).toBe(true);
    expect(store.reservedBytes).toBeGreaterThanOrEqual(MIB);
    reader.cancel();
    expect([store.reservedBytes, origin.cancelled]).toEqual([0, true]);
  });

  it("in tiny chunks costs what they take", () => {
    const { store, bodies, send } = makeFill({ maxBytes: MIB, maxEntry: MIB });
    for (let i = 0; i < 5000 && bodies.length === 0; i++) send(1);
    expect(bodies).toEqual([undefined]);
    expect(store.reservedBytes).toBe(0);
  });

  it("leaves nothing reserved when it breaks off, and its readers learn it", async () => {
    const { store, origin, bodies, send, client } = makeFill();
    const { sink } = client();
    await microtasks();
    send(MIB);
    origin.sink?.onError(new ProxyError("PROXY_UPSTREAM_RESET"));
    expect([store.reservedBytes, bodies, sink.error]).toEqual([
      0,
      [undefined],
      expect.objectContaining({ code: "PROXY_UPSTREAM_RESET" }),
    ]);
  });

  it("that is not kept waits for a slow reader, but lets one go that takes next to nothing while others wait", async () => {
    const { origin, pass, send, client } = makeFill({ maxEntry: 64 * KIB });
    const [slow, quick] = [client(), client()];
    await microtasks();
    slow.reader.pause();
    for (let i = 0; i < 6; i++) send(64 * KIB);
    expect([origin.paused, quick.sink.bytes]).toEqual([true, 384 * KIB]);
    pass(2100);
    expect(slow.sink.error).toMatchObject({ code: "PROXY_CLIENT_STALLED" });
    expect([origin.paused, quick.sink.error]).toEqual([false, undefined]);
  });

  it("waits for one that is slow alone, and for one that is slow and takes enough", async () => {
    const alone = makeFill({ maxEntry: 64 * KIB });
    const only = alone.client();
    await microtasks();
    only.reader.pause();
    for (let i = 0; i < 6; i++) alone.send(64 * KIB);
    alone.pass(60_000);
    expect([alone.origin.paused, only.sink.error]).toEqual([true, undefined]);

    const two = makeFill({ maxEntry: 64 * KIB });
    const [slow] = [two.client(), two.client()];
    await microtasks();
    const takeOne = (): void => {
      const { onData } = slow.sink;
      slow.sink.onData = function (chunk) {
        onData.call(this, chunk);
        slow.reader.pause();
      };
      slow.reader.resume();
    };
    slow.reader.pause();
    for (let i = 0; i < 6; i++) two.send(64 * KIB);
    for (let i = 0; i < 4; i++) {
      takeOne();
      two.pass(2100);
      expect(slow.sink.error).toBeUndefined();
    }
  });
});
