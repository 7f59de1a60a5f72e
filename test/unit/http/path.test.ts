import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { encodePathText, normalizePath, splitTarget } from "../../../runtime/http/path.ts";

describe("splitTarget", () => {
  it.each([
    ["/", "/", ""],
    ["/a?b", "/a", "?b"],
    ["/a?", "/a", "?"],
    ["/a?u=//b.test/c?d", "/a", "?u=//b.test/c?d"],
    ["?", "", "?"],
  ])("cuts %s at the first question mark", (target, rawPath, search) => {
    expect(splitTarget(target)).toEqual({ rawPath, search });
  });
});

describe("normalizePath", () => {
  it.each([
    ["/", "/"],
    ["/a", "/a"],
    ["/a/", "/a/"],
    ["/a/b.c", "/a/b.c"],
    ["/.well-known/x", "/.well-known/x"],
    ["/...", "/..."],
    ["/a/..b/.c", "/a/..b/.c"],
    ["/a..", "/a.."],
    ["/@a:b!$&'()*+,=", "/@a:b!$&'()*+,="],
    // RFC 3986 §6.2.2.2
    ["/%61%2Db%7e", "/a-b~"],
    ["/file%2etxt", "/file.txt"],
    ["/a%2E%2Eb", "/a..b"],
    // RFC 3986 §6.2.2.1
    ["/%e4%b8%ad", "/%E4%B8%AD"],
    ["/a%2fb", "/a%2Fb"],
    ["/a%5cb", "/a%5Cb"],
    ["/a%3bb", "/a%3Bb"],
    ["/a%20b", "/a%20b"],
    ["/%0d%0aSet-Cookie:%20x=1", "/%0D%0ASet-Cookie:%20x=1"],
    ["/100%25", "/100%25"],
    ["/a%2541", "/a%2541"],
    ["/%252525", "/%252525"],
    ["/%E9", "/%E9"],
    ["/%C0x", "/%C0x"],
    // Characters that should have been encoded.
    ["/{a}|[b]", "/%7Ba%7D%7C%5Bb%5D"],
    // Empty segments.
    ["//", "/"],
    ["///", "/"],
    ["//a", "/a"],
    ["/a//b", "/a/b"],
    ["/a//", "/a/"],
    ["//cms/x", "/cms/x"],
    // Parameters.
    ["/a;v=1", "/a"],
    ["/a;v=1/b;w", "/a/b"],
    ["/a;", "/a"],
    ["/a;x;y/", "/a/"],
    ["/a;p=%2e", "/a"],
  ])("brings %s to %s", (raw, expected) => {
    expect(normalizePath(raw)).toBe(expected);
  });

  it.each([
    // Not a path, bytes that no URI has.
    "",
    "a",
    "*",
    "/a b",
    "/a\tb",
    "/a\0b",
    "/a\x7f",
    "/é",
    "/日",
    "/a?b",
    "/a#b",
    // Escapes that are none.
    "/%",
    "/%z",
    "/%2",
    "/%zz",
    "/%u002e",
    "/a%2",
    "/%-1",
    "/% 1",
    // NUL.
    "/a%00b",
    "/%00",
    "/a%2500b",
    "/..%00/",
    // Backslash.
    "/a\\b",
    "/api\\..\\admin",
    "/\\",
    // Dot segments.
    "/.",
    "/..",
    "/./a",
    "/../a",
    "/a/.",
    "/a/..",
    "/a/./b",
    "/a/../b",
    "//../a",
    "/%2e",
    "/%2E%2e/a",
    "/.%2e/a",
    "/%2e./a",
    "/api/..%2fadmin",
    "/api/..%2Fadmin",
    "/api/%2e%2e/admin",
    "/api/%2e%2e%2fadmin",
    "/api/..%5cadmin",
    "/api%5c..%5cadmin",
    "/api%2f..%2fadmin",
    "/api/..;/admin",
    "/api/..;a=b/admin",
    "/api/.;/admin",
    "/api/%2e%2e;/admin",
    "/api/..%3b/admin",
    "/api/..%3fx",
    "/api/..%23x",
    "/api/%252e%252e/admin",
    "/api/%252e%252e%252fadmin",
    "/api/..%252fadmin",
    "/api/..%255cadmin",
    "/api/%25252e%25252e/admin",
    "/api/%25252525",
    // Parameters only.
    "/;",
    "/;/admin",
    "/api/;/admin",
    "/api/;x=1/admin",
    "/a/;",
    "/%3b/admin",
    "/%253b/admin",
    // Overlong UTF-8.
    "/%c0%ae%c0%ae/admin",
    "/a%c0%afb",
    "/%e0%80%ae",
    "/%f0%80%80%ae",
    "/%25c0%25ae",
  ])("refuses %j (PUB-52)", (raw) => {
    expect(normalizePath(raw)).toMatchObject({ error: "PROXY_REQUEST_PATH" });
  });

  it("returns a plain path as the same string", () => {
    const raw = "/api/users/17/profile.json";
    expect(normalizePath(raw)).toBe(raw);
  });

  const piece = fc.constantFrom(
    ...["/", "//", ".", "..", "a", "B", "~", "%", "%2e", "%2E", "%2f", "%5C", "\\", ";", ";a=1"],
    ...["%25", "2e", "2f", "%00", "%41", "%c0", "%ae", "%20", "{", "%3b", "%3F", "admin", "é"],
  );
  const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);

  it("gives a path that normalises to itself", () => {
    fc.assert(
      fc.property(path, (raw) => {
        const normal = normalizePath(raw);
        if (typeof normal === "string") expect(normalizePath(normal)).toBe(normal);
      }),
      { numRuns: 5_000 },
    );
  });

  it("never lets a path through that some number of decodings walks up", () => {
    fc.assert(
      fc.property(path, fc.integer({ min: 0, max: 3 }), (raw, decodings) => {
        const normal = normalizePath(raw);
        if (typeof normal !== "string") return;
        for (const text of [raw, normal]) {
          let seen = text;
          for (let at = 0; at < decodings; at++) seen = lenientDecode(seen);
          for (const segment of seen.split(/[/\\]/)) {
            expect([".", ".."]).not.toContain(segment.split(";")[0]);
          }
          expect(seen).not.toContain("\0");
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it("keeps what a server sees that decodes once and merges empty segments", () => {
    fc.assert(
      fc.property(path, (raw) => {
        const normal = normalizePath(raw);
        if (typeof normal !== "string") return;
        const merged = raw
          .split("/")
          .map((segment) => segment.split(";")[0])
          .join("/")
          .replace(/\/{2,}/g, "/");
        expect(lenientDecode(normal)).toBe(lenientDecode(merged));
      }),
      { numRuns: 5_000 },
    );
  });

  it("reads any spelling of an unreserved character the same", () => {
    const segment = fc.string({
      unit: fc.constantFrom(..."abcXYZ019-_~".split("")),
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 1 }),
        fc.infiniteStream(fc.boolean()),
        (segments, coin) => {
          const plain = `/${segments.join("/")}`;
          const spelt = plain.replace(/[^/]/g, (char) =>
            coin.next().value === true ? `%${char.charCodeAt(0).toString(16)}` : char,
          );
          expect(normalizePath(spelt)).toBe(plain);
        },
      ),
    );
  });

  it("answers a long path of nested escapes at once", () => {
    expect(normalizePath(`/%${"25".repeat(32_000)}41`)).toMatchObject({
      error: "PROXY_REQUEST_PATH",
    });
    expect(normalizePath("/%2e".repeat(20_000))).toMatchObject({ error: "PROXY_REQUEST_PATH" });
    expect(normalizePath(`/${"%41".repeat(20_000)}`)).toBe(`/${"A".repeat(20_000)}`);
  });
});

describe("encodePathText", () => {
  it.each([
    ["/a", "/a"],
    ["/münchen/日本", "/m%C3%BCnchen/%E6%97%A5%E6%9C%AC"],
    ["/a b", "/a%20b"],
    ["/%41%zz%", "/%41%25zz%25"],
    ["/a?b#c\\d", "/a%3Fb%23c%5Cd"],
    ["/a\r\nb", "/a%0D%0Ab"],
    ["/😀", "/%F0%9F%98%80"],
  ])("encodes %j as %s", (text, expected) => {
    expect(encodePathText(text)).toBe(expected);
  });

  it("leaves nothing that a request line cannot carry", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(encodePathText(text)).toMatch(/^[!-~]*$/);
        expect(encodePathText(text)).not.toMatch(/[?#\\]|%(?![0-9A-Fa-f]{2})/);
      }),
    );
  });
});

/** What a careless server does: every escape becomes its byte, whatever it is. */
function lenientDecode(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
}
