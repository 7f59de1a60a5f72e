import { readPage, toBlocks } from "./markdown.ts";

/** The first block of this kind on a recipe's page, with what `replace` says in place of what stands there. */
export function recipeBlock(
  name: string,
  info: string,
  replace: Readonly<Record<string, string>> = {},
): string {
  const page = `docs/recipes/${name}.md`;
  let text = toBlocks(page, readPage(page)).find((block) => block.info === info)?.code;
  if (text === undefined) throw new Error(`${page} has no block of ${info}`);
  for (const [from, to] of Object.entries(replace)) {
    if (!text.includes(from)) throw new Error(`${page} has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return `${text}\n`;
}
