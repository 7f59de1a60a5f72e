import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readTag, TagBudget, type Tag } from "../../../../../runtime/primitives/waf/detect/html.ts";
import { scaled } from "../../../../helpers/scale.ts";

function read(text: string): Tag | undefined {
  return readTag(text, 0, new TagBudget(text.length));
}

describe("a tag", () => {
  it.each([
    [`<a href="x" title='y z' hidden>`, "a", { href: "x", title: "y z", hidden: "" }],
    ["<IMG/SRC=x/onerror=alert(1)>", "img", { src: "x/onerror=alert(1)" }],
    ["<svg/onload=alert(1)>", "svg", { onload: "alert(1)" }],
    ["<img src = x\nonerror\t=\f`y`>", "img", { src: "x", onerror: "y" }],
    ["<a\0 b=c>", "a", { b: "c" }],
    ["<x:script>", "x:script", {}],
    ["<p class=>", "p", { class: "" }],
    ['<a b="unclosed', "a", { b: "unclosed" }],
  ])("is read as a browser reads %j", (text, name, attributes) => {
    const tag = read(text);
    expect(tag?.name).toBe(name);
    expect(tag?.closing).toBe(false);
    expect(Object.fromEntries(tag?.attributes.map((one) => [one.name, one.value]) ?? [])).toEqual(
      attributes,
    );
  });

  it("may be an end tag", () => {
    expect(read("</script >")).toMatchObject({ name: "script", closing: true });
  });

  it.each(["< a>", "<1>", "<>", "<=", "<", "<é>"])("does not begin with %j", (text) => {
    expect(read(text)).toBeUndefined();
  });

  it("has an end, a number of attributes and names of a length", () => {
    expect(read(`<a ${"b=c ".repeat(1000)}>`)?.attributes).toHaveLength(32);
    expect(read(`<${"a".repeat(1000)}>`)?.name.length).toBeLessThanOrEqual(64);
    const text = `<a b="${"c".repeat(100_000)}`;
    expect(read(text)?.end).toBeLessThanOrEqual(text.length + 1);
  });

  it("never throws, goes on and uses up its budget, whatever follows", () => {
    const pieces = fc.constantFrom(..."<>/=\"'` \n\0&;a!-".split(""), "on", "javascript:");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 100 }), (parts) => {
        const text = `<a${parts.join("")}`;
        const budget = new TagBudget(text.length);
        const before = budget.left;
        const tag = readTag(text, 0, budget);
        expect(tag?.end ?? 1).toBeGreaterThan(0);
        expect(tag?.end ?? 0).toBeLessThanOrEqual(text.length + 1);
        expect(budget.left).toBeLessThanOrEqual(before);
      }),
      { numRuns: scaled(300, 10_000) },
    );
  });
});
