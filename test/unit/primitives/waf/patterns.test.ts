import { describe, expect, it } from "vitest";

import { isFullScale } from "../../../helpers/scale.ts";
import {
  patternHash,
  proofOf,
  provenPatterns,
  wafPatterns,
} from "../../../helpers/waf-patterns.ts";

const PATTERNS = await wafPatterns();

describe("patterns of the WAF", () => {
  it("are found in its sources, literals and those that are put together", () => {
    expect(PATTERNS.length).toBeGreaterThan(300);
    expect(PATTERNS.some(({ file }) => file === "put together")).toBe(true);
    expect(PATTERNS.some(({ source }) => source.includes("union"))).toBe(true);
  });

  it("are all on the list of proven ones, which `npm run prove` writes (PUB-37)", () => {
    const proven = provenPatterns();
    const missing = PATTERNS.filter((pattern) => !proven.has(patternHash(pattern)));
    expect(missing).toEqual([]);
    const hashes = new Set(PATTERNS.map(patternHash));
    expect([...proven].filter((hash) => !hashes.has(hash))).toEqual([]);
  });

  it("would not be proven if they could run long", { timeout: 60_000 }, async () => {
    expect(await proofOf({ file: "", source: "^(?:a+)+$", flags: "" })).toContain("vulnerable");
    expect(await proofOf({ file: "", source: "x*x*y", flags: "i" })).toContain("vulnerable");
    expect(await proofOf({ file: "", source: "^a{1,9}b", flags: "i" })).toBe("safe");
  });

  it.runIf(isFullScale)("are proven safe by recheck", { timeout: 600_000 }, async () => {
    const refused: string[] = [];
    for (const pattern of PATTERNS) {
      const proof = await proofOf(pattern);
      if (proof !== "safe") refused.push(`${pattern.file}: ${proof} /${pattern.source}/`);
    }
    expect(refused).toEqual([]);
  });
});
