import type { RequestContentConfig } from "@gatewright/sdk";

import { parseDuration, parseSize } from "../units.ts";
import { DEFAULT_REQUEST_CONTENT } from "./defaults.ts";
import type { ResolvedRequestContent } from "./resolved-config.ts";

/** What is not said here holds as before: the defaults, or for a route the global options. */
export function toRequestContent(
  own: RequestContentConfig | undefined,
  base: ResolvedRequestContent = DEFAULT_REQUEST_CONTENT,
): ResolvedRequestContent {
  if (own === undefined) return base;
  return Object.freeze({
    buffer: own.buffer ?? base.buffer,
    memoryBytes: parseSize(own.memory) ?? base.memoryBytes,
    maxBytes: parseSize(own.max) ?? base.maxBytes,
    minRate: own.minRate === 0 ? 0 : (parseSize(own.minRate) ?? base.minRate),
    minRateAfterMs: parseDuration(own.minRateAfter) ?? base.minRateAfterMs,
  });
}
