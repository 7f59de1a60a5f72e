import { describe, expect, it } from "vitest";

import { prefersHtml } from "../../../runtime/http/accept.ts";

describe("prefersHtml", () => {
  it.each([
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "text/html",
    "TEXT/HTML;level=1",
    "application/xhtml+xml",
    "application/json;q=0.5, text/html;q=0.5",
    "application/json;q=0.9, text/html; q=1.0",
  ])("is true for %s (RFC 9110 §12.5.1)", (accept) => {
    expect(prefersHtml(accept)).toBe(true);
  });

  it.each([
    undefined,
    "",
    "*/*",
    "text/*",
    "application/json",
    "application/json, text/html;q=0.9",
    "text/html;q=0",
    "text/html;q=abc",
    "text/html;q=0.8, application/problem+json",
    'text/plain; note="text/html"',
    "text/htmlx",
  ])("is false for %s", (accept) => {
    expect(prefersHtml(accept)).toBe(false);
  });
});
