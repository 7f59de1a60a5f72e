import { describe, expect, it } from "vitest";

import { CleanValues } from "../../../../runtime/primitives/waf/clean-values.ts";

describe("clean values", () => {
  it("are known with their note, in their own table only", () => {
    const all = new CleanValues();
    const names = all.table();
    const values = all.table();
    names.add("a value", 3);
    expect(names.get("a value")).toBe(3);
    expect(names.get("another")).toBe(-1);
    expect(values.get("a value")).toBe(-1);
  });

  it("leave room for new ones, those last seen staying longest", () => {
    const all = new CleanValues();
    const table = all.table();
    table.add("kept", 1);
    table.add("forgotten", 1);
    for (let at = 0; at < 20_000; at++) {
      table.add(`${at}${"x".repeat(100)}`, 1);
      if (at % 1000 === 0) table.get("kept");
    }
    expect(table.get("kept")).toBe(1);
    expect(table.get("forgotten")).toBe(-1);
    expect(table.get(`0${"x".repeat(100)}`)).toBe(-1);
  });

  it("stay below a bound in all tables together", () => {
    const all = new CleanValues();
    const tables = Array.from({ length: 50 }, () => all.table());
    for (let at = 0; at < 50_000; at++) tables[at % 50]?.add(`${at}${"x".repeat(200)}`, 1);
    const known = Array.from({ length: 50_000 }, (_, at) =>
      tables[at % 50]?.get(`${at}${"x".repeat(200)}`),
    ).filter((note) => note === 1).length;
    expect(known).toBeGreaterThan(1000);
    expect(known * 200).toBeLessThan(2 * 1024 * 1024);
  });

  it("are no texts of thousands of characters", () => {
    const table = new CleanValues().table();
    table.add("x".repeat(5000), 1);
    expect(table.get("x".repeat(5000))).toBe(-1);
  });
});
