import { describe, expect, it } from "vitest";

import {
  createTypeTest,
  shrinksByDefault,
} from "../../../../runtime/primitives/compress/compressible-types.ts";

describe("shrinksByDefault", () => {
  it.each([
    "text/html",
    "text/x-unknown",
    "text/event-stream",
    "application/json",
    "application/problem+json",
    "application/x-own+xml",
    "application/javascript",
    "application/wasm",
    "image/svg+xml",
    "application/xml",
  ])("says yes to %s", (type) => {
    expect(shrinksByDefault(type)).toBe(true);
  });

  it.each([
    "image/png",
    "image/bmp",
    "video/mp4",
    "audio/mpeg",
    "application/zip",
    "application/gzip",
    "application/pdf",
    "application/octet-stream",
    "font/woff2",
    "application/grpc",
    "application/grpc+json",
    "multipart/byteranges",
    "application/x-unknown",
  ])("says no to %s", (type) => {
    expect(shrinksByDefault(type)).toBe(false);
  });
});

describe("createTypeTest", () => {
  it("knows types and whole families, in any case", () => {
    const shrinks = createTypeTest(["application/X-Own", "text/*"]);
    expect(shrinks("application/x-own")).toBe(true);
    expect(shrinks("text/css")).toBe(true);
    expect(shrinks("application/json")).toBe(false);
    expect(shrinks("textual/css")).toBe(false);
  });
});
