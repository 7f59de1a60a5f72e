import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  characterClasses,
  literalGroups,
  scanned,
  scanString,
} from "../../../../../runtime/primitives/waf/detect/characters.ts";
import { SQL_WORDS } from "../../../../../runtime/primitives/waf/detect/sql.ts";
import { scaled } from "../../../../helpers/scale.ts";

/** Characters that stand for themselves in a string of JSON, and words that groups have. */
const plain = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "..",
        "--",
        " or ",
        "select",
        "a",
        "\u00a0or ",
        "\u{1f600}",
        "\u{1f600}and",
        "_",
        "\u007f",
      ),
      fc.string({ unit: "binary", maxLength: 3 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) =>
    parts
      .join("")
      .toWellFormed()
      // oxlint-disable-next-line no-control-regex -- RFC 8259 §7: they must be escaped
      .replaceAll(/["\\\0-\x1f]/g, ""),
  );

describe("the scan of a string in UTF-8", () => {
  it("sees the classes and groups that the text has, and where it ends", () => {
    fc.assert(
      fc.property(plain, fc.constantFrom('"', "\\", "\n", ""), (text, end) => {
        const before = Buffer.from('{"');
        const bytes = Buffer.concat([before, Buffer.from(text), Buffer.from(end)]);
        expect(scanString(bytes, before.length)).toBe(bytes.length - end.length);
        expect({ ...scanned }).toEqual({
          classes: characterClasses(text),
          groups: literalGroups(text),
        });
      }),
      { numRuns: scaled(1000, 100_000) },
    );
    scanString(Buffer.from("union select"), 0);
    expect(scanned.groups & SQL_WORDS).not.toBe(0);
  });
});
