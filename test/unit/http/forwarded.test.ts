import { describe, expect, it } from "vitest";

import {
  formatForwarded,
  lastElementStart,
  parseForwardedElement,
  parseForwardedNode,
} from "../../../runtime/http/forwarded.ts";

describe("formatForwarded", () => {
  it.each([
    [{ for: "192.0.2.1" }, "for=192.0.2.1"],
    [{ for: "2001:db8::1", proto: "https" }, 'for="[2001:db8::1]";proto=https'],
    [
      { for: "192.0.2.1", host: "a.test:8080", proto: "http" },
      'for=192.0.2.1;host="a.test:8080";proto=http',
    ],
    [{ for: "192.0.2.1", host: "" }, "for=192.0.2.1"],
    [{ for: "192.0.2.1", host: 'a"b' }, 'for=192.0.2.1;host="a\\"b"'],
  ])("writes %j with quotes where they are needed (RFC 7239 §4, §6)", (element, text) => {
    expect(formatForwarded(element)).toBe(text);
  });
});

describe("parseForwardedElement", () => {
  it("reads names in any case and quoted values (RFC 7239 §4)", () => {
    expect(
      parseForwardedElement(' For="[2001:db8::1]:80" ;PROTO=HTTPS; host="a,b" ;by=_x;ext=1'),
    ).toEqual({ for: "[2001:db8::1]:80", proto: "https", host: "a,b", by: "_x" });
  });

  it("takes unquoted colons and brackets, which many proxies write", () => {
    expect(parseForwardedElement("for=[::1];host=a.test:80")).toMatchObject({
      for: "[::1]",
      host: "a.test:80",
    });
  });

  it.each([
    "",
    " ",
    "for",
    "for=",
    "=a",
    "for=a;for=b",
    'for="a',
    'for=a"b"',
    "for=a b",
    "f or=a",
    'for="a"b',
  ])("calls %j garbage", (text) => {
    expect(parseForwardedElement(text)).toBeUndefined();
  });
});

describe("lastElementStart", () => {
  it.each([
    ["for=a", 0],
    ["for=a, for=b", 6],
    ['for=a, for="b, c"', 6],
    ['for=a, for="b\\", c"', 6],
    ['for="never closed, for=b', 18],
  ])("finds the last element of %j", (line, start) => {
    expect(lastElementStart(line, line.length)).toBe(start);
  });
});

describe("parseForwardedNode", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1", 0],
    [" 192.0.2.1:8080 ", "192.0.2.1", 8080],
    ["[2001:db8::1]", "2001:db8::1", 0],
    ["[2001:db8::1]:443", "2001:db8::1", 443],
    ["2001:db8::1", "2001:db8::1", 0],
    ["::", "::", 0],
  ])("reads %j (RFC 7239 §6)", (text, address, port) => {
    expect(parseForwardedNode(text)).toEqual({ address, port });
  });

  it.each([
    "",
    "unknown",
    "_hidden",
    "a.test",
    "[::1",
    "[::1]x",
    "192.0.2.1:",
    "192.0.2.1:x",
    "192.0.2.1:99999",
    "192.0.2.1:_p",
    "unknown:80",
  ])("finds no address in %j", (text) => {
    expect(parseForwardedNode(text)).toBeUndefined();
  });
});
