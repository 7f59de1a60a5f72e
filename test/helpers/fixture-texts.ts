import { readdirSync, readFileSync } from "node:fs";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** One text and the file it comes from. */
export interface FixtureText {
  readonly file: string;
  readonly text: string;
}

/** What parts the texts of a file, by its extension. */
const SEPARATORS: Readonly<Record<string, string>> = {
  lines: "\n",
  texts: "\n%%\n",
  http: "\n%%%\n",
};

/** All texts of a folder of fixtures: one a line in `.lines`, else parted by lines of percent signs. */
export function fixtureTexts(folder: string): readonly FixtureText[] {
  const root = new URL(`${folder}/`, FIXTURES);
  return readdirSync(root).flatMap((file) => {
    const separator = SEPARATORS[file.slice(file.lastIndexOf(".") + 1)] as string;
    return readFileSync(new URL(file, root), "utf8")
      .split(separator)
      .map((text) => ({ file, text: text.trim() }))
      .filter(({ text }) => text !== "");
  });
}
