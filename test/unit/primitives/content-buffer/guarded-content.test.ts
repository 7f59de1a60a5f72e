import { describe, expect, it } from "vitest";

import { DeadlineWheel } from "../../../../runtime/clock.ts";
import { GuardedContent } from "../../../../runtime/primitives/content-buffer/guarded-content.ts";
import { Collected, PushSource } from "../../../helpers/content.ts";

function guard(options: { minRate?: number; maxBytes?: number } = {}) {
  let now = 0;
  const clock = { now: () => now, monotonic: () => now };
  const wheel = new DeadlineWheel(clock, false);
  const source = new PushSource();
  const limits = { maxBytes: 1e9, minRate: 500, minRateAfterMs: 10_000, ...options };
  const content = new GuardedContent(source, limits, wheel, clock);
  const out = new Collected();
  content.open(out);
  /** Seconds go by, each bringing so many bytes. */
  const pass = (seconds: number, bytes = 0): void => {
    for (let second = 0; second < seconds; second++) {
      if (bytes > 0) source.push(Buffer.alloc(bytes));
      now += 1000;
      wheel.turn();
    }
  };
  return { content, source, out, pass, wheel };
}

const TIMEOUT = { code: "PROXY_REQUEST_CONTENT_TIMEOUT", status: 408 };

describe("the minimum rate", () => {
  it("cuts a trickle after the grace", () => {
    const { out, pass, source } = guard();
    pass(9, 1);
    expect(out.error).toBeUndefined();
    pass(4, 1);
    expect(out.error).toMatchObject(TIMEOUT);
    expect(source.cancelled).toBe(true);
  });

  it("cuts a client that never sends a byte", () => {
    const { out, pass } = guard();
    pass(13);
    expect(out.error).toMatchObject(TIMEOUT);
  });

  it("lets a client live that manages it, however long it takes", () => {
    const { out, pass, source, wheel } = guard();
    pass(3600, 510);
    expect(out.error).toBeUndefined();
    source.end();
    expect(out.trailers).toEqual([]);
    expect(wheel.size).toBe(0);
  });

  it("lets one pause that was fast, for a minute and not for more", () => {
    const { out, pass } = guard();
    pass(1, 10_000_000);
    pass(55);
    expect(out.error).toBeUndefined();
    pass(10);
    expect(out.error).toMatchObject(TIMEOUT);
  });

  it("does not count time in which we do not read", () => {
    const { out, pass, content } = guard();
    pass(5);
    content.pause();
    pass(600);
    content.resume();
    pass(4);
    expect(out.error).toBeUndefined();
    pass(5);
    expect(out.error).toMatchObject(TIMEOUT);
  });

  it("of 0 asks for nothing", () => {
    const { out, pass, wheel } = guard({ minRate: 0 });
    expect(wheel.size).toBe(0);
    pass(600);
    expect(out.error).toBeUndefined();
  });
});

describe("the maximum", () => {
  it("lets exactly so much pass, and fails with the next byte", () => {
    const { out, source } = guard({ maxBytes: 5 });
    source.push("abc", "de");
    expect(out.error).toBeUndefined();
    source.push("f");
    expect(out.error).toMatchObject({ code: "PROXY_CONTENT_TOO_LARGE", status: 413 });
    expect(out.text).toBe("abcde");
    expect(source.cancelled).toBe(true);
  });
});

it("is over after cancel: nothing more is delivered, nothing stays armed", () => {
  const { content, source, out, wheel } = guard();
  content.cancel();
  source.sink?.onData(Buffer.from("late"));
  source.sink?.onEnd([]);
  expect(out.over).toBe(false);
  expect(out.chunks).toEqual([]);
  expect(wheel.size).toBe(0);
});
