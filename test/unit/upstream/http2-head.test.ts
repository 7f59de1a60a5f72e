import { sensitiveHeaders } from "node:http2";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  http2RequestHead,
  http2ResponseFields,
  http2Trailers,
} from "../../../runtime/upstream/http2-head.ts";
import type { Target } from "../../../runtime/upstream/target.ts";
import type { UpstreamRequest } from "../../../runtime/upstream/upstream.ts";

const TARGET = { scheme: "https", hostname: "b", port: 443, authority: "b", weight: 1 } as Target;

function head(parts: Partial<UpstreamRequest>): string[] {
  return http2RequestHead(
    {
      method: "GET",
      scheme: "http",
      path: "/",
      authority: "a",
      fields: [],
      content: undefined,
      upgrade: undefined,
      connectTimeoutMs: 1,
      responseHeadTimeoutMs: 1,
      ...parts,
    },
    TARGET,
  );
}

describe("http2RequestHead", () => {
  it("puts the pseudo-fields first, with the target's scheme (RFC 9113 §8.3.1)", () => {
    expect([...head({ fields: ["X", "1"] })]).toEqual([
      ...[":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/", "X", "1"],
    ]);
    expect(head({ authority: undefined })[5]).toBe("b");
  });

  it("marks what is secret as never to be indexed (RFC 7541 §7.1.3)", () => {
    const list = head({}) as string[] & { [sensitiveHeaders]?: string[] };
    expect(list[sensitiveHeaders]).toEqual(["authorization", "cookie", "proxy-authorization"]);
  });

  it("refuses every value with a byte that would end it, and no other", () => {
    const bad = fc.string({ unit: fc.constantFrom("\0", "\r", "\n", "\u0100", "\uff0a") });
    const good = fc.string({ unit: fc.constantFrom("a", " ", "\t", "\u00ff", "\u0080", ":", ";") });
    fc.assert(
      fc.property(good, bad, good, (before, wrong, after) => {
        const value = before + wrong + after;
        const fields = ["x", value];
        if (wrong === "") expect(head({ fields }).at(-1)).toBe(value);
        else expect(() => head({ fields })).toThrow("field value");
      }),
    );
  });
});

describe("TE (RFC 9113 §8.2.2)", () => {
  const cases: [string | undefined, boolean][] = [
    ["application/grpc", true],
    ["application/grpc+proto", true],
    ["APPLICATION/GRPC;x=y", true],
    ["application/grpc ; x=y", true],
    ["application/grpc-web", false],
    ["application/grpc-web+proto", false],
    ["application/grpcx", false],
    ["application/json", false],
    [undefined, false],
  ];
  it.each(cases)("goes with content of type %s: %s", (type, expected) => {
    const fields = ["TE", "gzip", ...(type === undefined ? [] : ["Content-Type", type])];
    expect(head({ fields }).includes("te")).toBe(expected);
    expect(head({ fields }).includes("gzip")).toBe(false);
  });
});

describe("http2ResponseFields", () => {
  it("leaves pseudo-fields out and all else as it is", () => {
    expect(http2ResponseFields([":status", "200", "a", "1", "b", "", "a", "2"])).toEqual([
      ...["a", "1", "b", "", "a", "2"],
    ]);
  });
});

describe("http2Trailers", () => {
  it("keeps number and order within a name", () => {
    expect({ ...http2Trailers(["X-A", "1", "b", "2", "x-a", "3"]) }).toEqual({
      "x-a": ["1", "3"],
      b: ["2"],
    });
  });

  it("has no pseudo-fields, no fields that must not come late, and no prototype", () => {
    const trailers = http2Trailers([":path", "/", "host", "a", "te", "x", "__proto__", "1"]);
    expect(Object.keys(trailers)).toEqual(["__proto__"]);
  });

  it("refuses values that would begin a field of their own", () => {
    expect(() => http2Trailers(["a", "b\0c"])).toThrow("field value");
  });
});
