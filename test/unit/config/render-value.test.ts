import fc from "fast-check";
import { expect, it } from "vitest";

import { renderValue } from "../../../runtime/config/render-value.ts";

class Client {}

it.each<[unknown, string]>([
  [undefined, "nothing"],
  [null, "null"],
  ["a\nb", '"a\\nb"'],
  ["x".repeat(100), `"${"x".repeat(60)}…"`],
  ["http://user:secret@a.test", '"http://…@a.test"'],
  [5, "5"],
  [NaN, "NaN"],
  [[], "an empty list"],
  [[1, 2], "a list of 2"],
  [{}, "an empty object"],
  [{ a: 1, b: 2 }, "an object { a, b }"],
  [{ a: 1, b: 2, c: 3, d: 4, e: 5 }, "an object { a, b, c, d, … }"],
  [new Client(), "an instance of Client"],
  [Promise.resolve(), "a promise"],
  [/a/g, "/a/g"],
  [function named() {}, "the function named"],
  [() => {}, "a function"],
  [Symbol("x"), "a symbol"],
  [5n, "5n"],
  [Object.create(null), "an empty object"],
])("shows %o", (value, text) => {
  expect(renderValue(value)).toBe(text);
});

it("never throws and never gives a control character, whatever the value", () => {
  fc.assert(
    fc.property(
      fc.anything({ withNullPrototype: true }),
      fc.string({ unit: "binary" }),
      (value, text) => {
        for (const one of [value, text, { [text]: value }]) {
          // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
          expect(renderValue(one)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        }
      },
    ),
  );
  const hostile = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error("no");
      },
    },
  );
  expect(renderValue(hostile)).toBe("a value that cannot be shown");
});
