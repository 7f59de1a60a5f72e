import { brotliDecompressSync, constants, inflateRawSync } from "node:zlib";

import { parseCodings } from "../../http/content-codings.ts";

/** As much of the first chunk as is looked at, and the most that a trial may make of it. */
const TRIAL_BYTES = 4096;
const TRIAL_OUTPUT_BYTES = 64 * 1024;

/**
 * Whether content that claims `contentEncoding` can be so coded, judged by the bytes that came first. Servers and apps
 * exist that say `Content-Encoding: gzip` over plain text; decoding that fails, while leaving it alone works.
 *
 * False means "certainly not". Of several codings the one applied last is looked at; unknown ones are believed.
 */
export function declaredCodingHolds(contentEncoding: string, firstChunk: Uint8Array): boolean {
  const coding = parseCodings(contentEncoding)?.at(-1);
  const chunk = firstChunk.subarray(0, TRIAL_BYTES);
  if (coding === undefined || chunk.length === 0) return true;
  switch (coding) {
    case "gzip":
      return startsWith(chunk, [0x1f, 0x8b]);
    case "zstd":
      return startsWith(chunk, [0x28, 0xb5, 0x2f, 0xfd]) || isSkippableFrame(chunk);
    case "deflate":
      // RFC 9110 §8.4.1.2: some send bare deflate under this name, and browsers take it.
      return isZlibHeader(chunk) || (!isPrintableText(chunk) && decodes(chunk, inflateRaw));
    case "br":
      // Brotli has no magic number. Text is recognised first: the start of many texts decodes as a valid beginning.
      return !isPrintableText(chunk) && decodes(chunk, brotli);
  }
}

/** A chunk shorter than the magic number holds if it is the number's beginning. */
function startsWith(chunk: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => at >= chunk.length || chunk[at] === byte);
}

/** RFC 8878 §3.1.2: 0x184D2A50 to 0x184D2A5F, little-endian, may come before the first frame. */
function isSkippableFrame(chunk: Uint8Array): boolean {
  return (
    ((chunk[0] as number) & 0xf0) === 0x50 && startsWith(chunk.subarray(1), [0x2a, 0x4d, 0x18])
  );
}

/** RFC 1950 §2.2: method 8, a window of at most 32 KiB, and the two bytes a multiple of 31. */
function isZlibHeader(chunk: Uint8Array): boolean {
  const first = chunk[0] as number;
  if ((first & 0x0f) !== 8 || first >> 4 > 7) return false;
  const second = chunk[1];
  return second === undefined || ((first << 8) | second) % 31 === 0;
}

function isPrintableText(chunk: Uint8Array): boolean {
  for (const byte of chunk) {
    if (byte === 0x7f) return false;
    // Of the control characters, those that texts have: tab, line feed, form feed, carriage return.
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d)
      return false;
  }
  try {
    // `stream`: the chunk may end within a character.
    new TextDecoder("utf-8", { fatal: true }).decode(chunk, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function decodes(chunk: Uint8Array, decode: (chunk: Uint8Array) => unknown): boolean {
  try {
    decode(chunk);
    return true;
  } catch (error) {
    // More output than the trial allows is a coding that holds.
    return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
  }
}

// The chunk is only the beginning, so its end is no error: both flush instead of finishing.

function inflateRaw(chunk: Uint8Array): unknown {
  return inflateRawSync(chunk, {
    finishFlush: constants.Z_SYNC_FLUSH,
    maxOutputLength: TRIAL_OUTPUT_BYTES,
  });
}

function brotli(chunk: Uint8Array): unknown {
  return brotliDecompressSync(chunk, {
    finishFlush: constants.BROTLI_OPERATION_FLUSH,
    maxOutputLength: TRIAL_OUTPUT_BYTES,
  });
}
