import { describe, expect, it } from "vitest";

import { CleanValues, NEW, UNKNOWN } from "../../../../runtime/primitives/waf/clean-values.ts";

describe("clean values", () => {
  it("are known with their note, in their own table only", () => {
    const all = new CleanValues();
    const names = all.table();
    const values = all.table();
    expect(names.get("a value")).toBe(NEW);
    names.add("a value", 3);
    expect(names.get("a value")).toBe(3);
    expect(names.get("another")).toBe(NEW);
    expect(values.get("a value")).toBe(NEW);
    expect(values.get("a value")).toBe(UNKNOWN);
  });

  it("differ from others of the same length and nearly the same text", () => {
    const table = new CleanValues().table();
    const long = "x".repeat(1000);
    table.add(long, 1);
    table.get(long);
    expect(table.get(long)).toBe(1);
    for (let at = 0; at < 1000; at++) {
      const other = `${long.slice(0, at)}y${long.slice(at + 1)}`;
      expect(table.get(other)).toBeLessThan(0);
      expect(table.get(other)).toBeLessThan(0);
    }
  });

  it("leave room for new ones, those last seen staying longest", () => {
    const all = new CleanValues();
    const table = all.table();
    const known = (value: string): number => {
      table.get(value);
      return table.get(value);
    };
    table.add("kept", 1);
    table.add("forgotten", 1);
    for (let at = 0; at < 20_000; at++) {
      table.add(`${at}${"x".repeat(100)}`, 1);
      if (at % 1000 === 0) known("kept");
    }
    expect(known("kept")).toBe(1);
    expect(known("forgotten")).toBe(UNKNOWN);
    expect(known(`0${"x".repeat(100)}`)).toBe(UNKNOWN);
  });

  it("stay below a bound in all tables together", () => {
    const all = new CleanValues();
    const tables = Array.from({ length: 50 }, () => all.table());
    const text = (at: number): string => `${at}${"x".repeat(200)}`;
    for (let at = 0; at < 50_000; at++) tables[at % 50]?.add(text(at), 1);
    let known = 0;
    for (let at = 49_999; at >= 0; at--) {
      tables[at % 50]?.get(text(at));
      // What is found counts as new again, so that looking for more would make room.
      if (tables[at % 50]?.get(text(at)) !== 1) break;
      known += 1;
    }
    expect(known).toBeGreaterThan(500);
    expect(known * 200).toBeLessThan(1024 * 1024);
  });

  it("are no texts of thousands of characters", () => {
    const table = new CleanValues().table();
    table.get("x".repeat(5000));
    table.add("x".repeat(5000), 1);
    expect(table.get("x".repeat(5000))).toBe(UNKNOWN);
  });
});
