import { describe, expect, it } from "vitest";

import { mayBeQuiet, Silence } from "../../../runtime/upstream/idle-limit.ts";

describe("silence of a response", () => {
  it("is too long at the second look without anything heard", () => {
    const silence = new Silence();
    expect(silence.isTooLong(false)).toBe(false);
    expect(silence.isTooLong(false)).toBe(true);
  });

  it("begins anew with whatever is heard", () => {
    const silence = new Silence();
    expect(silence.isTooLong(false)).toBe(false);
    silence.heard = true;
    expect(silence.isTooLong(false)).toBe(false);
    expect(silence.isTooLong(false)).toBe(false);
    expect(silence.isTooLong(false)).toBe(true);
  });

  it("does not count while it is for somebody else to go on", () => {
    const silence = new Silence();
    for (let look = 0; look < 10; look++) expect(silence.isTooLong(true)).toBe(false);
    expect(silence.isTooLong(false)).toBe(false);
    expect(silence.isTooLong(false)).toBe(true);
  });

  it("says nothing of event streams and gRPC", () => {
    expect(mayBeQuiet(["Content-Type", "text/event-stream; charset=utf-8"])).toBe(true);
    expect(mayBeQuiet(["content-type", "application/grpc+proto"])).toBe(true);
    expect(mayBeQuiet(["content-type", "text/html"])).toBe(false);
    expect(mayBeQuiet([])).toBe(false);
    expect(mayBeQuiet(null)).toBe(false);
  });
});
