import { describe, expect, it } from "vitest";

import { applyRewrite, type RewriteRule } from "../../../../runtime/pipeline/routing/rewrite.ts";

const nothing: RewriteRule = { stripPrefix: undefined, addPrefix: undefined, replace: undefined };

describe("applyRewrite", () => {
  it.each([
    ["/api", "/api/x", "/x"],
    ["/api", "/api", "/"],
    ["/api", "/api/", "/"],
    ["/api", "/apix", "/apix"],
    ["/api", "/other/api", "/other/api"],
    ["/api/", "/api/x", "/x"],
    ["api", "/api/x", "/x"],
    ["/", "/x", "/x"],
    ["/münchen", "/m%C3%BCnchen/x", "/x"],
    ["/%61pi", "/api/x", "/x"],
    ["/a/b", "/a/b/c", "/c"],
  ])("strips %s from %s: %s", (stripPrefix, path, expected) => {
    expect(applyRewrite({ ...nothing, stripPrefix }, path)).toBe(expected);
  });

  it.each([
    ["/v1", "/x", "/v1/x"],
    ["/v1/", "/x", "/v1/x"],
    ["v1", "/", "/v1/"],
    ["/", "/x", "/x"],
    ["/ä b", "/x", "/%C3%A4%20b/x"],
  ])("adds %s to %s: %s", (addPrefix, path, expected) => {
    expect(applyRewrite({ ...nothing, addPrefix }, path)).toBe(expected);
  });

  it("strips, then adds, then replaces", () => {
    const rule: RewriteRule = {
      stripPrefix: "/api",
      addPrefix: "/v2",
      replace: { pattern: /^\/v2\/(\w+)\/old$/, with: "/v2/new/$1" },
    };
    expect(applyRewrite(rule, "/api/users/old")).toBe("/v2/new/users");
  });

  it.each([
    [/^.*$/, "x", "/x"],
    [/a/, "?q=1#f", "/%3Fq=1%23f"],
    [/a/, "ü\r\n", "/%C3%BC%0D%0A"],
    [/a/, "%2F%", "/%2F%25"],
  ])("makes %s -> %j a path that a request line can carry", (pattern, replacement, expected) => {
    expect(applyRewrite({ ...nothing, replace: { pattern, with: replacement } }, "/a")).toBe(
      expected,
    );
  });

  it("gives the same answer every time with frozen global and sticky patterns", () => {
    for (const pattern of [/a/g, /\/a/y]) {
      const replace = { pattern: Object.freeze(pattern), with: "/b" };
      const first = applyRewrite({ ...nothing, replace }, "/a");
      expect(applyRewrite({ ...nothing, replace }, "/a")).toBe(first);
      expect(first).toContain("b");
    }
  });
});
