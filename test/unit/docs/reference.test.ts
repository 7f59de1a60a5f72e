/** docs/reference.md is what the SDK's doc comments say. */
import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { hooksReference } from "../../../scripts/hooks-reference.ts";

const page = readFileSync(new URL("../../../docs/reference.md", import.meta.url), "utf8");

describe("docs/reference.md", () => {
  it("is what `npm run docs` writes", () => {
    expect(page).toBe(hooksReference());
  });

  it("has the members of the types with their comments, overloads in one row", () => {
    expect(page).toContain("| `readonly ok: boolean` | True for 200 to 299. |");
    expect(page).toMatch(
      /\| `debug\(fields: object, message\?: string\): void`<br>`debug\(message: string\): void` \| Shown/,
    );
  });

  it("leaves out names that are only reserved, and no comment of a member is empty", () => {
    expect(page).not.toContain(": never` |");
    expect(page).not.toMatch(/\| {2}\|$/m);
  });
});
