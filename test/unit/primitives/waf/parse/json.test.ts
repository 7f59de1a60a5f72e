import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readJson } from "../../../../../runtime/primitives/waf/parse/json.ts";
import { RecordingSink } from "../../../../helpers/recording-sink.ts";
import { scaled } from "../../../../helpers/scale.ts";

function read(text: string, sink = new RecordingSink()): RecordingSink & { isJson: boolean } {
  return Object.assign(sink, { isJson: readJson(text, sink) });
}

const RUNS = { numRuns: scaled(200, 5000) };

describe("JSON", () => {
  it("gives keys and strings, decoded, by path and without the index of lists", () => {
    expect(read('{"user":{"name":"a\\u0027b"},"tags":["x",{"k":"y"},1,true,null]}').found).toEqual([
      "ARGS_POST_NAMES:user=user",
      "ARGS_POST_NAMES:user.name=name",
      "ARGS_POST:user.name=a'b",
      "ARGS_POST_NAMES:tags=tags",
      "ARGS_POST:tags=x",
      "ARGS_POST_NAMES:tags.k=k",
      "ARGS_POST:tags.k=y",
    ]);
  });

  it("gives both values of a key that is there twice, and says so (RFC 8259 §4)", () => {
    const { found, anomalies } = read('{"a":"1","a":"2"}');
    expect(found.filter((one) => one.startsWith("ARGS_POST:"))).toEqual([
      "ARGS_POST:a=1",
      "ARGS_POST:a=2",
    ]);
    expect(anomalies).toEqual(["json-duplicate-key"]);
  });

  it.each([
    "",
    "{",
    "[1,]",
    '{"a"}',
    '{"a":1,}',
    "'a'",
    '"a',
    '"a\\"',
    '"\\x41"',
    '"\n"',
    "01",
    "+1",
    "NaN",
    "1 2",
    "{} x",
    '{a:"b"}',
  ])("is not %j (RFC 8259)", (text) => {
    expect(read(text).isJson).toBe(false);
  });

  it("ends at a depth, and says so", () => {
    const nested = (depth: number): string => `${"[".repeat(depth)}1${"]".repeat(depth)}`;
    expect(read(nested(16)).isJson).toBe(true);
    expect(read(nested(17)).anomalies).toEqual(["json-depth"]);
    expect(read(nested(100_000)).anomalies).toEqual(["json-depth"]);
  });

  it("is read as JSON.parse reads it: every key and string of it is given", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        const sink = read(text, new RecordingSink({ maxValues: 1_000_000, maxDepth: 64 }));
        expect(sink.isJson).toBe(true);
        const strings: string[] = [];
        const visit = (value: unknown): void => {
          if (typeof value === "string" && value !== "") strings.push(value);
          else if (typeof value === "object" && value !== null) {
            for (const [key, child] of Object.entries(value)) {
              if (!Array.isArray(value)) strings.push(key);
              visit(child);
            }
          }
        };
        visit(JSON.parse(text));
        // A value without a name stands behind its variable alone, so there is no telling where a name would end.
        for (const one of strings) {
          expect(sink.found.some((found) => found.endsWith(`=${one}`))).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it("never throws and says no where JSON.parse does", () => {
    const pieces = fc.constantFrom(
      ...'{}[]",:\\u0041 \n1e.-truefalsnl\0\u2028'.split(""),
      '"a"',
      "null",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        const text = parts.join("");
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        expect(read(text).isJson).toBe(isJson);
      }),
      RUNS,
    );
  });
});
