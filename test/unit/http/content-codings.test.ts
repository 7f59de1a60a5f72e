import { describe, expect, it } from "vitest";

import { parseCodings } from "../../../runtime/http/content-codings.ts";

describe("parseCodings", () => {
  it.each([
    [null, []],
    [undefined, []],
    ["", []],
    ["identity", []],
    ["gzip", ["gzip"]],
    ["GZIP", ["gzip"]],
    ["x-gzip", ["gzip"]],
    ["gzip, br", ["gzip", "br"]],
    ["deflate ,, identity,zstd", ["deflate", "zstd"]],
    ["compress", undefined],
    ["gzip, compress", undefined],
    ["gzip;q=1", undefined],
    ["gzip, gzip, gzip", ["gzip", "gzip", "gzip"]],
    ["gzip, gzip, gzip, gzip", undefined],
  ])("reads %j as %j (RFC 9110 §8.4)", (value, codings) => {
    expect(parseCodings(value)).toEqual(codings);
  });
});
