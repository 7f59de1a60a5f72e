import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectPhp } from "../../../../../runtime/primitives/waf/detect/php.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  "mail[#post_render][]",
  "a[b][#lazy_builder][0]",
  "<?php system('id');",
  "<?= 1 ?>",
  "$_GET['x']",
  "base64_decode('eA==')",
  "system('id')",
  "phpinfo()",
  'O:8:"stdClass":0:{}',
  "php://filter/x",
  "(system)('id')",
  "$a('x')",
  "allow_url_include=1",
  "eval($x)",
  "('system  ')('id')",
  "$__[$_[1]](7)",
  '(string)"sys"."tem"(\'id\')',
  "([system][0])('id')",
];
const HONEST = [
  "array_map(function ($y) { return $y * 3; }, [1]);",
  "see issue[#bug] there",
  "the files (yep)",
  '<?xml version="1.0"?>',
  "exec summary (draft)",
  "system (OS)",
  "$(document)",
  "costs $5 (or so)",
  'this is a "dog" (not a cat)',
  "regex.exec('x')",
];

describe("detectPhp", () => {
  it.each(ATTACKS)("sees PHP in %j", (value) => {
    const finding = detectPhp(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectPhp(value)).toBeUndefined();
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
        const finding = detectPhp(value);
        expect(detectPhp(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});
