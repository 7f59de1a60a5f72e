import { describe, expect, it } from "vitest";

import type { Exchange } from "../../../runtime/downstream/exchange.ts";
import { SentChunks } from "../../../runtime/pipeline/sent-chunks.ts";

const LARGE = 64 * 1024;

function sending(): { exchange: { bytesSent: number; takenBytes: number }; sent: SentChunks } {
  const exchange = { bytesSent: 0, takenBytes: 0 };
  return { exchange, sent: new SentChunks(exchange as unknown as Exchange) };
}

function large(): Uint8Array {
  return new Uint8Array(LARGE);
}

describe("chunks that were sent", () => {
  it("are freed when the client's side has taken all of them, and not before", () => {
    const { exchange, sent } = sending();
    const [first, second] = [large(), large()];
    exchange.bytesSent = LARGE;
    sent.add(first);
    exchange.bytesSent = 2 * LARGE;
    exchange.takenBytes = 2 * LARGE - 1;
    sent.add(second);
    expect([first.byteLength, second.byteLength]).toEqual([LARGE, LARGE]);
    exchange.takenBytes = exchange.bytesSent = 2 * LARGE + 10;
    sent.add(new Uint8Array(10));
    expect([first.byteLength, second.byteLength]).toEqual([0, 0]);
  });

  it("are left alone where they are small or only a part of their memory", () => {
    const { sent } = sending();
    const small = new Uint8Array(1000);
    const part = new Uint8Array(2 * LARGE).subarray(0, LARGE);
    sent.add(small);
    sent.add(part);
    expect([small.byteLength, part.byteLength]).toEqual([1000, LARGE]);
  });
});
