import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { detectSqlInJson } from "../../../../../runtime/primitives/waf/detect/sql-json.ts";

describe("SQL in JSON as it stands", () => {
  it.each([
    `["' or ","=","-- "]`,
    `{"' or ":"=","-- ":"x"}`,
    `["x'or(","=",")or'"]`,
    `["') or (","=","') -- "]`,
    `["${"''".repeat(40)}' or ","=","-- "]`,
    `["${"''a".repeat(40)}' or ","=","-- "]`,
  ])("is found where the strings between its parts are the query's: %s", (value) => {
    expect(detectSqlInJson(value)).toBeDefined();
  });

  it.each([
    `{"name":"O'Brien","op":"and","value":"5"}`,
    `{"filter":[["name","=","O'Brien"],["age",">","5"]]}`,
    `{"note":"it's","or":[{"a":"1"},{"b":"2"}]}`,
    `{"password":"aB3$'--9x","op":"test","limit":"10"}`,
    `["rock 'n' roll","and","jazz"]`,
    `{"q":"'tis the season","from":"a","where":"b"}`,
    `["one","two"]`,
    `' or "="="`,
  ])("is not what an apostrophe makes of honest JSON: %s", (value) => {
    expect(detectSqlInJson(value)).toBeUndefined();
  });

  it("takes no longer for strings that never end", () => {
    for (const piece of [`'"`, `"'`, `\\"`, `'\\`, `'"\\"`]) {
      const value = `[${piece.repeat(65_536 / piece.length)}]`;
      const began = process.cpuUsage();
      detectSqlInJson(value);
      const { user } = process.cpuUsage(began);
      expect(user, piece).toBeLessThan(50_000);
    }
  });

  it("says where it begins, whatever the value is", () => {
    const parts = fc.constantFrom(
      "'",
      `","`,
      " or ",
      "=",
      "a",
      "\\",
      `"`,
      "-- ",
      "(",
      "0",
      "{",
      ":",
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 40 }), (pieces) => {
        const value = `[${pieces.join("")}]`;
        const found = detectSqlInJson(value);
        if (found === undefined) return;
        expect(value[found.start]).toBe("'");
        expect(found.end).toBe(value.length);
      }),
    );
  });
});
