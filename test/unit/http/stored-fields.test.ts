import { describe, expect, it } from "vitest";

import {
  freshenedFields,
  headConfirms,
  sharedFields,
  speaksOf,
} from "../../../runtime/http/stored-fields.ts";

describe("freshenedFields", () => {
  it("replaces every line of a name that the 304 has, and keeps the others (RFC 9111 §3.2)", () => {
    const stored = ["ETag", '"a"', "Link", "<1>", "LINK", "<2>", "X-Kept", "1"];
    const fresh = ["Link", "<3>", "link", "<4>", "Cache-Control", "max-age=9"];
    expect(freshenedFields(stored, fresh)).toEqual([
      "ETag",
      '"a"',
      "X-Kept",
      "1",
      "Link",
      "<3>",
      "link",
      "<4>",
      "Cache-Control",
      "max-age=9",
    ]);
  });

  it("lets a 304 say nothing of the stored bytes (RFC 9111 §3.2)", () => {
    const stored = ["Content-Length", "36", "Content-Encoding", "br"];
    const fresh = [
      "content-length",
      "10",
      "Content-Encoding",
      "gzip",
      "Content-Range",
      "bytes 0-1/2",
      "Transfer-Encoding",
      "chunked",
    ];
    expect(freshenedFields(stored, fresh)).toEqual(stored);
  });

  it("takes no cookie and no age into what all clients get", () => {
    expect(
      freshenedFields(["A", "1"], ["Set-Cookie", "sid=1", "set-cookie2", "x", "Age", "5"]),
    ).toEqual(["A", "1"]);
  });
});

describe("sharedFields", () => {
  it("has no cookies and no age", () => {
    expect(sharedFields(["A", "1", "SET-COOKIE", "a", "Age", "1", "Set-Cookie2", "b"])).toEqual([
      "A",
      "1",
    ]);
  });
});

describe("speaksOf", () => {
  it.each([
    [["ETag", '"a"'], ["ETag", '"a"'], true],
    [["ETag", 'W/"a"'], ["ETag", '"a"'], true],
    [["ETag", '"b"'], ["ETag", '"a"'], false],
    [[], ["ETag", '"a"'], true],
    [["Last-Modified", "x"], ["ETag", '"a"', "Last-Modified", "x"], true],
    [["Last-Modified", "y"], ["Last-Modified", "x"], false],
    [[], [], true],
  ])("a 304 with %j of one with %j: %j (RFC 9111 §4.3.4)", (fresh, stored, expected) => {
    expect(speaksOf(fresh, stored)).toBe(expected);
  });
});

describe("headConfirms", () => {
  it.each([
    [["Content-Length", "5"], true],
    [["Content-Length", "6"], false],
    [["ETag", '"b"'], false],
    [["Content-Encoding", "gzip"], true],
    [[], true],
  ])("a HEAD's 200 with %j: %j (RFC 9111 §4.3.5)", (head, expected) => {
    expect(headConfirms(head, ["ETag", '"a"', "Content-Length", "5"])).toBe(expected);
  });
});
