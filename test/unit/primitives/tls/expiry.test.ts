import { describe, expect, it } from "vitest";

import type { CertificatePair } from "../../../../runtime/primitives/tls/certificate-pair.ts";
import { ExpiryCheck } from "../../../../runtime/primitives/tls/expiry.ts";

const DAY = 86_400_000;

function pair(days: number, fingerprint = "a"): CertificatePair {
  return { fingerprint, notAfter: days * DAY } as CertificatePair;
}

describe("ExpiryCheck", () => {
  it("tells at 30, 7 and 1 days and at the end, once each", () => {
    const check = new ExpiryCheck();
    const told: number[] = [];
    for (let hour = 0; hour <= 24 * 61; hour++) {
      if (check.look([pair(60)], hour * 3_600_000).notices.length > 0) told.push(60 - hour / 24);
    }
    expect(told).toEqual([30, 7, 1, 0]);
  });

  it("begins where a certificate is when it is first seen", () => {
    const check = new ExpiryCheck();
    expect(check.look([pair(5)], 0).notices).toMatchObject([{ days: 5 }]);
    expect(check.look([pair(5)], 0).notices).toEqual([]);
  });

  it("says no more than twenty, nearest first, and how many more there are", () => {
    const pairs = Array.from({ length: 50 }, (_, at) => pair(29 - at / 10, `${at}`));
    const { notices, more } = new ExpiryCheck().look(pairs, 0);
    expect(notices).toHaveLength(20);
    expect(more).toBe(30);
    expect(notices[0]?.pair.fingerprint).toBe("49");
  });
});
