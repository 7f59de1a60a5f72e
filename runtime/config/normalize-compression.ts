import type { CompressionConfig } from "@gatewright/sdk";

import { parseSize } from "../units.ts";
import { DEFAULT_COMPRESSION } from "./defaults.ts";
import type { ResolvedCompression } from "./resolved-config.ts";

/** `undefined`: off. What a route does not say holds as on the top level, where that is on. */
export function toCompression(
  own: CompressionConfig | false | undefined,
  base: ResolvedCompression | undefined = DEFAULT_COMPRESSION,
): ResolvedCompression | undefined {
  if (own === false) return undefined;
  const { encodings, minSize, types, levels, upstream } = own ?? {};
  return Object.freeze({
    encodings: encodings === undefined ? base.encodings : Object.freeze([...new Set(encodings)]),
    minBytes: parseSize(minSize) ?? base.minBytes,
    types: types === undefined ? base.types : Object.freeze([...types]),
    levels: levels === undefined ? base.levels : Object.freeze({ ...base.levels, ...levels }),
    upstream: upstream ?? base.upstream,
  });
}

/** What is not written for a route is that of the top level. */
export function toRouteCompression(
  own: CompressionConfig | false | undefined,
  base: ResolvedCompression | undefined,
): ResolvedCompression | undefined {
  return own === undefined ? base : toCompression(own, base);
}
