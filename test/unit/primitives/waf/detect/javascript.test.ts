import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectJavascript } from "../../../../../runtime/primitives/waf/detect/javascript.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  '"-confirm`2`-"',
  "alert(1)",
  "(alert)(1)",
  "confirm.call(null,1)",
  "window['alert'](1)",
  "eval(atob('YQ=='))",
  "document.cookie",
  "'-alert(1)-'",
  "[].map.call`${eval}x`",
  "new Function('x')()",
  "(![]+[])[+!+[]]",
  "setTimeout('a',1)",
  "top['al'+'ert'](1)",
  'document["cookie"]',
  "alert`1`",
];
const HONEST = [
  "run it with --eval`x`",
  "storm alert (updated)",
  "document.getElementById('a').value",
  "prompt delivery",
  "the `eval` builtin is slow",
  "setTimeout(() => go(), 100)",
  "regex.exec(text)",
  "console.log(1)",
  "![](a.png)",
];

describe("detectJavascript", () => {
  it.each(ATTACKS)("sees script without markup in %j", (value) => {
    const finding = detectJavascript(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectJavascript(value)).toBeUndefined();
  });

  it("answers for every string, twice the same", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(...ATTACKS, ...HONEST),
      fc.constantFrom("'", '"', "<", "$(", "..", "/*", "{{", "\0", "%", "\n"),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const value = pieces.join("");
        const finding = detectJavascript(value);
        expect(detectJavascript(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});
