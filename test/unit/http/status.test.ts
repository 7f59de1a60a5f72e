import { describe, expect, it } from "vitest";

import { hasNoContent, reasonPhrase } from "../../../runtime/http/status.ts";

describe("hasNoContent", () => {
  it.each([
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304],
    ["POST", 103],
    ["GET", 101],
  ])("is true for the response %s %i (RFC 9112 §6.3)", (method, status) => {
    expect(hasNoContent(method, status)).toBe(true);
  });

  it.each([
    ["GET", 200],
    ["POST", 205],
    ["OPTIONS", 200],
    ["DELETE", 404],
  ])("is false for the response %s %i", (method, status) => {
    expect(hasNoContent(method, status)).toBe(false);
  });
});

describe("reasonPhrase", () => {
  it("falls back to the class of an unknown status (RFC 9110 §15)", () => {
    expect(reasonPhrase(404)).toBe("Not Found");
    expect(reasonPhrase(499)).toBe("Bad Request");
    expect(reasonPhrase(999)).toBe("Unknown");
  });
});
