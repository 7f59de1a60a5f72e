import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { prefersLanguage, selectingValue, varyNames } from "../../../runtime/http/vary.ts";

const value = (name: string, ...lines: string[]) =>
  selectingValue(
    lines.flatMap((line) => [name, line]),
    name.toLowerCase(),
  );

describe("varyNames", () => {
  it.each([
    [
      ["Vary", "Foo, bar"],
      ["bar", "foo"],
    ],
    [["Vary", "Foo", "VARY", "foo,"], ["foo"]],
    [["Vary", ", *"], ["*"]],
    [["Vary", ""], []],
    [[], []],
  ])("of %j (RFC 9110 §12.5.5)", (fields, expected) => {
    expect(varyNames(fields)).toEqual(expected);
  });
});

describe("selectingValue", () => {
  it("joins lines and drops whitespace around commas (RFC 9111 §4.1)", () => {
    expect(value("Foo", "1, 2")).toBe(value("Foo", "1", "2"));
    expect(value("Foo", " 1, 2 ")).toBe(value("Foo", "1,2"));
    expect(value("Foo", "1,2")).not.toBe(value("Foo", "1,,2"));
    expect(value("Foo", "a b")).not.toBe(value("Foo", "ab"));
  });

  it("leaves quoted strings as they are", () => {
    expect(value("Foo", '"a, b"')).not.toBe(value("Foo", '"a,b"'));
    expect(value("Foo", '"a\\", b"')).not.toBe(value("Foo", '"a\\",b"'));
  });

  it("tells absent from empty from any text", () => {
    expect(value("Foo")).not.toBe(value("Foo", ""));
    expect(value("Foo")).not.toBe(value("Foo", "-"));
    expect(value("Accept-Encoding")).not.toBe(value("Accept-Encoding", ""));
  });

  it("reads languages in any order, case and spacing, with their weights", () => {
    const base = value("Accept-Language", "en, de");
    expect(value("Accept-Language", "de, en")).toBe(base);
    expect(value("Accept-Language", "eN , De")).toBe(base);
    expect(value("Accept-Language", "de;q=1.0", "en")).toBe(base);
    expect(value("Accept-Language", "en, de;q=0.5")).not.toBe(base);
    expect(value("Accept-Language", "en")).not.toBe(base);
  });

  it("reads codings by what is accepted", () => {
    const base = value("Accept-Encoding", "gzip, br");
    expect(value("Accept-Encoding", "br;q=0.1,X-GZIP;q=1, identity;q=0.5")).toBe(base);
    expect(value("Accept-Encoding", "gzip, br;q=0")).not.toBe(base);
    expect(value("Accept-Encoding", "gzip, br, identity;q=0")).not.toBe(base);
  });

  it("does not grow with the field: a long list is compared as it is written", () => {
    const many = Array.from({ length: 40 }, (_, index) => `l${index}`);
    expect(value("Accept-Language", many.join(", "))).toBe(
      value("Accept-Language", many.join(",")),
    );
  });

  it("never has one text for two plain values", () => {
    const plain = fc.stringMatching(/^[a-z0-9=.-]{0,12}$/);
    fc.assert(
      fc.property(plain, plain, (one, other) => {
        expect(value("Foo", one) === value("Foo", other)).toBe(one === other);
      }),
    );
  });
});

describe("prefersLanguage", () => {
  it.each([
    ["fr;q=0.5, de;q=1.0", "de", true],
    ["DE", "de", true],
    ["en, de", "de", false],
    ["fr, de;q=0.5", "de", false],
    ["de;q=0", "de", false],
    ["de-AT", "de", false],
    ["de", undefined, false],
  ])("%j and a response in %j: %j", (accepted, language, expected) => {
    expect(prefersLanguage(["Accept-Language", accepted], language)).toBe(expected);
  });

  it("wants no language where the client says nothing", () => {
    expect(prefersLanguage([], "de")).toBe(false);
  });
});
