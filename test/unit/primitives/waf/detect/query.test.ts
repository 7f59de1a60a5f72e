import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectLdap, detectNosql } from "../../../../../runtime/primitives/waf/detect/query.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  '{"a":{"$gte":""}}',
  '{"a":{"$gte":10,"$ne":1}}',
  "u[$ne]",
  '{"$gt":""}',
  "$where",
  "' || '1'=='1",
  "db.users.find({})",
  "user.$ne",
  ";while(true){}",
];
const HONEST = [
  '{"cost":{"$gte":20,"$lte":90}}',
  '{"on":{"$gte":"2026-01-02"}}',
  "$set your alarm",
  "costs $10",
  "while (foo) is bar",
  "a || b",
];

describe("detectNosql", () => {
  it.each(ATTACKS)("sees operators of a document store in %j", (value) => {
    const finding = detectNosql(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectNosql(value)).toBeUndefined();
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
        const finding = detectNosql(value);
        expect(detectNosql(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});

describe("detectLdap", () => {
  it.each(["*)(uid=*", "(*)*)", "*()|&'", "*)*|(", "(uid=*)", "*)("])(
    "sees a filter that goes on in %j",
    (value) => {
      expect(detectLdap(value)?.sign).toBe("filter");
    },
  );

  it.each(["(*)", ":*)", "*)", "2*(3)", "(*_*)", "f(a)(b)", "(a=b)", "()()", "***)"])(
    "passes %j",
    (value) => {
      expect(detectLdap(value)).toBeUndefined();
    },
  );
});
