import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

import type { Language } from "./languages.ts";
import { PAGE_SCRIPT, PAGE_STYLE } from "./page-assets.ts";

export interface Asset {
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly gzip: Uint8Array;
}

const SCRIPT = "text/javascript; charset=utf-8";
const STYLE = "text/css; charset=utf-8";
/** Files of altcha's package by the names that they have here. English is in the widget. */
const FILES: Readonly<Record<string, string>> = {
  "altcha.js": "external/altcha.min.js",
  "altcha.css": "external/altcha.css",
  "altcha-worker.js": "workers/pbkdf2.js",
  ...translation("de", "de"),
  ...translation("fr", "fr-fr"),
  ...translation("es", "es-es"),
  ...translation("zh", "zh-cn"),
  ...translation("ja", "ja"),
  ...translation("ar", "ar"),
};

const require = createRequire(import.meta.url);
const made = new Map<string, Asset>();

/** What the challenge page loads, read at the first use. `undefined`: there is no such thing. */
export function challengeAsset(name: string): Asset | undefined {
  const known = made.get(name);
  if (known !== undefined) return known;
  const bytes = bytesOf(name);
  if (bytes === undefined) return undefined;
  const asset: Asset = {
    type: name.endsWith(".css") ? STYLE : SCRIPT,
    bytes,
    gzip: gzipSync(bytes, { level: 9 }),
  };
  made.set(name, asset);
  return asset;
}

function bytesOf(name: string): Uint8Array | undefined {
  if (name === "page.js") return Buffer.from(PAGE_SCRIPT);
  if (name === "page.css") return Buffer.from(PAGE_STYLE);
  if (!Object.hasOwn(FILES, name)) return undefined;
  // The widget's external build: it brings no worker as a Blob and no style of its own, which a strict policy forbids.
  const external = require.resolve("altcha/external");
  return readFileSync(join(dirname(external), "..", FILES[name] as string));
}

function translation(language: Exclude<Language, "en">, file: string): Record<string, string> {
  return { [`altcha-${language}.js`]: `i18n/${file}.js` };
}
