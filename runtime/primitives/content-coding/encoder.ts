import { promisify } from "node:util";
import zlib from "node:zlib";
import type { Transform } from "node:stream";

import type { Coding } from "../../http/content-codings.ts";

/** Effort by coding, on its library's own scale. */
export type Levels = Readonly<Record<Coding, number>>;

/** For content that is coded while a client waits for it: where each of them still keeps up with a connection. */
export const LIVE_LEVELS: Levels = { gzip: 6, deflate: 6, br: 4, zstd: 3 };

/** Content up to here is coded on this thread, if all of it comes at once. */
export const SMALL_BYTES = 32 * 1024;

/** Levels up to which a small content may be coded on the main thread: a few hundred microseconds for 32 KiB. */
const QUICK_LEVELS: Levels = { gzip: 9, deflate: 9, br: 5, zstd: 6 };

/** For content that is coded once, in the background, and sent often. Brotli's 10 and 11 cost ten times as much for 5 % less. */
const STORED_LEVELS: Levels = { gzip: 9, deflate: 9, br: 9, zstd: 12 };

export interface EncoderOptions {
  readonly level: number;
  /** Bytes to come, where they are known: the context is not made larger than that. */
  readonly size?: number | undefined;
  /** Each write is a whole content. Default false. */
  readonly whole?: boolean;
}

/** Read-ahead on either side of a coder. Bounds what one stream holds, whatever the ratio. */
const READ_AHEAD_BYTES = 64 * 1024;

/**
 * Windows of streams, in bits. 256 KiB finds what texts repeat; the libraries' own defaults would hold 4 MiB (Brotli)
 * and 2 MiB (zstd) for each client that reads slowly. RFC 9659 allows up to 8 MiB.
 */
const WINDOW_BITS = 18;
/** The most that DEFLATE has (RFC 1951), and the default. */
const DEFLATE_BITS = 15;

const { constants } = zlib;

/** What the codings' streams have in common. */
export type Encoder = Transform & {
  flush(kind: number, done: () => void): void;
  /** Of gzip and deflate only: begins anew after {@link FINISH}. */
  reset?: () => void;
};

/** A zlib stream that applies the coding. What it holds back comes out with {@link FLUSH}. */
export function createEncoder(coding: Coding, options: EncoderOptions): Encoder {
  const stream = {
    highWaterMark: READ_AHEAD_BYTES,
    ...(options.whole === true ? { flush: FINISH[coding] } : {}),
  };
  switch (coding) {
    case "gzip":
      return zlib.createGzip({ ...stream, ...deflateOptions(options) });
    case "deflate":
      return zlib.createDeflate({ ...stream, ...deflateOptions(options) });
    case "br":
      return zlib.createBrotliCompress({ ...stream, ...brotliOptions(options) });
    case "zstd":
      return zlib.createZstdCompress({ ...stream, ...zstdOptions(options) });
  }
}

/** Kinds of flush after which all that was written can be decoded, and the window is kept. */
export const FLUSH: Readonly<Record<Coding, number>> = {
  gzip: constants.Z_SYNC_FLUSH,
  deflate: constants.Z_SYNC_FLUSH,
  br: constants.BROTLI_OPERATION_FLUSH,
  zstd: constants.ZSTD_e_flush,
};

/** Ends the coded content and not the stream. */
export const FINISH: Readonly<Record<Coding, number>> = {
  gzip: constants.Z_FINISH,
  deflate: constants.Z_FINISH,
  br: constants.BROTLI_OPERATION_FINISH,
  zstd: constants.ZSTD_e_end,
};

/**
 * Applies the coding at once, on this thread: for content so small that handing it to another one costs as much. The
 * context is as small as the content, so that thousands of them do not ask for 256 KiB each.
 */
export function encodeSmall(coding: Coding, bytes: Uint8Array, level: number): Uint8Array {
  const options = { level, size: bytes.length };
  // One output block in nearly all cases, and no 16 KiB for the answer of 300 bytes.
  const chunkSize = Math.max(256, bytes.length >> 1);
  switch (coding) {
    case "gzip":
      return zlib.gzipSync(bytes, { ...deflateOptions(options), chunkSize });
    case "deflate":
      return zlib.deflateSync(bytes, { ...deflateOptions(options), chunkSize });
    case "br":
      return zlib.brotliCompressSync(bytes, { ...brotliOptions(options), chunkSize });
    case "zstd":
      return zlib.zstdCompressSync(bytes, { ...zstdOptions(options), chunkSize });
  }
}

/** Content that is in memory, if it is small enough for an answer at once; else `undefined`. */
export function encodedAtOnce(
  coding: Coding,
  bytes: Uint8Array,
  level: number = LIVE_LEVELS[coding],
): Uint8Array | undefined {
  const quick = bytes.length <= SMALL_BYTES && level <= QUICK_LEVELS[coding];
  return quick ? encodeSmall(coding, bytes, level) : undefined;
}

const ENCODE = {
  gzip: promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip),
  deflate: promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.deflate),
  br: promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress),
  zstd: promisify<Uint8Array, zlib.ZstdOptions, Buffer>(zlib.zstdCompress),
} as const;

/**
 * Applies the coding to the whole content on another thread: for what is stored, with the effort that is worth it there,
 * or with that for live streams where somebody has made it larger.
 */
export function encodeBytes(
  coding: Coding,
  bytes: Uint8Array,
  live: number = LIVE_LEVELS[coding],
): Promise<Uint8Array> {
  const options = { level: Math.max(live, STORED_LEVELS[coding]), size: bytes.length };
  switch (coding) {
    case "gzip":
      return ENCODE.gzip(bytes, deflateOptions(options));
    case "deflate":
      return ENCODE.deflate(bytes, deflateOptions(options));
    case "br":
      return ENCODE.br(bytes, brotliOptions(options));
    case "zstd":
      return ENCODE.zstd(bytes, zstdOptions(options));
  }
}

/** The context takes (1 << windowBits + 2) + (1 << memLevel + 9) bytes: 256 KiB at most, 24 KiB for 2 KiB of content. */
function deflateOptions({ level, size }: EncoderOptions): zlib.ZlibOptions {
  // zlib cannot match over the whole window: 262 bytes of it are look-ahead. 9 is the least that it takes.
  const windowBits = size === undefined ? DEFLATE_BITS : bitsFor(size + 262, 9, DEFLATE_BITS);
  return { level, windowBits, memLevel: Math.min(8, windowBits - 7) };
}

function brotliOptions({ level, size }: EncoderOptions): zlib.BrotliOptions {
  return {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: level,
      [constants.BROTLI_PARAM_LGWIN]:
        size === undefined ? WINDOW_BITS : bitsFor(size + 16, 10, WINDOW_BITS),
      ...(size === undefined
        ? {}
        : { [constants.BROTLI_PARAM_SIZE_HINT]: Math.min(size, 2 ** 30) }),
    },
  };
}

function zstdOptions({ level, size }: EncoderOptions): zlib.ZstdOptions {
  return {
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_windowLog]:
        size === undefined ? WINDOW_BITS : bitsFor(size, 10, WINDOW_BITS),
    },
  };
}

/** Bits of the smallest window that holds `size` bytes. */
function bitsFor(size: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, 32 - Math.clz32(Math.min(size, 2 ** 30) - 1)));
}
