import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectXss } from "../../../../../runtime/primitives/waf/detect/xss.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  "<script>alert;a",
  "<meta http-equiv=content-type content='text/html; charset=utf-7'>",
  "<embed type=x src=//a.example>",
  "<script>x=1",
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  '" onmouseover=alert(1) x="',
  '<a href="jav&#x09;ascript:alert(1)">x</a>',
  "<svg/onload=alert(1)>",
  "<iframe srcdoc='x'>",
  "javascript:alert(1)",
  "<ScR\u0000iPt>x</script>",
  "&lt;script&gt;alert(1)&lt;/script&gt;",
  '<p style="background:url(javascript:x)">',
  '<!--#exec cmd="ls"-->',
  "<object data=x>",
  "data:text/html,<b>x",
  "<x onclick=a>",
  "<xml src=a.xml id=b></xml>",
  "<b datasrc=#a dataformatas=html>",
  "<math><a xlink:href=//x.example>",
  '<svg><use xlink:href="//x.example/a#b"/></svg>',
  '<p ev:handler="x#a">',
  '<p style="a:b}c=d">',
  "<// style=x:expression\\28a\\29>",
  '<p @click="$event.view.x">',
  '<p ng-focus="a.constructor">',
  '<p x-init="eval(x)">',
  '<p hx-get="//x.example">',
  "o<b>nfocus=al<b>ert(1)",
  "<s c r i p t src=x>",
  "<f o r m action=x>",
  "-moz-binding:url(http://x.example/k#k)",
];
const HONEST = [
  "<script> element usage",
  '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">',
  '<embed alt="A boat" embedtype="image" id="7"/>',
  "Is <script> not allowed here?",
  "<p>Hello <b>world</b></p>",
  "a < b and c > d",
  "<3",
  "JavaScript: The Good Parts",
  "<a href=\"https://example.com\" title='x'>link</a>",
  "online = yes",
  '<img src="https://example.com/a.png" alt="x">',
  "position=left",
  "Array<Object> list",
  '<p @click="save(item)">x</p>',
  '<p ng-init="n = 0">x</p>',
  '<p hx-get="/part">x</p>',
  '<use xlink:href="#a"></use>',
  '<a xlink:href="https://x.example">x</a>',
  '<p style="width:{{w}}%">x</p>',
  "<xml>a</xml>",
  '<p style="margin:0;}">x</p>',
  "a <b c d e f>",
  "i <3 u",
];

describe("detectXss", () => {
  it.each(ATTACKS)("sees markup that runs script in %j", (value) => {
    const finding = detectXss(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectXss(value)).toBeUndefined();
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
        const finding = detectXss(value);
        expect(detectXss(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});
