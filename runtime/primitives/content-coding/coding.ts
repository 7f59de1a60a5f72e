import { promisify } from "node:util";
import zlib from "node:zlib";
import type { Transform } from "node:stream";

import { ProxyError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { Coding } from "../../http/content-codings.ts";

/** Read-ahead on either side of a coder. Bounds what one stream holds, whatever the ratio. */
const WINDOW_BYTES = 64 * 1024;

/** A zlib stream that takes the coding off. */
export function createDecoder(coding: Coding): Transform {
  const options = { chunkSize: WINDOW_BYTES, highWaterMark: WINDOW_BYTES };
  switch (coding) {
    case "gzip":
      return zlib.createGunzip(options);
    case "deflate":
      return zlib.createInflate(options);
    case "br":
      return zlib.createBrotliDecompress(options);
    case "zstd":
      return zlib.createZstdDecompress(options);
  }
}

const DECODE = {
  gzip: promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip),
  deflate: promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflate),
  br: promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress),
  zstd: promisify<Uint8Array, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress),
} as const;

/**
 * Takes all codings off content that is in memory. `maxBytes` holds for the result of each step, so a few bytes that
 * expand without end (a decompression bomb) stop there with `tooLarge`. Content that is not in its coding, or cut short,
 * rejects with `PROXY_UPSTREAM_CONTENT_CODING`.
 */
export async function decodeBytes(
  bytes: Uint8Array<ArrayBuffer>,
  codings: readonly Coding[],
  maxBytes: number,
  tooLarge: ErrorCode = "PROXY_UPSTREAM_CONTENT_TOO_LARGE",
): Promise<Uint8Array<ArrayBuffer>> {
  let decoded = bytes;
  // The coding applied last comes off first.
  for (const coding of codings.toReversed()) {
    // An empty content is sent with every coding, though none of them allows it.
    if (decoded.length === 0) break;
    try {
      // zlib refuses a limit of 0; one byte too many is found below.
      const buffer = await DECODE[coding](decoded, { maxOutputLength: Math.max(1, maxBytes) });
      decoded = new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
        throw decodedTooLarge(maxBytes, tooLarge);
      }
      throw codingError(coding, error);
    }
  }
  if (decoded.length > maxBytes) throw decodedTooLarge(maxBytes, tooLarge);
  return decoded;
}

/**
 * The beginning of content, all codings taken off, from the beginning of what is coded: `maxBytes` at most, and what came
 * out before an error.
 */
export async function decodedBeginning(
  bytes: Uint8Array,
  codings: readonly Coding[],
  maxBytes: number,
): Promise<Uint8Array> {
  let decoded = bytes;
  for (const coding of codings.toReversed()) {
    decoded = await beginningOf(decoded, createDecoder(coding), maxBytes);
  }
  return decoded;
}

function beginningOf(bytes: Uint8Array, decoder: Transform, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (): void => {
      decoder.destroy();
      resolve(Buffer.concat(chunks, Math.min(size, maxBytes)));
    };
    decoder.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size >= maxBytes) done();
    });
    decoder.on("error", done);
    decoder.on("end", done);
    decoder.end(bytes);
  });
}

/** The one place where zlib's errors become ours. */
export function codingError(coding: Coding, cause: unknown): ProxyError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new ProxyError("PROXY_UPSTREAM_CONTENT_CODING", {
    message: `the content is not valid ${coding}: ${detail}`,
    cause,
  });
}

export function unknownCodingError(contentEncoding: string): ProxyError {
  return new ProxyError("PROXY_UPSTREAM_CONTENT_CODING", {
    message: `content with Content-Encoding ${JSON.stringify(contentEncoding.slice(0, 64))} cannot be read`,
  });
}

function decodedTooLarge(maxBytes: number, code: ErrorCode): ProxyError {
  return new ProxyError(code, {
    message: `the decoded content is larger than ${maxBytes} bytes, the most that may be read`,
  });
}
