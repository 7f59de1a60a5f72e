import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  toCoveredName,
  toServerName,
  wildcardOf,
} from "../../../../runtime/primitives/tls/server-names.ts";

describe("toServerName", () => {
  it.each([
    ["a.test", "a.test"],
    ["A.Test", "a.test"],
    ["a.test.", "a.test"],
    ["_x.a-b.test", "_x.a-b.test"],
    ["localhost", "localhost"],
  ])("takes %j as %j", (sent, name) => {
    expect(toServerName(sent)).toBe(name);
  });

  it.each([
    "",
    ".",
    "..",
    "a..test",
    ".a.test",
    "a.test..",
    "*.a.test",
    "../etc/passwd",
    "a/b",
    "a\\b",
    "a\0b",
    "a b",
    "ä.test",
    "a:443",
    `${"a".repeat(64)}.test`,
    `${"a.".repeat(127)}test`,
  ])("takes %j for no name", (sent) => {
    expect(toServerName(sent)).toBeUndefined();
  });

  it("lets nothing pass that means something in a path", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (sent) => {
        const name = toServerName(sent);
        if (name === undefined) return;
        expect(name).toMatch(/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/);
        expect(toServerName(name)).toBe(name);
      }),
    );
  });
});

describe("toCoveredName", () => {
  it.each([
    ["*.A.Test", "*.a.test"],
    ["münchen.test", "xn--mnchen-3ya.test"],
    ["*.münchen.test", "*.xn--mnchen-3ya.test"],
    ["a.test.", "a.test"],
  ])("takes %j as %j", (written, name) => {
    expect(toCoveredName(written)).toBe(name);
  });

  it.each([
    "*",
    "*.",
    "**.a.test",
    "f*.a.test",
    "a.*.test",
    "[::1]",
    "a.test:443",
    "http://a.test",
  ])("takes %j for none: no client could ask for it (RFC 9525 §6.3)", (written) => {
    expect(toCoveredName(written)).toBeUndefined();
  });
});

describe("wildcardOf", () => {
  it("stands for one label", () => {
    expect(wildcardOf("a.b.test")).toBe("*.b.test");
    expect(wildcardOf("localhost")).toBeUndefined();
  });
});
