import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { toRawFields } from "../../../runtime/upstream/raw-head.ts";

/** Lays lines out in one buffer with dead bytes between, as a parser's views into a chunk are. */
function views(lines: readonly string[]): Buffer[] {
  const chunk = Buffer.from(lines.map((line) => `??${line}`).join(""), "latin1");
  let at = 0;
  return lines.map((line) => {
    at += 2 + line.length;
    return chunk.subarray(at - line.length, at);
  });
}

const line = fc.string({
  unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)),
});
const evenLines = fc.array(fc.tuple(line, line)).map((pairs) => pairs.flat());

describe("toRawFields", () => {
  it("gives every line as Latin-1, whether they lie in one chunk or in many", () => {
    fc.assert(
      fc.property(evenLines, fc.array(fc.boolean()), (lines, apart) => {
        const buffers = views(lines).map((view, i) =>
          apart[i] === true ? Buffer.from(view) : view,
        );
        expect(toRawFields(buffers)).toEqual(lines);
      }),
    );
  });

  it("takes the whitespace after a value off, but not that within it (RFC 9110 §5.5)", () => {
    expect(toRawFields(views(["A", "b c \t ", "D", " \t", "E", ""]))).toEqual([
      ...["A", "b c", "D", "", "E", ""],
    ]);
  });
});
