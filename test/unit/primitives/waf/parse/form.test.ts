import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readForm } from "../../../../../runtime/primitives/waf/parse/form.ts";
import { RecordingSink } from "../../../../helpers/recording-sink.ts";
import { scaled } from "../../../../helpers/scale.ts";

function read(text: string, sink = new RecordingSink()): RecordingSink {
  readForm(text, "GET", sink);
  return sink;
}

describe("parameters", () => {
  it("are given one by one, each occurrence of a name, decoded", () => {
    expect(read("a=1&b=x+y%21&a=2&flag&=lone&c=").found).toEqual([
      "ARGS_GET_NAMES:a=a",
      "ARGS_GET:a=1",
      "ARGS_GET_NAMES:b=b",
      "ARGS_GET:b=x y!",
      "ARGS_GET_NAMES:a=a",
      "ARGS_GET:a=2",
      "ARGS_GET_NAMES:flag=flag",
      "ARGS_GET=lone",
      "ARGS_GET_NAMES:c=c",
    ]);
  });

  it("are odd where a percent sign begins nothing", () => {
    expect(read("a=100%").anomalies).toEqual(["percent-invalid"]);
    expect(read("a=%c0%af").anomalies).toEqual(["percent-invalid"]);
    expect(read("a=%C3%BC").anomalies).toEqual([]);
  });

  it("end when no more are wanted", () => {
    expect(read("a=b&".repeat(1000)).found.length).toBeLessThanOrEqual(101);
  });

  it("are those that URLSearchParams has", () => {
    const text = fc.string({ unit: "binary", minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 12 }), (pairs) => {
        const params = new URLSearchParams(pairs.map(([a, b]) => [a, b] as [string, string]));
        const { found } = read(params.toString());
        expect(found).toEqual(
          [...params].flatMap(([name, value]) => [
            `ARGS_GET_NAMES:${name}=${name}`,
            `ARGS_GET:${name}=${value}`,
          ]),
        );
      }),
      { numRuns: scaled(200, 5000) },
    );
  });

  it("never throw", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        read(text);
      }),
      { numRuns: scaled(200, 5000) },
    );
  });
});
