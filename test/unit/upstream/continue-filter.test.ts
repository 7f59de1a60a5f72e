import { Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ContinueFilter } from "../../../runtime/upstream/continue-filter.ts";

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/** What comes out if these pieces are read one after the other. */
function filtered(pieces: readonly string[]): { text: string; filter: ContinueFilter } {
  const socket = new Socket();
  const waiting = pieces.map((piece) => Buffer.from(piece));
  socket.read = () => waiting.shift() ?? null;
  const filter = new ContinueFilter(socket);
  filter.expect();
  let text = "";
  for (let i = 0; i < pieces.length; i++) text += String((socket.read() as Buffer | null) ?? "");
  return { text, filter };
}

function cut(text: string, places: readonly number[]): string[] {
  const sorted = [...new Set(places.map((place) => place % text.length))].sort((a, b) => a - b);
  return [0, ...sorted].map((from, i) => text.slice(from, sorted[i] ?? text.length));
}

describe("ContinueFilter", () => {
  it("takes 100 responses off the start of an answer, wherever the chunks are cut (RFC 9110 §15.2.1)", () => {
    const interim = fc.constantFrom(
      "HTTP/1.1 100 Continue\r\n\r\n",
      "HTTP/1.1 100\r\n\r\n",
      "HTTP/1.1 100 Go on\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
    );
    fc.assert(
      fc.property(fc.array(interim, { maxLength: 4 }), fc.array(fc.nat(400)), (before, places) => {
        const { text } = filtered(cut(before.join("") + ANSWER, places));
        expect(text).toBe(ANSWER);
      }),
    );
  });

  it("changes nothing else, and nothing after the start", () => {
    const others = [
      "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 100 C\r\n\r\n",
      "SSH-2.0\r\n",
      "HTTP/1.0 100 C\r\n\r\n",
    ];
    for (const other of [...others, ANSWER + ANSWER]) {
      fc.assert(
        fc.property(fc.array(fc.nat(400)), (places) => {
          expect(filtered(cut(other, places)).text).toBe(other);
        }),
      );
    }
  });

  it("does not hold bytes back without end", () => {
    const endless = `HTTP/1.1 100 ${"a".repeat(20_000)}`;
    expect(filtered([endless]).text).toBe(endless);
  });

  it("knows whether any byte of an answer came", () => {
    expect(filtered([]).filter.answered).toBe(false);
    expect(filtered(["H"]).filter.answered).toBe(true);
    const { filter } = filtered([ANSWER]);
    filter.expect();
    expect(filter.answered).toBe(false);
  });

  it("leaves the socket alone once it is removed", () => {
    const socket = new Socket();
    const read = (): Buffer => Buffer.from("HTTP/1.1 100 C\r\n\r\n");
    socket.read = read;
    const filter = new ContinueFilter(socket);
    filter.expect();
    filter.remove();
    expect(socket.read).toBe(read);
  });
});
