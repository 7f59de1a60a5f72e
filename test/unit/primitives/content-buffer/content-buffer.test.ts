import { describe, expect, it } from "vitest";

import { ProxyError } from "../../../../runtime/errors.ts";
import { sourceFromBytes } from "../../../../runtime/http/readable-source.ts";
import { createReplayBuffer } from "../../../../runtime/primitives/content-buffer/content-buffer.ts";
import { collect, Collected, PushSource, settled, sourceOf } from "../../../helpers/content.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe("createReplayBuffer", () => {
  it("opens nothing before somebody reads and then hands on the original source", () => {
    const source = new PushSource();
    const buffer = createReplayBuffer(source, 100);
    expect(buffer.asSource()).toBe(source);
    expect(source.opened).toBe(0);
    expect(buffer.attached).toBe(false);
  });

  it("reads the source once however many ask, early and late", async () => {
    const source = sourceOf(["he", "llo"]);
    const buffer = createReplayBuffer(source, 100);
    const [first, second] = await Promise.all([buffer.read(), buffer.read()]);
    expect(text(first)).toBe("hello");
    expect(second).toBe(first);
    expect(await buffer.read()).toBe(first);
    expect(source.opened).toBe(1);
  });

  it("gives fresh sources of the bytes after a read, any number of times, with the trailers", async () => {
    const buffer = createReplayBuffer(sourceOf(["abc"], ["X-T", "1"]), 100);
    await buffer.read();
    for (let i = 0; i < 3; i++) {
      const source = buffer.asSource();
      expect(source.length).toBe(3);
      expect(text(source.bytes as Uint8Array)).toBe("abc");
      const out = await collect(source);
      expect(out.text).toBe("abc");
      expect(out.trailers).toEqual(["X-T", "1"]);
    }
  });

  it("lets a source taken during the read wait for the bytes", async () => {
    const source = new PushSource();
    const buffer = createReplayBuffer(source, 100);
    const reading = buffer.read();
    const out = new Collected();
    buffer.asSource().open(out);
    source.push("ab");
    await settled();
    expect(out.chunks).toEqual([]);
    source.push("c");
    source.end();
    await out.done;
    expect(out.text).toBe("abc");
    expect(text(await reading)).toBe("abc");
  });

  it("honours pause and cancel of a replayed source", async () => {
    const buffer = createReplayBuffer(sourceOf(["abc"]), 100);
    await buffer.read();
    const source = buffer.asSource();
    const out = new Collected();
    source.pause();
    source.open(out);
    await settled();
    expect(out.chunks).toEqual([]);
    source.resume();
    await out.done;
    expect(out.text).toBe("abc");

    const dropped = buffer.asSource();
    const nothing = new Collected();
    dropped.open(nothing);
    dropped.cancel();
    await settled();
    expect(nothing.over).toBe(false);
    expect(nothing.chunks).toEqual([]);
  });

  it("takes content of exactly the limit and refuses one byte more, cancelling the source", async () => {
    expect((await createReplayBuffer(sourceOf(["12345"]), 5).read()).length).toBe(5);
    const source = sourceOf(["123", "456", "never"]);
    const buffer = createReplayBuffer(source, 5);
    await expect(buffer.read()).rejects.toMatchObject({ code: "PROXY_CONTENT_TOO_LARGE" });
    expect(source.cancelled).toBe(true);
  });

  it("refuses a declared length above the limit before a byte arrives", async () => {
    const source = new PushSource(6);
    await expect(createReplayBuffer(source, 5).read()).rejects.toMatchObject({ status: 413 });
    expect(source.opened).toBe(0);
    expect(source.cancelled).toBe(true);
  });

  it("blames the upstream for a response", async () => {
    const buffer = createReplayBuffer(sourceOf(["123456"]), 5, "response");
    await expect(buffer.read()).rejects.toMatchObject({ status: 502 });
  });

  it("remembers a failure for later readers and for sources", async () => {
    const source = new PushSource();
    const buffer = createReplayBuffer(source, 100);
    const reading = buffer.read();
    const error = new Error("reset");
    source.fail(error);
    await expect(reading).rejects.toMatchObject({ cause: error });
    await expect(buffer.read()).rejects.toMatchObject({ cause: error });
    expect((await collect(buffer.asSource())).error).toMatchObject({ cause: error });
    expect(source.opened).toBe(1);
  });

  it("calls a broken source by its direction and leaves our own errors alone", async () => {
    for (const [of, error, code] of [
      ["request", new Error("x"), "PROXY_REQUEST_CONTENT_INCOMPLETE"],
      ["response", new Error("x"), "PROXY_UPSTREAM_HANDLER"],
      ["response", new ProxyError("PROXY_UPSTREAM_RESET"), "PROXY_UPSTREAM_RESET"],
    ] as const) {
      const source = new PushSource();
      const reading = createReplayBuffer(source, 5, of).read();
      source.fail(error);
      await expect(reading).rejects.toMatchObject({ code });
    }
  });

  it("takes bytes that are in memory without opening the source, also after it was handed out", async () => {
    const source = sourceFromBytes(Buffer.from("abc"));
    const buffer = createReplayBuffer(source, 3);
    expect(buffer.asSource()).toBe(source);
    expect(text(await buffer.read())).toBe("abc");
    await expect(createReplayBuffer(source, 2).read()).rejects.toMatchObject({ status: 413 });
  });

  it("refuses to read what was streamed on already", async () => {
    const source = new PushSource();
    const buffer = createReplayBuffer(source, 100);
    buffer.asSource();
    await expect(buffer.read()).rejects.toMatchObject({ code: "PROXY_HOOK_FAILED" });
    expect(source.opened).toBe(0);
  });

  it("cancels the source and rejects who waits", async () => {
    const source = new PushSource();
    const buffer = createReplayBuffer(source, 100);
    const reading = buffer.read();
    buffer.cancel();
    await expect(reading).rejects.toMatchObject({ code: "PROXY_CLIENT_ABORTED" });
    expect(source.cancelled).toBe(true);
    source.sink?.onData(Buffer.from("late"));
    source.sink?.onEnd([]);
  });

  it("keeps finished bytes through a cancel", async () => {
    const buffer = createReplayBuffer(sourceOf(["abc"]), 100);
    await buffer.read();
    buffer.cancel();
    expect(text(await buffer.read())).toBe("abc");
  });

  it("reads an empty content as no bytes", async () => {
    const buffer = createReplayBuffer(sourceOf([]), 100);
    expect((await buffer.read()).length).toBe(0);
    expect((await collect(buffer.asSource())).trailers).toEqual([]);
  });
});
