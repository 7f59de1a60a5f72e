import { describe, expect, it } from "vitest";

import type { WafOperator } from "../../../../../runtime/primitives/waf/rule.ts";
import { RULES } from "../../../../../runtime/primitives/waf/rules/rules.ts";
import { honestTexts } from "../../../../helpers/honest-texts.ts";

function matches(operator: WafOperator, value: string): boolean {
  if ("rx" in operator) return operator.rx.test(value);
  return "detect" in operator && operator.detect(value) !== undefined;
}

const VALUE_RULES = RULES.filter(
  (rule) =>
    (rule.paranoia ?? 1) === 1 &&
    rule.variables.some((name) => name === "ARGS" || name === "REQUEST_BODY"),
);

/** Text that makes careless patterns and readers start over at each character. */
const UNITS = [
  ...Array.from("'\"`(<>[{|&;/\\.:=#@$%-+* \n\0a1_,!~?\u00e9"),
  "../",
  "/*",
  "--",
  "$(",
  "${",
  "{{",
  "<a ",
  '<a x="',
  "<!--",
  "<?",
  "<%",
  "or ",
  "and ",
  "1=1 ",
  "select ",
  "union select ",
  "a=",
  "onload=",
  "&lt;",
  "%2e",
  "\r\n",
  "/d/",
  "0x",
  "'a",
  "a'b",
  "' or ",
  "http://",
  "document.",
  "javascript",
  "data:",
  "java.lang.",
  "for %a in (",
  "if ",
  "cat ",
  "[a]",
  "](",
  "a.",
  "$a[",
  "GET / HTTP/1",
  "\\u0027",
];
const LENGTH = 64 * 1024;

describe("rules", () => {
  it("have ids of their own that begin with a family", () => {
    const ids = RULES.map((rule) => rule.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(?:-[a-z]+)+$/);
  });

  it("hold patterns without a memory of the last match", () => {
    for (const rule of RULES) {
      if ("rx" in rule.operator) expect(rule.operator.rx.flags).not.toMatch(/[gy]/);
    }
  });

  it("say what they mean and carry a tag", () => {
    for (const rule of RULES) {
      expect(rule.message.length).toBeGreaterThan(8);
      expect(rule.tags?.length ?? 0).toBeGreaterThan(0);
      expect(rule.variables.length).toBeGreaterThan(0);
    }
  });

  it("pass every honest text at paranoia 1 (PUB-33)", () => {
    const stopped = honestTexts().flatMap(({ file, text }) =>
      VALUE_RULES.filter((rule) => matches(rule.operator, text)).map(
        (rule) => `${rule.id} ${file}: ${text.slice(0, 80)}`,
      ),
    );
    expect(stopped).toEqual([]);
  });

  it("pass a 50 KB text with quotes (PUB-33)", () => {
    const text = honestTexts()
      .filter(({ file }) => file === "prose.texts")
      .map((entry) => entry.text)
      .join("\n\n")
      .repeat(12)
      .slice(0, 50_000);
    expect(
      VALUE_RULES.filter((rule) => matches(rule.operator, text)).map((rule) => rule.id),
    ).toEqual([]);
  });

  // Quadratic work on 64 KiB takes many seconds; the limit leaves room for a busy machine.
  it("take no longer than linear on 64 KiB of anything (PUB-37)", { timeout: 120_000 }, () => {
    const slow: string[] = [];
    const operators = new Set(
      RULES.map((rule) => rule.operator).filter(
        (operator) => "rx" in operator || "detect" in operator,
      ),
    );
    for (const unit of UNITS) {
      const value = `${unit.repeat(Math.ceil(LENGTH / unit.length)).slice(0, LENGTH)}'!`;
      for (const operator of operators) {
        const started = performance.now();
        matches(operator, value);
        const took = performance.now() - started;
        if (took > 1000) slow.push(`${JSON.stringify(operator)} ${JSON.stringify(unit)} ${took}`);
      }
    }
    expect(slow).toEqual([]);
  });
});
