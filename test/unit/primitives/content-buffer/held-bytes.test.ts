import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { HeldBytes, joined } from "../../../../runtime/primitives/content-buffer/held-bytes.ts";

describe("HeldBytes", () => {
  it("keeps large chunks as they are", () => {
    const held = new HeldBytes();
    const chunks = [Buffer.alloc(8192, 1), Buffer.alloc(70_000, 2)];
    for (const chunk of chunks) held.add(chunk);
    expect(held.chunks[0]).toBe(chunks[0]);
    expect(held.chunks[1]).toBe(chunks[1]);
    expect(held.pinned).toBe(78_192);
  });

  it("keeps a small chunk as it is where nothing follows", () => {
    const held = new HeldBytes();
    const chunk = Buffer.from("all of it");
    held.add(chunk, true);
    expect(joined(held.chunks, held.size)).toBe(chunk);
  });

  it("copies a trickle together, so that a byte does not cost a buffer", () => {
    const held = new HeldBytes();
    for (let i = 0; i < 100_000; i++) held.add(Buffer.from([i & 0xff]));
    expect(held.size).toBe(100_000);
    expect(held.chunks.length).toBeLessThan(10);
    expect(held.pinned).toBeLessThan(2 * 100_000);
  });

  it("does not pin the read buffer that a small chunk is a part of", () => {
    const held = new HeldBytes();
    const slab = Buffer.alloc(65_536);
    held.add(slab.subarray(0, 1));
    expect(held.chunks[0]?.buffer.byteLength).toBe(held.pinned);
    expect(held.pinned).toBeLessThan(2000);
  });

  it("gives the same bytes in the same order, and counts what it pins, whatever the sizes", () => {
    const sizes = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 70_000 })),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(sizes, (lengths) => {
        const held = new HeldBytes();
        const sent = lengths.map((length, i) => Buffer.alloc(length, i + 1));
        let pinned = 0;
        for (const chunk of sent) pinned += held.add(chunk);
        expect(held.pinned).toBe(pinned);
        const memory = new Set(held.chunks.map((chunk) => chunk.buffer));
        const large = held.chunks.filter((chunk) => chunk.byteLength >= 8192).length;
        expect(memory.size).toBeGreaterThanOrEqual(Math.min(1, large));
        expect(Buffer.concat(held.take()).equals(Buffer.concat(sent))).toBe(true);
        expect([held.size, held.pinned, held.chunks.length]).toEqual([0, 0, 0]);
      }),
      { numRuns: 60 },
    );
  });
});
