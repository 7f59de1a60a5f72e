import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createCertificateIndex } from "../../../../runtime/primitives/tls/certificate-index.ts";
import type { CertificatePair } from "../../../../runtime/primitives/tls/certificate-pair.ts";

let count = 0;

function pair(names: readonly string[], more: Partial<CertificatePair> = {}): CertificatePair {
  return {
    fingerprint: `${count++}`,
    cert: "",
    key: "",
    passphrase: undefined,
    names,
    keyType: "ec",
    notBefore: 0,
    notAfter: 1000,
    from: "",
    ...more,
  };
}

describe("createCertificateIndex", () => {
  it("prefers the exact name to the wildcard, whatever their order", () => {
    const exact = pair(["a.x.test"]);
    const wildcard = pair(["*.x.test"]);
    for (const pairs of [
      [exact, wildcard],
      [wildcard, exact],
    ]) {
      const index = createCertificateIndex(pairs);
      expect(index.find("a.x.test")?.pairs).toEqual([exact]);
      expect(index.find("b.x.test")?.pairs).toEqual([wildcard]);
      expect(index.find("x.test")).toBeUndefined();
      expect(index.find("a.b.x.test")).toBeUndefined();
    }
  });

  it("has one of each kind of key, of two the one that lasts longer", () => {
    const old = pair(["a.test"]);
    const renewed = pair(["a.test"], { notAfter: 2000 });
    const rsa = pair(["a.test"], { keyType: "rsa" });
    for (const pairs of [
      [old, rsa, renewed],
      [renewed, rsa, old],
    ]) {
      expect(new Set(createCertificateIndex(pairs).find("a.test")?.pairs)).toEqual(
        new Set([renewed, rsa]),
      );
    }
  });

  it("finds what a search through all of them finds", () => {
    const label = fc.constantFrom("a", "b", "c");
    const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
    const covered = fc.oneof(
      name,
      name.map((rest) => `*.${rest}`),
    );
    fc.assert(
      fc.property(fc.uniqueArray(covered, { maxLength: 12 }), name, (names, asked) => {
        const pairs = names.map((one) => pair([one]));
        const rest = asked.split(".").slice(1).join(".");
        const expected =
          pairs.find((one) => one.names[0] === asked) ??
          pairs.find((one) => rest !== "" && one.names[0] === `*.${rest}`);
        expect(createCertificateIndex(pairs).find(asked)?.pairs[0]).toBe(expected);
      }),
    );
  });
});
