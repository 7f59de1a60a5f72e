import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { httpDate } from "../../../runtime/http/http-date.ts";

describe("HTTP-date (RFC 9110 §5.6.7)", () => {
  it("has three forms", () => {
    const time = Date.UTC(1994, 10, 6, 8, 49, 37);
    expect(httpDate("Sun, 06 Nov 1994 08:49:37 GMT")).toBe(time);
    expect(httpDate("Sunday, 06-Nov-94 08:49:37 GMT")).toBe(time);
    expect(httpDate("Sun Nov  6 08:49:37 1994")).toBe(time);
  });

  it("is read in any case", () => {
    const time = Date.UTC(2050, 7, 18, 2, 1, 18);
    expect(httpDate("THU, 18 AUG 2050 02:01:18 gMT")).toBe(time);
    expect(httpDate("Thu, 18 Aug 2050 02:01:18 GMT")).toBe(time);
  });

  it.each([
    "0",
    "-1",
    "",
    "1994-11-06",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 AEST",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun 06 Nov 1994 08:49:37 GMT",
    "Sun, 06  Nov  1994 08:49:37 GMT",
    "Sun, 06-Nov-1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08.49.37 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nop 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
  ])("is not %j", (text) => {
    expect(httpDate(text)).toBeUndefined();
  });

  it("takes a year of two digits for one at most 50 years ahead", () => {
    const now = Date.UTC(2026, 0, 1);
    expect(httpDate("Friday, 01-Jan-76 00:00:00 GMT", now)).toBe(Date.UTC(2076, 0, 1));
    expect(httpDate("Friday, 01-Jan-77 00:00:00 GMT", now)).toBe(Date.UTC(1977, 0, 1));
  });

  it("reads back what is written as IMF-fixdate", () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }), (seconds) => {
        expect(httpDate(new Date(seconds * 1000).toUTCString())).toBe(seconds * 1000);
      }),
    );
  });
});
