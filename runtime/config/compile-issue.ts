import { resolve } from "node:path";

import type { Message } from "esbuild";

import { readSource, renderFrame } from "./code-frame.ts";
import type { ConfigIssue } from "./issue.ts";

/** An error of esbuild as an issue: our words where ours are clearer, the place in the user's columns, a frame. */
export function messageToIssue(
  message: Message,
  dir: string,
  prefixes: ReadonlyMap<string, number>,
): ConfigIssue {
  const words = reword(message);
  const { location } = message;
  if (location === null) return { path: "", ...words };
  const file = resolve(dir, location.file);
  const prefix = location.line === 1 ? (prefixes.get(file) ?? 0) : 0;
  // esbuild counts columns in bytes of UTF-8.
  const before = Buffer.from(location.lineText).subarray(0, location.column).toString();
  const column = Math.max(0, before.length - prefix) + 1;
  const source =
    readSource(file) ?? "\n".repeat(location.line - 1) + location.lineText.slice(prefix);
  const frame = renderFrame(source, location.line, column);
  return {
    path: "",
    ...words,
    place: { file, line: location.line, column },
    ...(frame === undefined ? {} : { frame }),
  };
}

interface Words {
  readonly message: string;
  readonly fix?: string;
}

function reword(message: Message): Words {
  const { text } = message;
  const missing = /^Could not resolve "(.+)"$/.exec(text)?.[1];
  if (missing !== undefined) return missingWords(missing);
  if (/top-level await/i.test(text)) {
    return {
      message: "Top-level await is not possible in a config or in a file that it imports.",
      fix: "Move the await into an async factory: export default defineConfig(async (env) => { … return { … }; })",
    };
  }
  const unknownKind = /^No loader is configured for "(.+)" files/.exec(text)?.[1];
  if (unknownKind !== undefined) {
    return {
      message: `Files ending in "${unknownKind}" cannot be imported.`,
      fix: "Import TypeScript, JavaScript, .json or .txt; read other files with node:fs.",
    };
  }
  const detail: unknown = message.detail;
  const fix =
    typeof detail === "object" && detail !== null && "fix" in detail ? detail.fix : undefined;
  return { message: sentence(text), ...(typeof fix === "string" ? { fix } : {}) };
}

function missingWords(specifier: string): Words {
  const shown = JSON.stringify(specifier);
  if (/^[./]/.test(specifier)) {
    return {
      message: `There is no file ${shown}.`,
      fix: "Check the name, its ending and its case.",
    };
  }
  return {
    message: `The package or file ${shown} cannot be found.`,
    fix: `Install it: npm install ${specifier
      .split("/")
      .slice(0, specifier.startsWith("@") ? 2 : 1)
      .join("/")}`,
  };
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
