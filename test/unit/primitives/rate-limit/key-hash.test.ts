import fc from "fast-check";
import { expect, it } from "vitest";

import { KeyHash } from "../../../../runtime/primitives/rate-limit/key-hash.ts";

function print(seed: readonly number[], parts: readonly string[]): string {
  const hash = new KeyHash(Uint32Array.from(seed));
  hash.begin();
  for (const part of parts) hash.text(part);
  hash.end();
  return `${hash.high}:${hash.low}`;
}

it("tells keys apart by their parts, not by what they are joined to (PUB-32)", () => {
  expect(print([1, 2], ["a", "bc"])).not.toBe(print([1, 2], ["ab", "c"]));
  expect(print([1, 2], ["a"])).not.toBe(print([1, 2], ["a", ""]));
});

it("depends on the key of the process", () => {
  expect(print([1, 2], ["a"])).not.toBe(print([1, 3], ["a"]));
});

it("gives different texts different fingerprints", () => {
  const texts = Array.from({ length: 50_000 }, (_, at) => print([5, 9], [`203.0.113.${at}`, "ua"]));
  expect(new Set(texts).size).toBe(texts.length);
});

it("takes any text, and the same one to the same fingerprint", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (parts) => {
      expect(print([3, 4], parts)).toBe(print([3, 4], parts));
    }),
  );
});

it("mixes a text as it mixes the words that the text is made of", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
      const hash = new KeyHash(Uint32Array.of(3, 4));
      hash.begin();
      hash.word(text.length);
      for (let at = 0; at < text.length; at += 2) {
        hash.word(text.charCodeAt(at) | ((text.charCodeAt(at + 1) || 0) << 16));
      }
      hash.end();
      expect(`${hash.high}:${hash.low}`).toBe(print([3, 4], [text]));
    }),
  );
});
