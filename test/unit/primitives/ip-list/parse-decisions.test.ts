import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { toListText } from "../../../../runtime/primitives/ip-list/list-text.ts";
import { parseDecisions } from "../../../../runtime/primitives/ip-list/parse-decisions.ts";
import { inSlices } from "../../../../runtime/primitives/ip-list/range-table.ts";

async function changesIn(text: string, pieceBytes = Infinity): Promise<string[]> {
  const all = Buffer.from(text);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < all.length; at += pieceBytes)
    pieces.push(all.subarray(at, at + pieceBytes));
  const changes: string[] = [];
  await inSlices(
    parseDecisions(
      pieceBytes === Infinity ? toListText(text) : pieces,
      ["ban", "watch"],
      (change, value) => changes.push(`${change} ${value}`),
    ),
  );
  return changes;
}

describe("CrowdSec's decisions", () => {
  it("are what JSON.parse makes of the answer, however it is cut", async () => {
    const decision = fc.record({
      value: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string({ unit: "grapheme" })),
      type: fc.constantFrom("ban", "captcha", "watch"),
      scenario: fc.string({ unit: "grapheme" }),
      extra: fc.jsonValue({ maxDepth: 3 }),
    });
    const list = fc.option(fc.array(decision, { maxLength: 8 }));
    await fc.assert(
      fc.asyncProperty(
        fc.record({ links: fc.constant(null), new: list, deleted: list }),
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        async (answer, isPretty, pieceBytes) => {
          const text = JSON.stringify(answer, null, isPretty ? 2 : 0);
          const bytes = (value: string): string => Buffer.from(value).toString("latin1");
          const expected = (["new", "deleted"] as const).flatMap((change) =>
            (answer[change] ?? [])
              .filter(({ type }) => type !== "captcha")
              .map(({ value }) => `${change} ${bytes(value)}`),
          );
          const seen = await changesIn(text, pieceBytes);
          expect(seen).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    ["nothing", ""],
    ["a page", "<html><style>body{}</style></html>"],
    ["a list", "[]"],
    ["half an answer", '{"new":[{"value":"203.0.113.1","type":"ban"}'],
    ["too many ends", "{}]"],
  ])("are not taken from %s", async (_name, text) => {
    await expect(changesIn(text)).rejects.toThrow();
  });

  it("never take more memory than one of them may", async () => {
    await expect(changesIn(`{"new":[{"value":"${"9".repeat(70_000)}`)).rejects.toThrow(
      "no list of decisions",
    );
  });
});
