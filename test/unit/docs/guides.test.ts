/** docs/README.md leads to every page, and every guide ends with what readers look for. */
import { describe, expect, it } from "vitest";

import { markdownPages, readPage } from "../../helpers/markdown.ts";

const index = readPage("docs/README.md");
const pages = markdownPages().filter(
  (page) => /^docs\/[^/]+\.md$/.test(page) && page !== "docs/README.md",
);

/** Pages under a heading of the index. */
function listed(heading: string): string[] {
  const start = index.indexOf(`\n## ${heading}\n`);
  const end = index.indexOf("\n## ", start + 1);
  const part = index.slice(start, end === -1 ? undefined : end);
  return [...part.matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, file = ""]) => `docs/${file}`);
}

describe("docs/README.md", () => {
  it("has the groups Start, Guides, Reference and Operating", () => {
    expect([...index.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual(
      expect.arrayContaining(["Start", "Guides", "Reference", "Operating"]),
    );
  });

  it.each(pages)("leads to %s", (page) => {
    expect(index).toContain(`](${page.slice("docs/".length)})`);
  });
});

describe("guides", () => {
  // Two facts for hooks: no phase, no option, no error of their own.
  const guides = listed("Guides").filter((page) => !/(?:score|load)\.md$/.test(page));

  it("are found", () => {
    expect(guides.length).toBeGreaterThan(10);
  });

  it.each(guides)("end with phase, options, reload and errors: %s", (page) => {
    const text = readPage(page);
    const short = text.slice(text.indexOf("\n## In short\n"));
    for (const row of ["Phase", "Options and defaults", "What a reload resets", "Errors"]) {
      expect(short).toMatch(new RegExp(`^\\| ${row} \\| \\S.* \\|$`, "m"));
    }
  });

  it.each(guides)("name only errors that exist: %s", (page) => {
    const errors = readPage("docs/errors.md");
    for (const [code] of readPage(page).matchAll(/\bPROXY_[A-Z]+(?:_[A-Z]+)*\b/g)) {
      expect(errors).toContain(`\`${code}\``);
    }
  });
});
