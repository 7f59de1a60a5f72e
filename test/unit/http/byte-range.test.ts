import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { chooseRanges, partialAnswer, unsatisfiedRange } from "../../../runtime/http/byte-range.ts";

const WHOLE = { kind: "whole" };
const NONE = { kind: "unsatisfiable" };
const one = (first: number, last: number) => ({ kind: "ranges", ranges: [{ first, last }] });

describe("chooseRanges", () => {
  it.each([
    ["bytes=0-1", one(0, 1)],
    ["BYTES=0-1", one(0, 1)],
    ["bytes=1-", one(1, 9)],
    ["bytes=-1", one(9, 9)],
    ["bytes=-99", one(0, 9)],
    ["bytes=8-99", one(8, 9)],
    ["bytes=10-", NONE],
    ["bytes=999999999999999999999-", NONE],
    ["bytes=-0", NONE],
    ["bytes=10-, 20-30", NONE],
    ["bytes=0-1, 20-", one(0, 1)],
    ["bytes=5-4", WHOLE],
    ["bytes=-", WHOLE],
    ["bytes=", WHOLE],
    ["bytes=a-b", WHOLE],
    ["bytes=+1-2", WHOLE],
    ["bytes = 0-1", WHOLE],
    ["items=0-1", WHOLE],
    ["bytes=0-1,", WHOLE],
  ])("reads %j of ten bytes (RFC 9110 §14.1.2)", (value, expected) => {
    expect(chooseRanges(["Range", value], 10)).toEqual(expected);
  });

  it("keeps the order of several ranges (RFC 9110 §15.3.7.2)", () => {
    expect(chooseRanges(["range", "bytes=-2 , 0-0"], 10)).toEqual({
      kind: "ranges",
      ranges: [
        { first: 8, last: 9 },
        { first: 0, last: 0 },
      ],
    });
  });

  it("answers with the whole content where ranges ask for more than it (RFC 9110 §17.15)", () => {
    expect(chooseRanges(["Range", "bytes=0-,0-"], 10)).toEqual(WHOLE);
    expect(chooseRanges(["Range", `bytes=${"0-0,".repeat(16)}0-0`], 1000)).toEqual(WHOLE);
    expect(chooseRanges(["Range", "bytes=0-1", "Range", "bytes=2-3"], 10)).toEqual(WHOLE);
    expect(chooseRanges([], 10)).toEqual(WHOLE);
  });

  it("has nothing for an empty content", () => {
    expect(chooseRanges(["Range", "bytes=0-"], 0)).toEqual(NONE);
    expect(chooseRanges(["Range", "bytes=-5"], 0)).toEqual(NONE);
    expect(unsatisfiedRange(0)).toBe("bytes */0");
  });

  it("stays inside of the content, whatever is asked for", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(1000), (text, length) => {
        const choice = chooseRanges(["Range", `bytes=${text}`], length);
        if (choice.kind !== "ranges") return;
        for (const { first, last } of choice.ranges) {
          expect(first).toBeGreaterThanOrEqual(0);
          expect(last).toBeGreaterThanOrEqual(first);
          expect(last).toBeLessThan(length);
        }
      }),
    );
  });
});

describe("partialAnswer", () => {
  it("sends one range as it is (RFC 9110 §15.3.7.1)", () => {
    expect(partialAnswer([{ first: 2, last: 4 }], 10, "text/plain", "b")).toEqual({
      fields: [
        "Content-Range",
        "bytes 2-4/10",
        "Content-Type",
        "text/plain",
        "Content-Length",
        "3",
      ],
      pieces: [{ first: 2, last: 4 }],
    });
  });

  it("sends several as multipart/byteranges of the length that it says (RFC 9110 §14.6)", () => {
    const content = Buffer.from("0123456789");
    const { fields, pieces } = partialAnswer(
      [
        { first: 0, last: 1 },
        { first: 8, last: 9 },
      ],
      10,
      "text/plain",
      "limit",
    );
    const text = Buffer.concat(
      pieces.map((piece) =>
        "first" in piece ? content.subarray(piece.first, piece.last + 1) : piece,
      ),
    ).toString();
    expect(fields).toEqual([
      "Content-Type",
      "multipart/byteranges; boundary=limit",
      "Content-Length",
      String(text.length),
    ]);
    expect(text).toBe(
      "--limit\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01" +
        "\r\n--limit\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89" +
        "\r\n--limit--\r\n",
    );
  });
});
