import { describe, expect, it } from "vitest";

import {
  cacheDirectives,
  deltaSeconds,
  targetedDirectives,
} from "../../../runtime/http/cache-directives.ts";

const of = (...lines: string[]): object =>
  Object.fromEntries(cacheDirectives(lines.flatMap((line) => ["Cache-Control", line])));

describe("Cache-Control (RFC 9111 §5.2)", () => {
  it("reads names in any case, tokens, quoted texts and several lines", () => {
    expect(of("Max-Age=60, private", 'no-cache="a, max-age=1", public')).toEqual({
      "max-age": "60",
      private: "",
      "no-cache": "a, max-age=1",
      public: "",
    });
  });

  it("takes the first of a directive that comes twice (RFC 9111 §4.2.1)", () => {
    expect(of("max-age=1, max-age=100")).toEqual({ "max-age": "1" });
  });

  it("skips what is no directive and goes on after it", () => {
    expect(of("@, (x), no-store")).toEqual({ "no-store": "" });
  });
});

describe("delta-seconds (RFC 9111 §1.2.2)", () => {
  it("is a whole number without sign, at most 2^31", () => {
    expect(["0", "60", "99999999999999", "-1", "+1", "1.5", "0x1", ""].map(deltaSeconds)).toEqual([
      0,
      60,
      2 ** 31,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("targeted fields (RFC 9213)", () => {
  it("are structured: one that is not well formed says nothing", () => {
    const targeted = (line: string) =>
      targetedDirectives(["CDN-Cache-Control", line], "cdn-cache-control");
    expect(targeted("max-age=60, private")?.get("max-age")).toBe("60");
    expect(targeted("max-age=1, max-age=2")?.get("max-age")).toBe("2");
    expect(targeted("max-age=60;a=b, no-store=?0")?.has("no-store")).toBe(false);
    expect(targeted("max-age=60,")).toBeUndefined();
    expect(targeted("&max-age=60")).toBeUndefined();
    expect(targeted("Max-Age=60")).toBeUndefined();
    expect(targeted("")).toBeUndefined();
  });

  it("say nothing where a lifetime is no Integer: a no-store elsewhere holds (RFC 9213 §2.1)", () => {
    const targeted = (line: string) =>
      targetedDirectives(["CDN-Cache-Control", line], "cdn-cache-control");
    expect(targeted('max-age="10000"')).toBeUndefined();
    expect(targeted("max-age=1.5")).toBeUndefined();
    expect(targeted("max-age")).toBeUndefined();
    expect(targeted("max-age=99999999999")?.get("max-age")).toBe("99999999999");
  });
});
