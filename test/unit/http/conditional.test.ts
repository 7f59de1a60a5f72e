import { describe, expect, it } from "vitest";

import {
  asksOrigin,
  isNotModified,
  parseEntityTag,
  rangeApplies,
  validatingFields,
} from "../../../runtime/http/conditional.ts";

const MODIFIED = "Wed, 01 Jan 2025 00:00:00 GMT";
const LATER = "Thu, 02 Jan 2025 00:00:00 GMT";
const EARLIER = "Tue, 31 Dec 2024 00:00:00 GMT";
const STORED = ["ETag", '"a"', "Last-Modified", MODIFIED, "Date", LATER];
const AT = Date.parse(LATER);

describe("parseEntityTag", () => {
  it.each(["a", 'w/"a"', 'W\\"a"', 'W"a"', '"a', '"a b"', '"a""', ""])(
    "takes %j for none (RFC 9110 §8.8.3)",
    (text) => {
      expect(parseEntityTag(text)).toBeUndefined();
    },
  );

  it("tells weak from strong, and keeps bytes that are no ASCII", () => {
    expect(parseEntityTag('W/""')).toEqual({ weak: true, opaque: '""' });
    expect(parseEntityTag('"ü"')).toEqual({ weak: false, opaque: '"ü"' });
  });
});

describe("isNotModified", () => {
  it.each([
    ['"a"', true],
    ['W/"a"', true],
    ['"b", "a", "c"', true],
    ['"b,a"', false],
    ['"b"', false],
    ["a", false],
    ["*", true],
  ])("compares If-None-Match %j weakly (RFC 9110 §13.1.2)", (value, expected) => {
    expect(isNotModified(["If-None-Match", value], STORED, AT)).toBe(expected);
  });

  it("does not look at If-Modified-Since beside If-None-Match (RFC 9110 §13.1.3)", () => {
    const same = ["If-None-Match", '"a"', "If-Modified-Since", EARLIER];
    const other = ["If-None-Match", '"b"', "If-Modified-Since", LATER];
    expect(isNotModified(same, STORED, AT)).toBe(true);
    expect(isNotModified(other, STORED, AT)).toBe(false);
  });

  it.each([
    [MODIFIED, true],
    [LATER, true],
    [EARLIER, false],
    ["Wednesday, 01-Jan-25 00:00:00 GMT", true],
    ["tomorrow", false],
  ])("compares If-Modified-Since %j (RFC 9110 §13.1.3)", (value, expected) => {
    expect(isNotModified(["If-Modified-Since", value], STORED, AT)).toBe(expected);
  });

  it("takes Date, then the time of arrival, where there is no Last-Modified (RFC 9111 §4.3.2)", () => {
    expect(isNotModified(["If-Modified-Since", LATER], ["Date", LATER], AT)).toBe(true);
    expect(isNotModified(["If-Modified-Since", MODIFIED], ["Date", LATER], AT)).toBe(false);
    expect(isNotModified(["If-Modified-Since", MODIFIED], [], AT)).toBe(false);
    expect(isNotModified(["If-Modified-Since", LATER], [], AT)).toBe(true);
  });

  it("leaves a request without conditions alone", () => {
    expect(isNotModified([], STORED, AT)).toBe(false);
  });
});

describe("rangeApplies", () => {
  it.each([
    [[], true],
    [["If-Range", '"a"'], true],
    [["If-Range", '"b"'], false],
    [["If-Range", 'W/"a"'], false],
    [["If-Range", MODIFIED], true],
    [["If-Range", LATER], false],
    [["If-Range", "x"], false],
    [["If-Range", '"a"', "If-Range", '"a"'], false],
  ])("obeys a Range with %j: (RFC 9110 §13.1.5)", (request, expected) => {
    expect(rangeApplies(request, STORED)).toBe(expected);
  });

  it("does not trust a weak tag or a date of the same minute (RFC 9110 §8.8.2.2)", () => {
    expect(rangeApplies(["If-Range", 'W/"a"'], ["ETag", 'W/"a"'])).toBe(false);
    const fields = ["Last-Modified", MODIFIED, "Date", MODIFIED];
    expect(rangeApplies(["If-Range", MODIFIED], fields)).toBe(false);
  });
});

describe("validatingFields", () => {
  it("sends both validators as they are stored (RFC 9111 §4.3.1)", () => {
    expect(validatingFields(STORED)).toEqual([
      "If-None-Match",
      '"a"',
      "If-Modified-Since",
      MODIFIED,
    ]);
    expect(validatingFields([])).toEqual([]);
  });
});

describe("asksOrigin", () => {
  it("forwards what only the origin server can judge (RFC 9111 §4.3.2)", () => {
    expect(asksOrigin(["If-Match", '"a"'])).toBe(true);
    expect(asksOrigin(["If-Unmodified-Since", MODIFIED])).toBe(true);
    expect(asksOrigin(["If-None-Match", '"a"'])).toBe(false);
  });
});
