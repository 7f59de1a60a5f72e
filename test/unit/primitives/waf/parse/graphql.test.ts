import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readGraphql } from "../../../../../runtime/primitives/waf/parse/graphql.ts";
import { RecordingSink } from "../../../../helpers/recording-sink.ts";
import { scaled } from "../../../../helpers/scale.ts";

function read(text: string, sink = new RecordingSink()): RecordingSink & { isGraphql: boolean } {
  return Object.assign(sink, { isGraphql: readGraphql(text, sink) });
}

describe("a GraphQL document", () => {
  it("gives names and strings, decoded, and no comment", () => {
    const text = `query Q { user(name: "a\\u0027b", note: """x "y" \\""" z""") { id } } # "no"`;
    expect(read(text).found).toEqual([
      "GRAPHQL_NAMES=query",
      "GRAPHQL_NAMES=Q",
      "GRAPHQL_NAMES=user",
      "GRAPHQL_NAMES=name",
      "GRAPHQL=a'b",
      "GRAPHQL_NAMES=note",
      'GRAPHQL=x "y" \\""" z',
      "GRAPHQL_NAMES=id",
    ]);
  });

  it.each(['{ a(b: "c) }', '{ a(b: "c\n") }', '{ a(b: """c" ) }', "{ a", "}", "{ a } )"])(
    "is odd where it has no end or no beginning: %j",
    (text) => {
      const sink = read(text);
      expect(sink.isGraphql).toBe(false);
      expect(sink.anomalies).toEqual(["graphql-invalid"]);
    },
  );

  it("gives a string that has no end all the same", () => {
    expect(read(`{ a(b: "' OR 1=1`).found).toContain("GRAPHQL=' OR 1=1");
    expect(read(`{ a(b: """' OR 1=1`).found).toContain("GRAPHQL=' OR 1=1");
  });

  it("ends at a depth", () => {
    expect(read(`${"{a".repeat(16)}${"}".repeat(16)}`).isGraphql).toBe(true);
    expect(read("{a".repeat(17)).anomalies).toEqual(["graphql-invalid"]);
  });

  it("never throws, and ends when no more values are wanted", () => {
    const pieces = fc.constantFrom(...'{}()[]"\\#:$!@|a_1 \n\0'.split(""), '"""', '\\"""', "\\u00");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 80 }), (parts) => {
        const sink = read(parts.join(""), new RecordingSink({ maxValues: 5 }));
        expect(sink.found.length).toBeLessThanOrEqual(5);
      }),
      { numRuns: scaled(300, 10_000) },
    );
  });
});
