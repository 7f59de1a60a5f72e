import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  acceptsCodings,
  chooseCoding,
  parseAcceptEncoding,
} from "../../../runtime/http/accept-encoding.ts";

const choose = (value: string): string | undefined =>
  chooseCoding(parseAcceptEncoding(value), ["zstd", "br", "gzip"]);

describe("chooseCoding (PUB-19, RFC 9110 §12.5.3)", () => {
  it.each([
    ["gzip, br;q=0", "gzip"],
    ["br;q=0.1, gzip;q=1", "gzip"],
    ["gzip;q=0", undefined],
    ["*;q=0", undefined],
    ["*", "gzip"],
    ["*, gzip;q=0", undefined],
    ["GZIP", "gzip"],
    ["x-gzip", "gzip"],
    ["brotli", undefined],
    ["gzip;q=abc", undefined],
    ["gzip;q=2", undefined],
    ["gzip;q=0.001", "gzip"],
    ["gzip; q=0.5", "gzip"],
    ["gzip;Q=0", undefined],
    ["", undefined],
    [" , ,", undefined],
    ["identity", undefined],
    ["identity;q=0", undefined],
    ["identity;q=0, gzip;q=0.2", "gzip"],
    ["identity;q=0.5, gzip;q=0.2", undefined],
    ["identity, gzip", "gzip"],
    ["gzip, deflate, br, zstd", "zstd"],
    ["gzip, deflate, br", "br"],
    ["br;q=0.9, zstd;q=0.5, gzip;q=0.9", "br"],
    ["gzip, gzip;q=0", undefined],
    ["deflate", undefined],
  ])("of %j takes %j", (value, coding) => {
    expect(choose(value)).toBe(coding);
  });

  it("never takes what a client did not name or refused, whatever it sends", () => {
    const name = fc.constantFrom("gzip", "br", "zstd", "identity", "deflate", "x-gzip", "GZip");
    const weight = fc.constantFrom("", ";q=0", ";q=0.5", ";q=1", ";q=x", "; q=0.000");
    fc.assert(
      fc.property(fc.array(fc.tuple(name, weight), { maxLength: 8 }), (entries) => {
        const coding = choose(entries.map(([one, q]) => one + q).join(", "));
        if (coding === undefined) return;
        const named = entries.filter(([one]) => one.toLowerCase().replace("x-", "") === coding);
        expect(named.length).toBeGreaterThan(0);
        expect(named.some(([, q]) => q.includes("q=0.0") || q === ";q=0" || q === ";q=x")).toBe(
          false,
        );
      }),
    );
  });

  it("reads any text without failing", () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (value) => void choose(value)));
  });
});

describe("acceptsCodings", () => {
  it.each([
    ["gzip", ["gzip"], true],
    ["br", ["gzip"], false],
    ["*", ["br"], true],
    ["gzip, *;q=0", ["br"], false],
    ["", ["gzip"], false],
    ["gzip", ["gzip", "br"], false],
  ] as const)("says of %j and %j: %j", (value, codings, accepted) => {
    expect(acceptsCodings(parseAcceptEncoding(value), codings)).toBe(accepted);
  });
});
