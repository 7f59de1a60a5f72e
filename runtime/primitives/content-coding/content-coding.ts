import type { ContentSink, ContentSource } from "../../http/content.ts";
import { parseCodings, type Coding } from "../../http/content-codings.ts";
import { CodedContent } from "./coded-content.ts";
import { unknownCodingError } from "./coding.ts";
import { Decoding, Encoding } from "./coding-step.ts";
import { LIVE_LEVELS, type Levels } from "./encoder.ts";

/**
 * Content with everything that `contentEncoding` names taken off, streamed. The same source where that is nothing; a
 * source that fails with `PROXY_UPSTREAM_CONTENT_CODING` where one of the codings is unknown.
 */
export function decodedSource(source: ContentSource, contentEncoding: string): ContentSource {
  const codings = parseCodings(contentEncoding);
  if (codings !== undefined) return decodeContent(source, codings);
  return new FailedContent(source, unknownCodingError(contentEncoding));
}

/** Content with all `codings` (in the order of their application) taken off, streamed. The same source if there are none. */
export function decodeContent(source: ContentSource, codings: readonly Coding[]): ContentSource {
  let decoded = source;
  for (const coding of codings.toReversed()) {
    decoded = new CodedContent(decoded, new Decoding(coding));
  }
  return decoded;
}

/**
 * Content with `codings` applied in order, streamed. What a coder holds back is flushed when the source pauses, so nothing
 * waits for more to come; a busy stream is not flushed at all.
 */
export function encodeContent(
  source: ContentSource,
  codings: readonly Coding[],
  levels: Levels = LIVE_LEVELS,
): ContentSource {
  let encoded = source;
  for (const coding of codings) {
    encoded = new CodedContent(encoded, new Encoding(coding, levels[coding], encoded.length));
  }
  return encoded;
}

/** Instead of content that cannot be had. */
class FailedContent implements ContentSource {
  readonly length = undefined;
  readonly bytes = undefined;
  readonly #source: ContentSource;
  readonly #error: Error;
  #cancelled = false;

  constructor(source: ContentSource, error: Error) {
    this.#source = source;
    this.#error = error;
  }

  open(sink: ContentSink): void {
    this.#source.cancel();
    queueMicrotask(() => {
      if (!this.#cancelled) sink.onError(this.#error);
    });
  }

  pause(): void {}

  resume(): void {}

  cancel(): void {
    this.#cancelled = true;
    this.#source.cancel();
  }
}
