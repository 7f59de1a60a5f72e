import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  appendField,
  countField,
  fieldValue,
  fieldValues,
  hasField,
  isNamed,
  listValue,
  removeField,
  setField,
} from "../../../runtime/http/raw-fields.ts";

describe("raw fields", () => {
  it("finds the first value whatever the case of the name (RFC 9110 §5.1)", () => {
    const fields = ["Host", "a.test", "X-A", "1", "x-a", "2"];
    expect(fieldValue(fields, "x-a")).toBe("1");
    expect(fieldValue(fields, "x-b")).toBeUndefined();
    expect(fieldValues(fields, "x-a")).toEqual(["1", "2"]);
    expect(hasField(fields, "host")).toBe(true);
    expect(hasField(fields, "hos")).toBe(false);
    expect(countField(fields, "x-a")).toBe(2);
    expect(countField(fields, "x-b")).toBe(0);
  });

  it("joins the lines of a list in their order (RFC 9110 §5.3)", () => {
    const fields = ["X-A", "1, 2", "Host", "a.test", "x-a", "", "X-a", "3", "X-B", "4"];
    expect(listValue(fields, "x-a")).toBe("1, 2, , 3");
    expect(listValue(fields, "x-b")).toBe("4");
    expect(listValue(fields, "x-c")).toBeUndefined();
  });

  it("does not find a value that looks like a name", () => {
    expect(fieldValue(["X-A", "host", "Host", "a"], "host")).toBe("a");
    expect(hasField(["X-A", "host"], "host")).toBe(false);
  });

  it("sets at the first line's place and removes the others", () => {
    const fields = ["A", "1", "x-b", "2", "C", "3", "X-B", "4", "D", "5"];
    setField(fields, "X-B", "new");
    expect(fields).toEqual(["A", "1", "X-B", "new", "C", "3", "D", "5"]);
  });

  it("adds a field that is not there at the end", () => {
    const fields = ["A", "1"];
    setField(fields, "B", "2");
    appendField(fields, "A", "3");
    expect(fields).toEqual(["A", "1", "B", "2", "A", "3"]);
  });

  it("removes every line and keeps the order of the rest", () => {
    const fields = ["X", "1", "A", "2", "x", "3", "B", "4", "X", "5"];
    removeField(fields, "x");
    expect(fields).toEqual(["A", "2", "B", "4"]);
    removeField(fields, "x");
    expect(fields).toEqual(["A", "2", "B", "4"]);
  });

  it("tells apart names that differ in one bit only", () => {
    expect(isNamed("X^", "x~")).toBe(false);
    expect(isNamed("X~", "x~")).toBe(true);
    expect(isNamed("@", "`")).toBe(false);
    expect(isNamed("[", "{")).toBe(false);
  });

  it("compares as toLowerCase does for every ASCII name", () => {
    const name = fc.string({ unit: "binary-ascii", maxLength: 6 });
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(isNamed(a, b.toLowerCase())).toBe(a.toLowerCase() === b.toLowerCase());
        expect(isNamed(a.toUpperCase(), a.toLowerCase())).toBe(true);
      }),
    );
  });

  it("removes what a filter would remove", () => {
    const line = fc.tuple(fc.constantFrom("a", "A", "b", "Bb", "C"), fc.string({ maxLength: 2 }));
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const fields = lines.flat();
        removeField(fields, "a");
        expect(fields).toEqual(lines.filter(([name]) => name.toLowerCase() !== "a").flat());
      }),
    );
  });
});
