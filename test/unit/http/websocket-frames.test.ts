import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  FrameBoundary,
  GOING_AWAY_FROM_CLIENT,
  GOING_AWAY_FROM_SERVER,
} from "../../../runtime/http/websocket-frames.ts";

function frame(length: number, masked: boolean): Buffer {
  const mask = masked ? 0x80 : 0;
  const header =
    length < 126
      ? Buffer.from([0x82, mask | length])
      : length < 65_536
        ? Buffer.from([0x82, mask | 126, length >> 8, length & 0xff])
        : Buffer.from([
            0x82,
            mask | 127,
            0,
            0,
            0,
            0,
            0,
            length >> 16,
            (length >> 8) & 0xff,
            length & 0xff,
          ]);
  return Buffer.concat([header, Buffer.alloc(masked ? 4 : 0, 7), Buffer.alloc(length, 0x41)]);
}

const frames = fc.array(
  fc.record({
    length: fc.oneof(fc.nat(200), fc.constantFrom(125, 126, 65_535, 65_536, 70_000)),
    masked: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
);

describe("FrameBoundary", () => {
  it("is at a boundary after whole frames, however they are cut into chunks (RFC 6455 §5.2)", () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 4000 }), (list, size) => {
        const bytes = Buffer.concat(list.map((one) => frame(one.length, one.masked)));
        const boundary = new FrameBoundary();
        for (let at = 0; at < bytes.length; at += size) {
          boundary.push(bytes.subarray(at, at + size));
        }
        expect(boundary.atBoundary).toBe(true);
      }),
    );
  });

  it("is at no boundary within a frame", () => {
    fc.assert(
      fc.property(frames, fc.nat(), (list, seed) => {
        const last = list.at(-1);
        if (last === undefined) return;
        const whole = Buffer.concat(list.slice(0, -1).map((one) => frame(one.length, one.masked)));
        const part = frame(last.length, last.masked);
        const cut = 1 + (seed % (part.length - 1));
        const boundary = new FrameBoundary();
        boundary.push(Buffer.concat([whole, part.subarray(0, cut)]));
        expect(boundary.atBoundary).toBe(false);
      }),
    );
  });

  it("never trusts a length beyond what a number can hold", () => {
    const boundary = new FrameBoundary();
    boundary.push(Buffer.from([0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
    boundary.push(Buffer.alloc(100));
    expect(boundary.atBoundary).toBe(false);
  });

  it("finds our own close frames whole, masked from the client's side (RFC 6455 §5.3)", () => {
    for (const close of [GOING_AWAY_FROM_SERVER, GOING_AWAY_FROM_CLIENT]) {
      const boundary = new FrameBoundary();
      boundary.push(close);
      expect(boundary.atBoundary).toBe(true);
    }
    expect(GOING_AWAY_FROM_SERVER.readUInt16BE(2)).toBe(1001);
    expect(GOING_AWAY_FROM_CLIENT.readUInt16BE(6)).toBe(1001);
  });
});
