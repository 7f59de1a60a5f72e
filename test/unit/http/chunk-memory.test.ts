import { describe, expect, it } from "vitest";

import { freeChunk } from "../../../runtime/http/chunk-memory.ts";

describe("the memory of a chunk", () => {
  it("is freed where the chunk is all of it", () => {
    const chunk = new Uint8Array(100_000);
    const { buffer } = chunk;
    freeChunk(chunk);
    expect([buffer.detached, chunk.byteLength]).toEqual([true, 0]);
  });

  it("stays where others have a part of it", () => {
    const whole = new Uint8Array(100_000);
    freeChunk(whole.subarray(1000));
    expect([whole.buffer.detached, whole.byteLength]).toEqual([false, 100_000]);
  });
});
