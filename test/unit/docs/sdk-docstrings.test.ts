import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

const SDK = new URL("../../../sdk/", import.meta.url);
/** Names that are there to be refused; one comment speaks for all of them. */
const RESERVED = /^ {2}readonly \w+: never;$/;
const DECLARATION = /^export (?:interface|type|class|const|function) \w/;
const MEMBER = /^ {2}(?:readonly )?(?:[a-zA-Z]\w*|\[Symbol\.\w+\])\??[(:<]/;

/** Exported declarations, and members of exported interfaces, without a comment before them. */
function undocumented(text: string): string[] {
  const found: string[] = [];
  let isInterface = false;
  let before = "";
  let name = "";
  for (const line of text.split("\n")) {
    const declares = DECLARATION.test(line);
    if (declares) isInterface = line.startsWith("export interface") && line.endsWith("{");
    else if (line === "}") isInterface = false;
    if (declares || (isInterface && MEMBER.test(line) && !RESERVED.test(line))) {
      const previous = name;
      name =
        /[\w\]]+(?=[?(:<\s={])/.exec(line.replace(/^export \w+ |^ *(?:readonly )?/, ""))?.[0] ??
        line;
      // The comment of the first overload speaks for the others.
      if (!before.trimEnd().endsWith("*/") && name !== previous) found.push(line.trim());
    }
    if (!line.trimStart().startsWith("//")) before = line;
  }
  return found;
}

describe("the public types", () => {
  const files = readdirSync(SDK).filter((file) => file.endsWith(".ts") && file !== "index.ts");

  it.each(files)("have a comment on every export and every member (%s)", (file) => {
    const text = readFileSync(new URL(file, SDK), "utf8");
    expect(DECLARATION.test(text) || text.includes("\nexport ")).toBe(true);
    expect(undocumented(text)).toEqual([]);
  });

  it("would be missed where they have none", () => {
    expect(
      undocumented("export interface A {\n  /** Yes. */\n  a: 1;\n  b?: 2;\n  c(): void;\n}"),
    ).toEqual(["export interface A {", "b?: 2;", "c(): void;"]);
  });
});
