import type { TransformFunction } from "@gatewright/sdk";

import type { DeadlineWheel } from "../../clock.ts";
import type { ContentSource } from "../../http/content.ts";
import { parseCodings } from "../../http/content-codings.ts";
import { decodedSource, encodeContent } from "../../primitives/content-coding/content-coding.ts";
import { TransformedContent } from "./transformed-content.ts";

export interface TransformOptions {
  /** `Content-Encoding` of the source: taken off before the edits and applied again after them. */
  readonly contentEncoding: string | undefined;
  /** Longest single wait for the user's code; waits for the upstream and the client do not count. */
  readonly hookTimeoutMs: number;
  readonly wheel: DeadlineWheel;
}

/**
 * The content of `source` as edited by `fns`, one after the other.
 *
 * Nothing runs before the result is opened; while it is paused, the edits stand still and so does the source. At most
 * about 64 KiB wait on each side of the edits (and of a coder, where there is one), whatever the size of the content.
 * Cancelling the result cancels the source at once and ends the edits through their `finally` blocks. An edit that
 * throws or takes too long ends the result with `onError`, never with `onEnd`.
 */
export function runTransforms(
  source: ContentSource,
  fns: readonly TransformFunction[],
  options: TransformOptions,
): ContentSource {
  const { contentEncoding = "" } = options;
  const decoded = decodedSource(source, contentEncoding);
  const edited = new TransformedContent(decoded, fns, options.hookTimeoutMs, options.wheel);
  return encodeContent(edited, parseCodings(contentEncoding) ?? []);
}
