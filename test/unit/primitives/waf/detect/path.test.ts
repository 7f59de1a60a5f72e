import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  detectFileAccess,
  detectTraversal,
} from "../../../../../runtime/primitives/waf/detect/path.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  "../../etc/passwd",
  "..\\..\\boot.ini",
  "%2e%2e%2f%2e%2e%2f",
  "....//....//x",
  "..%c0%af..%c0%afx",
  "/var/www/../../x",
  "..;/manager/html",
  "..%252f..%252fx",
];
const HONEST = [
  "a...b",
  "wait... what",
  "1..10",
  "../images/logo.png",
  "v1.2..v1.3",
  "see [the docs](../../docs) for more than five words of it",
];

describe("detectTraversal", () => {
  it.each(ATTACKS)("sees walking out of a directory in %j", (value) => {
    const finding = detectTraversal(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectTraversal(value)).toBeUndefined();
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
        const finding = detectTraversal(value);
        expect(detectTraversal(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});

describe("detectFileAccess", () => {
  it.each(["/etc/hosts", 'file="access.log"', "cat access.log x y z", "/etc/passwd; a b"])(
    "sees a file that is asked for in %j",
    (value) => {
      expect(detectFileAccess(value)).toBeDefined();
    },
  );

  it.each([
    'source="access.log" | stats count by status',
    "/etc/hosts permission denied",
    "which /etc/hosts entry is it, please",
  ])("passes %j, which names one", (value) => {
    expect(detectFileAccess(value)).toBeUndefined();
  });
});
