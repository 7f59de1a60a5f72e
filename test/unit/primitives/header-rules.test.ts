import { describe, expect, it } from "vitest";

import { compileFieldRules, type FieldRuleSet } from "../../../runtime/primitives/header-rules.ts";

const empty: FieldRuleSet = { remove: [], set: [], append: [], default: [] };

function apply(sets: (FieldRuleSet | undefined)[], fields: string[]): string[] {
  compileFieldRules(sets)?.(fields);
  return fields;
}

describe("compileFieldRules", () => {
  it("is undefined where there is nothing to do", () => {
    expect(compileFieldRules([])).toBeUndefined();
    expect(compileFieldRules([empty, undefined, empty])).toBeUndefined();
  });

  it("removes, sets, appends and fills in, whatever the case of names", () => {
    const rules: FieldRuleSet = {
      remove: ["server", "X-Powered-By"],
      set: [["x-frame-options", "DENY"]],
      append: [["vary", "origin"]],
      default: [
        ["cache-control", "no-store"],
        ["ETag", '"x"'],
      ],
    };
    const fields = [
      ...["Server", "a", "X-Frame-Options", "SAMEORIGIN", "Vary", "accept", "x-powered-by", "b"],
      ...["X-FRAME-OPTIONS", "c", "etag", '"y"', "SERVER", "d"],
    ];
    expect(apply([rules], fields)).toEqual([
      ...["x-frame-options", "DENY", "Vary", "accept", "etag", '"y"', "vary", "origin"],
      ...["cache-control", "no-store"],
    ]);
  });

  it("runs sets in order, so that a later one sees what an earlier one did", () => {
    const first: FieldRuleSet = { ...empty, set: [["a", "1"]], default: [["b", "1"]] };
    const second: FieldRuleSet = {
      ...empty,
      remove: ["a"],
      default: [
        ["a", "2"],
        ["b", "2"],
      ],
    };
    expect(apply([first, second], [])).toEqual(["b", "1", "a", "2"]);
  });

  it("fills in what the same set removed", () => {
    const rules: FieldRuleSet = { ...empty, remove: ["a"], default: [["A", "2"]] };
    expect(apply([rules], ["a", "1"])).toEqual(["A", "2"]);
  });
});
