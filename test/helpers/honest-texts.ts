import { readdirSync, readFileSync } from "node:fs";

const FOLDER = new URL("../fixtures/honest/", import.meta.url);

/** One honest value and the file it comes from. */
export interface HonestText {
  readonly file: string;
  readonly text: string;
}

/** The values that no rule may stop: `.lines` hold one a line, `.texts` are parted by lines of `%%`. */
export function honestTexts(): HonestText[] {
  return readdirSync(FOLDER).flatMap((file) => {
    const content = readFileSync(new URL(file, FOLDER), "utf8");
    const texts = file.endsWith(".lines") ? content.split("\n") : content.split("\n%%\n");
    return texts.map((text) => ({ file, text: text.trim() })).filter(({ text }) => text !== "");
  });
}
