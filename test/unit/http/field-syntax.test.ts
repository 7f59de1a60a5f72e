import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  isFieldValue,
  isToken,
  quoteString,
  splitList,
  splitParameters,
  tokenOrQuoted,
  trimOws,
  unquote,
} from "../../../runtime/http/field-syntax.ts";

describe("token", () => {
  it.each(["a", "X-Forwarded-For", "!#$%&'*+-.^_`|~09AZaz"])(
    "takes %j (RFC 9110 §5.6.2)",
    (text) => {
      expect(isToken(text)).toBe(true);
    },
  );

  it.each([
    "",
    "bad name",
    "a:",
    "a\r\nb",
    "a\0",
    "é",
    "日",
    'a"',
    "a/b",
    "a,b",
    "a;b",
    "{a}",
    "a\x7f",
  ])("refuses %j", (text) => {
    expect(isToken(text)).toBe(false);
  });
});

describe("field value", () => {
  it("takes tab, space, visible ASCII and opaque bytes (RFC 9110 §5.5)", () => {
    expect(isFieldValue("")).toBe(true);
    expect(isFieldValue("a\tb c~ \x80\xff")).toBe(true);
  });

  it("refuses every control byte but tab, and what is no byte", () => {
    for (let code = 0; code < 0x20; code++) {
      expect(isFieldValue(`a${String.fromCharCode(code)}`)).toBe(code === 9);
    }
    expect(isFieldValue("\x7f")).toBe(false);
    expect(isFieldValue("Ā")).toBe(false);
    expect(isFieldValue("日本")).toBe(false);
  });
});

describe("quoted strings", () => {
  it("quotes and unquotes to the same text (RFC 9110 §5.6.4)", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii" }), (text) => {
        expect(unquote(quoteString(text))).toBe(text);
      }),
    );
  });

  it("leaves tokens as they are", () => {
    expect(tokenOrQuoted("abc")).toBe("abc");
    expect(tokenOrQuoted('a "b"')).toBe('"a \\"b\\""');
    expect(tokenOrQuoted("")).toBe('""');
    expect(unquote('"')).toBe('"');
  });
});

describe("lists", () => {
  it.each([
    ["", []],
    [" , ,\t, ", []],
    ["a", ["a"]],
    [" a ,\tb,c ", ["a", "b", "c"]],
    ['a="x, y", b', ['a="x, y"', "b"]],
    ['a="x\\", y", b', ['a="x\\", y"', "b"]],
    ['a="never, closed', ['a="never, closed']],
    ['a="\\', ['a="\\']],
    ["a,,b", ["a", "b"]],
  ])("splits %j (RFC 9110 §5.6.1)", (value, expected) => {
    expect(splitList(value)).toEqual(expected);
  });

  it("splits parameters at semicolons", () => {
    expect(splitParameters('a; b="1;2" ;c')).toEqual(["a", 'b="1;2"', "c"]);
  });

  it("trims only space and tab", () => {
    expect(trimOws(" \ta\xa0 ")).toBe("a\xa0");
    expect(trimOws(" ")).toBe("");
    expect(trimOws("a")).toBe("a");
  });
});
