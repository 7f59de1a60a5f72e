import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectServerSideRequest } from "../../../../../runtime/primitives/waf/detect/url.ts";
import { scaled } from "../../../../helpers/scale.ts";

const ATTACKS = [
  "http://a.example\\@127.0.0.1/",
  "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
  "http://127.0.0.1/",
  "http://169.254.169.254/latest/meta-data/",
  "http://2130706433/",
  "http://0x7f.1/",
  "http://127.0.0.1:80\\@x.example",
  "http://x.example\\@127.0.0.1/",
  "http://0x0000042.0x00000066.0x7.0x93/",
  "http://[::1]/",
  "gopher://x:1/_a",
  "http://localhost:22",
  "file:///etc/passwd",
  "http://metadata.google.internal/",
  "http://a@127.0.0.1:80/",
  "http://017700000001/",
];
const HONEST = [
  "https://example.com/",
  "http://localhost:3000/callback",
  "http://192.168.1.10/admin/",
  "data:image/png;base64,AAAA",
  "mailto:a@example.com",
  "12:30",
  "10.0.0.0/8",
  "see http://example.com/?q=127.0.0.1",
];

describe("detectServerSideRequest", () => {
  it.each(ATTACKS)("sees a request to the inside in %j", (value) => {
    const finding = detectServerSideRequest(value);
    expect(finding?.sign).toMatch(/^[a-z0-9-]+$/);
    expect(finding!.start).toBeGreaterThanOrEqual(0);
    expect(finding!.end).toBeGreaterThan(finding!.start);
    expect(finding!.end).toBeLessThanOrEqual(value.length);
  });

  it.each(HONEST)("passes %j", (value) => {
    expect(detectServerSideRequest(value)).toBeUndefined();
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
        const finding = detectServerSideRequest(value);
        expect(detectServerSideRequest(value)).toEqual(finding);
        if (finding !== undefined) expect(finding.end).toBeLessThanOrEqual(value.length);
      }),
      { numRuns: scaled(100, 5000) },
    );
  });
});
