import type { TransformFunction } from "@gatewright/sdk";

/**
 * Replaces a text wherever it occurs, also where it is split over two chunks: the end of what was seen is held back as
 * far as it could be the beginning of the text. Never more than that, so the page streams.
 */
export function replaceText(search: string, replacement: string): TransformFunction {
  return async function* (chunks) {
    const decoder = new TextDecoder();
    let kept = "";
    for await (const chunk of chunks) {
      kept = (kept + decoder.decode(chunk, { stream: true })).replaceAll(search, () => replacement);
      const hold = overlap(kept, search);
      yield kept.slice(0, kept.length - hold);
      kept = kept.slice(kept.length - hold);
    }
    yield (kept + decoder.decode()).replaceAll(search, () => replacement);
  };
}

/** Length of the longest end of `text` that `search` begins with. */
function overlap(text: string, search: string): number {
  for (let length = Math.min(search.length - 1, text.length); length > 0; length--) {
    if (search.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
