import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectLineBreak, detectXml } from "../../../../../runtime/primitives/waf/detect/lines.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  "x\r\nSet-Cookie: a=b",
  "x\nLocation: http://a.example",
  "%0d%0aSet-Cookie:a=b",
  "x\r\n\r\n<script>",
  "\r\nQUIT\r\n",
  "x\nBcc: a@example.com\n",
  "a\r\nGET /x HTTP/1.1",
  "a\r\nHost: b.example",
  "a\r\nCookie: b=c",
  "a\nAuthorization: Basic b",
  "a\r\nX-Real-IP: 1.2.3.4",
  "k@x.example\nSubject: hello",
  "a\r\nCONFIG SET dir /x",
  "a\r\nset k 0 0 1\r\nk",
];
const HONEST = [
  "a\nb",
  "Dear team,\n\nLocation: Berlin\nDate: Monday",
  "x: y\nz: w",
  "100%0ff",
  "Anna\r\nHost: Kim",
  "Shirt\r\nX-Large: 2",
  "Hi Kim,\nSubject: maths",
  "a cookie\nCookie: two",
  "I\nset the table",
];

describe("detectLineBreak", () => {
  it.each(ATTACKS)("sees a line end that begins something in %j", (value) => {
    const finding = detectLineBreak(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectLineBreak(value)).toBeUndefined();
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
        const finding = detectLineBreak(value);
        expect(detectLineBreak(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});

describe("detectXml", () => {
  it.each(["<a><b>&secretFile;</b></a>", '<xs:include namespace="http://x.example/a"/>'])(
    "sees XML that asks for something outside in %j",
    (value) => {
      expect(detectXml(value)?.sign).toMatch(/^[a-z-]+$/);
    },
  );

  it.each(["<td>&nbsp;</td>", "<td>&euro;</td>", "<td>&DoubleRightArrow;</td>", "<b>&</b>"])(
    "passes %j",
    (value) => {
      expect(detectXml(value)).toBeUndefined();
    },
  );
});
