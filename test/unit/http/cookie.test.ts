import { describe, expect, it } from "vitest";

import { cookieValue } from "../../../runtime/http/cookie.ts";

describe("cookieValue", () => {
  const fields = ["Cookie", 'a=1; b="two"; a=2;c=x=y ;  d=', "A", "e=5", "cookie", "e=6; b=7"];

  it.each([
    ["a", "1"],
    ["b", "two"],
    ["c", "x=y"],
    ["d", ""],
    ["e", "6"],
  ])("reads %s: the first of that name wins (RFC 6265 §5.4)", (name, value) => {
    expect(cookieValue(fields, name)).toBe(value);
  });

  it.each(["A", "", "x", "a=1", "__proto__"])("finds no cookie named %j", (name) => {
    expect(cookieValue(fields, name)).toBeUndefined();
  });

  it("passes over what is no pair", () => {
    expect(cookieValue(["Cookie", ";;a;b;=c; ab=1;a=2"], "a")).toBe("2");
    expect(cookieValue([], "a")).toBeUndefined();
  });
});
