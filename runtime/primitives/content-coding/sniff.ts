import { brotliDecompressSync, constants, inflateRawSync } from "node:zlib";

/**
 * Whether content that claims `contentEncoding` can be so coded, judged by the bytes that came first. Servers and apps
 * exist that say `Content-Encoding: gzip` over plain text; decoding that fails, while leaving it alone works.
 *
 * False means "certainly not". Of several codings the one applied last is looked at; unknown ones are believed.
 */
export function declaredCodingHolds(contentEncoding: string, firstChunk: Uint8Array): boolean {
  const coding = parseCodings(contentEncoding)?.at(-1);
  const chunk = firstChunk.subarray(0, SNIFFED_BYTES);
  if (coding === undefined || chunk.length === 0) return true;
  switch (coding) {
    case "gzip":
      return startsWith(chunk, 0x1f, 0x8b);
    case "zstd":
      return startsWith(chunk, 0x28, 0xb5, 0x2f, 0xfd) || isSkippableFrame(chunk);
    case "deflate":
      return isZlibHeader(chunk);
    case "br":
      // Brotli has no magic number. Text is recognised first: the start of many texts decodes as a valid beginning.
      return !isPrintableText(chunk) && decodesAsBrotli(chunk);
  }
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  if (bytes.byteLength === 0) return true;
  return magic.every((byte, at) => at >= bytes.byteLength || bytes[at] === byte);
}

/** RFC 8878 §3.1.2: 0x184D2A50 to 0x184D2A5F, little endian. */
function isSkippableFrame(bytes: Uint8Array): boolean {
  return (
    bytes.byteLength >= 4 &&
    ((bytes[0] ?? 0) & 0xf0) === 0x50 &&
    bytes[1] === 0x2a &&
    bytes[2] === 0x4d &&
    bytes[3] === 0x18
  );
}

/** RFC 1950 §2.2: method 8 and a check that makes the pair a multiple of 31. */
function isZlibHeader(bytes: Uint8Array): boolean {
  const cmf = bytes[0] ?? 0;
  const flags = bytes[1] ?? 0;
  return (
    bytes.byteLength >= 2 && (cmf & 0x0f) === 8 && cmf >> 4 <= 7 && ((cmf << 8) | flags) % 31 === 0
  );
}

function isText(bytes: Uint8Array): boolean {
  const start = bytes.subarray(0, TRIAL_BYTES);
  for (const byte of start) {
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d)
      return false;
  }
  try {
    // As a stream: the cut may fall within a character.
    new TextDecoder("utf-8", { fatal: true }).decode(start, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function decodes(bytes: Uint8Array, decode: (bytes: Uint8Array) => unknown): boolean {
  try {
    decode(bytes.subarray(0, TRIAL_BYTES));
    return true;
  } catch (error) {
    // More output than the trial allows is a decoder that works.
    return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
  }
}

function rawInflate(bytes: Uint8Array): unknown {
  return inflateRawSync(bytes, {
    finishFlush: constants.Z_SYNC_FLUSH,
    maxOutputLength: TRIAL_OUTPUT,
  });
}

function brotli(bytes: Uint8Array): unknown {
  return brotliDecompressSync(bytes, {
    finishFlush: constants.BROTLI_OPERATION_FLUSH,
    maxOutputLength: TRIAL_OUTPUT,
  });
}
