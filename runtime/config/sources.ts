import { SourceMap } from "node:module";
import type { SourceMapPayload } from "node:module";
import { isAbsolute, resolve } from "node:path";

import { renderFrame } from "./code-frame.ts";
import type { SourcePlace } from "./issue.ts";

/**
 * The way back from compiled code to the user's files. Holds the texts as they were compiled, so that a frame of an old
 * generation shows the code that ran, not what the file says now.
 */
export interface Sources {
  /** The place of a position in the compiled code (both counted from 1); `undefined` if no user's file is behind it. */
  placeOf(line: number, column: number): SourcePlace | undefined;
  /** The code frame of a place that `placeOf` gave. */
  frameOf(place: SourcePlace): string | undefined;
  /** The text of a user's file. */
  textOf(file: string): string | undefined;
}

/** Reads esbuild's source map. `prefixes`: characters that were put before the first line of a file. */
export function toSources(
  mapText: string,
  dir: string,
  prefixes: ReadonlyMap<string, number>,
): Sources {
  // Parsing costs more than a reload should pay for stacks that may never be asked for.
  let parsed: { readonly map: SourceMap; readonly texts: ReadonlyMap<string, string> } | undefined;
  let unparsed: string | undefined = mapText;
  const parse = () => {
    if (parsed === undefined) {
      parsed = parseMap(unparsed ?? "{}", dir, prefixes);
      unparsed = undefined;
    }
    return parsed;
  };
  return {
    placeOf(line, column) {
      const origin = parse().map.findEntry(line - 1, column - 1);
      if (!("originalSource" in origin) || !isAbsolute(origin.originalSource)) return undefined;
      const file = origin.originalSource;
      const prefix = origin.originalLine === 0 ? (prefixes.get(file) ?? 0) : 0;
      return {
        file,
        line: origin.originalLine + 1,
        column: Math.max(0, origin.originalColumn - prefix) + 1,
      };
    },
    frameOf(place) {
      const text = parse().texts.get(place.file);
      return text === undefined ? undefined : renderFrame(text, place.line, place.column);
    },
    textOf: (file) => parse().texts.get(file),
  };
}

function parseMap(
  mapText: string,
  dir: string,
  prefixes: ReadonlyMap<string, number>,
): { map: SourceMap; texts: Map<string, string> } {
  const payload = JSON.parse(mapText) as SourceMapPayload;
  const texts = new Map<string, string>();
  const sources = payload.sources.map((source, index) => {
    // Not a file: the bridge modules that the package rule makes.
    if (source.startsWith("gatewright-package-")) return source;
    const file = resolve(dir, source);
    texts.set(file, (payload.sourcesContent[index] ?? "").slice(prefixes.get(file) ?? 0));
    return file;
  });
  return { map: new SourceMap({ ...payload, sources, sourcesContent: [], sourceRoot: "" }), texts };
}
