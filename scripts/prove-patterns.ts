/**
 * `npm run prove`: has recheck prove every pattern of the WAF that is not on the list of proven ones yet, and writes the
 * list anew. A pattern that is not safe, or whose proof takes too long, is named and stays off the list.
 */
import { writeFileSync } from "node:fs";

import {
  patternHash,
  proofOf,
  PROVEN_FILE,
  provenPatterns,
  wafPatterns,
} from "../test/helpers/waf-patterns.ts";

const known = provenPatterns();
const proven = new Set<string>();
let refused = 0;
for (const pattern of await wafPatterns()) {
  const hash = patternHash(pattern);
  const proof = known.has(hash) || proven.has(hash) ? "safe" : await proofOf(pattern);
  if (proof === "safe") proven.add(hash);
  else {
    refused += 1;
    console.error(`${pattern.file}: ${proof}\n  /${pattern.source}/${pattern.flags}`);
  }
}
const head = "# Patterns of the WAF that recheck has proven safe. Written by: npm run prove\n";
writeFileSync(PROVEN_FILE, `${head}${[...proven].toSorted().join("\n")}\n`);
console.log(`${proven.size} patterns are proven, ${refused} are not.`);
process.exit(refused === 0 ? 0 : 1);
