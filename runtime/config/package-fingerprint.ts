import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import type { ExternalPackage } from "./compile.ts";

const MAX_HASHED_BYTES = 1024 * 1024;

/**
 * What tells two contents of an installed package apart: its `package.json` and its entry file. `undefined` while one of
 * them is missing. Times are left out, so that installing the same again changes nothing.
 */
export function fingerprintOf({ dir, entry }: ExternalPackage): string | undefined {
  try {
    const hash = createHash("sha256");
    for (const file of [join(dir, "package.json"), entry]) {
      const { size } = statSync(file);
      hash.update(`${size}\n`);
      if (size <= MAX_HASHED_BYTES) hash.update(readFileSync(file));
    }
    return hash.digest("hex");
  } catch {
    return undefined;
  }
}
