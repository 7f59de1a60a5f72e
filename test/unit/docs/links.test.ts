/** Links between pages of the repository lead somewhere: to a file that exists and to a heading that is in it. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { describe, expect, it } from "vitest";

import { markdownPages, readPage, ROOT } from "../../helpers/markdown.ts";

const pages = markdownPages();

const links = pages.flatMap((page) => {
  const text = readPage(page).replaceAll(/^( *)```[\s\S]*?^\1```$/gm, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => ({ page, target }))
    .filter(({ target }) => !/^[a-z][a-z+.-]*:/i.test(target));
});

describe("links in Markdown pages", () => {
  it("are found", () => {
    expect(pages.length).toBeGreaterThan(20);
    expect(links.length).toBeGreaterThan(50);
  });

  it.each(links)("lead somewhere: $page to $target", ({ page, target }) => {
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? join(ROOT, page) : resolve(ROOT, dirname(page), path);
    expect(existsSync(file), file).toBe(true);
    if (anchor === undefined || statSync(file).isDirectory()) return;
    expect(anchorsOf(file)).toContain(anchor);
  });
});

/** As GitHub makes them: lower case, punctuation gone, blanks to dashes. */
function anchorsOf(file: string): string[] {
  return [...readFileSync(file, "utf8").matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
