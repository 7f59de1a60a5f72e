import { describe, expect, it } from "vitest";

import { invalidatedUrls } from "../../../runtime/http/invalidation.ts";

const BASE = "https://a.test";
const after = (method: string, status: number, ...fields: string[]) =>
  invalidatedUrls(method, status, BASE, "/a?b=1", fields);

describe("invalidatedUrls", () => {
  it.each(["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "post"])(
    "PUB-23: %s makes its own URL invalid (RFC 9111 §4.4)",
    (method) => {
      expect(after(method, 200)).toEqual(["https://a.test/a?b=1"]);
      expect(after(method, 303)).toEqual(["https://a.test/a?b=1"]);
    },
  );

  it.each(["GET", "HEAD", "OPTIONS", "QUERY"])("%s changes nothing (RFC 9110 §9.2.1)", (method) => {
    expect(after(method, 200, "Location", "/b")).toEqual([]);
  });

  it.each([100, 400, 404, 500, 503])("PUB-23: an answer of %i changes nothing", (status) => {
    expect(after("POST", status)).toEqual([]);
  });

  it("reaches what Location and Content-Location name, relative or absolute", () => {
    expect(
      after("POST", 201, "Location", "b?c=2#d", "Content-Location", "https://A.test/e"),
    ).toEqual(["https://a.test/a?b=1", "https://a.test/b?c=2", "https://a.test/e"]);
  });

  it.each([
    "https://b.test/x",
    "http://a.test/x",
    "https://a.test:444/x",
    "//b.test/x",
    "https://a.test@b.test/x",
    "https://[",
    "javascript:x",
  ])("does not reach another origin by %j", (value) => {
    expect(after("POST", 201, "Location", value, "Content-Location", value)).toEqual([
      "https://a.test/a?b=1",
    ]);
  });
});
