import { readFileSync } from "node:fs";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { characterClasses } from "../../../../../runtime/primitives/waf/detect/characters.ts";
import { mayBeQuery } from "../../../../../runtime/primitives/waf/detect/sql-plain.ts";
import { SqlTokens } from "../../../../../runtime/primitives/waf/detect/sql-tokens.ts";
import {
  ATTACK_FUNCTIONS,
  CATALOGUE,
  WORD,
  WORD_KINDS,
} from "../../../../../runtime/primitives/waf/detect/sql-words.ts";
import { askTokens } from "../../../../../runtime/primitives/waf/detect/sql.ts";
import { scaled } from "../../../../helpers/scale.ts";

const WORDS = [
  ...WORD_KINDS.keys(),
  ...[...ATTACK_FUNCTIONS, ...CATALOGUE].filter((_, at) => at % 5 === 0),
  ..."sleep if iif database count exists table infile data master immediate program by open analyse".split(
    " ",
  ),
  ..."pragma prepare do xp_cmdshell sp_x print binary _utf8 delay text int don't O'Brien to on all".split(
    " ",
  ),
];
const OTHERS = [
  ..."' ' \" ` ( ) ) ; ; , . : := = = == < > & && | || + - / % ^ ? [ ] { } \\ ! ~ @ @@x $ # -- /*".split(
    " ",
  ),
  ..."1 2 7 10.5 1.e 1.e.x 0x1 1or 1e0and x y Anna \u212aill \u00fcber \u00a0 \n".split(" "),
];
const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 4, arbitrary: fc.constantFrom(...OTHERS) },
);
const text = fc
  .array(fc.tuple(piece, fc.constantFrom("", " ", " ")), { minLength: 1, maxLength: 10 })
  .map((parts) => parts.flat().join(""));

/** Injections as we wrote them down, some of their words and marks taken out, put in or changed. */
const INJECTIONS = readFileSync("test/fixtures/attacks/sqli.lines", "utf8")
  .split("\n")
  .filter((line) => line.length > 0 && line.length < 120)
  .map((line) => line.match(/\w+|\s+|[^\w\s]/g) ?? []);
const edit = fc.tuple(fc.nat(60), fc.constantFrom("leave", "cut", "change", "add", "cut"), piece);
const injection = fc
  .tuple(fc.constantFrom(...INJECTIONS), fc.array(edit, { maxLength: 4 }))
  .map(([line, edits]) => {
    const pieces = [...line];
    for (const [where, kind, other] of edits) {
      const at = where % (pieces.length + 1);
      if (kind === "cut") pieces.splice(at, 1);
      else if (kind === "change") pieces.splice(at, 1, other);
      else if (kind === "add") pieces.splice(at, 0, other);
    }
    return pieces.join("");
  });

describe("texts that are no query", () => {
  it.each([
    ["put together from words and marks", text, 20_000],
    ["that were injections", injection, 60_000],
  ])("are none for whoever asks their tokens: %s", (_, values, runs) => {
    let spared = 0;
    fc.assert(
      fc.property(values, (value) => {
        if (mayBeQuery(value, characterClasses(value))) return;
        spared += 1;
        expect({ value, found: askTokens(value) }).toEqual({ value, found: undefined });
      }),
      { numRuns: scaled(runs, 2_000_000) },
    );
    expect(spared).toBeGreaterThan(runs / 40);
  });

  it("are what sentences, names and addresses are", () => {
    for (const value of [
      "O'Brien and sons",
      "Please wrap it & don't fold; it's for Anna",
      'He said "select a shirt" no more'.replace("select", "choose"),
      "https://shop.test/search?q=o'brien&page=2",
      '{"a":true,"n":5}',
      "It is not in the box, or so they say; from Monday on (until 5) it's back",
    ]) {
      expect({ value, may: mayBeQuery(value, characterClasses(value)) }).toEqual({
        value,
        may: false,
      });
    }
  });
});

describe("tokens", () => {
  it("are of the kind of their word, whatever its case", () => {
    const tokens = new SqlTokens();
    const word = fc
      .oneof(
        fc.constantFrom(...WORD_KINDS.keys()),
        fc.stringMatching(/^[a-zA-Z_\u212a\u00e9][\w$\u212a]{0,12}$/),
      )
      .chain((plain) =>
        fc
          .array(fc.boolean(), { minLength: plain.length, maxLength: plain.length })
          .map((upper) =>
            Array.from(plain, (letter, at) => (upper[at] ? letter.toUpperCase() : letter)).join(""),
          ),
      );
    fc.assert(
      fc.property(word, (value) => {
        tokens.open(`x ${value} x`);
        const lower = value.toLowerCase();
        expect({ value, kind: tokens.kind[2], word: tokens.wordAt(2) }).toEqual({
          value,
          kind: WORD_KINDS.get(lower) ?? WORD,
          word: lower,
        });
      }),
      { numRuns: scaled(2000, 100_000) },
    );
  });
});
