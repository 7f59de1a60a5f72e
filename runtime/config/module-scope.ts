import { readFile } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { pathToFileURL } from "node:url";

import type { Loader, Plugin } from "esbuild";

/** esbuild options that send the per-file names to the constants which {@link moduleScope} writes into each file. */
export const MODULE_SCOPE_DEFINES: Readonly<Record<string, string>> = {
  "import.meta.url": "__gatewright_url",
  "import.meta.dirname": "__gatewright_dirname",
  "import.meta.filename": "__gatewright_filename",
  "import.meta.main": "false",
  __dirname: "__gatewright_dirname",
  __filename: "__gatewright_filename",
};

const LOADERS: ReadonlyMap<string, Loader> = new Map([
  [".ts", "ts"],
  [".mts", "ts"],
  [".cts", "ts"],
  [".tsx", "tsx"],
  [".js", "js"],
  [".mjs", "js"],
  [".cjs", "js"],
  [".jsx", "jsx"],
]);

const MENTIONS = /\bimport\s*\.\s*meta\b|\b__(?:dir|file)name\b/;

export interface ModuleScopeTarget {
  /** Each file that the build reads, also when it fails later. */
  onInput(path: string): void;
  /** Length of what was put before the first line of a file. */
  onPrefix(path: string, length: number): void;
}

/**
 * Gives each bundled file its own `import.meta.url`, `__dirname` and so on: a bundle has only one of each.
 *
 * Constants go before the text *on its first line*, so that line numbers stay; the columns of line 1 are put right where
 * places are shown.
 */
export function moduleScope(target: ModuleScopeTarget): Plugin {
  return {
    name: "gatewright:module-scope",
    setup(build) {
      build.onLoad({ filter: /.*/, namespace: "file" }, async (args) => {
        target.onInput(args.path);
        const loader = LOADERS.get(extname(args.path));
        if (loader === undefined || Object.keys(args.with).length > 0) return undefined;
        const text = await readFile(args.path, "utf8");
        if (!MENTIONS.test(text)) return undefined;
        const contents = withScope(text, args.path);
        target.onPrefix(args.path, contents.length - text.length);
        return { contents, loader };
      });
    },
  };
}

function withScope(text: string, path: string): string {
  const quoted = JSON.stringify;
  const scope =
    `const __gatewright_url = ${quoted(pathToFileURL(path).href)}, ` +
    `__gatewright_filename = ${quoted(path)}, __gatewright_dirname = ${quoted(dirname(path))};`;
  // A directive counts only at the very start, and so does a hashbang.
  if (/^\s*(["'])use strict\1/.test(text)) return `"use strict";${scope}${text}`;
  if (text.startsWith("#!")) return `${scope}//${text}`;
  return scope + text;
}
