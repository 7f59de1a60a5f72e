import type { Coding } from "../../http/content-codings.ts";
import { createEncoder, FINISH, type Encoder, type EncoderOptions } from "./encoder.ts";

/** What an idle encoder holds: its context, and the block that it writes into. */
const HELD_BYTES: Readonly<Record<Coding, number>> = {
  gzip: 0.3 * 1024 ** 2,
  deflate: 0.3 * 1024 ** 2,
  br: 0,
  zstd: 1.5 * 1024 ** 2,
};
/** Idle encoders that are kept: with fewer than there are contents at a time, each would cost collections again. */
const MAX_IDLE_BYTES = 24 * 1024 ** 2;

/** An encoder and where it goes back to. */
export interface PooledEncoder {
  readonly encoder: Encoder;
  readonly coding: Coding;
  readonly level: number;
  /** It can begin anew once it has finished. */
  readonly reusable: boolean;
  /** Each write is a whole content: it ends with it, without the {@link finishEncoder} of the others. */
  readonly whole: boolean;
}

/**
 * Encoders for one content after the other. A new one for each costs more than its work on 50 KiB: memory that the
 * kernel must clear, and garbage collections, since the engine counts contexts as its own.
 *
 * Only gzip and deflate (which can be reset) and zstd (whose context begins a new frame by itself). Brotli's has an end.
 */
const idle: PooledEncoder[] = [];
let idleBytes = 0;

/**
 * One that is idle, else a new one. The caller listens to it alone. `whole`: for content that is written at once. Its end
 * is then part of that write, and not one more way to another thread and back.
 */
export function takeEncoder(
  coding: Coding,
  options: EncoderOptions,
  whole: boolean,
): PooledEncoder {
  const { level } = options;
  if (coding === "br") {
    const encoder = createEncoder(coding, options);
    return { encoder, coding, level, reusable: false, whole: false };
  }
  const at = idle.findLastIndex(
    (one) => one.coding === coding && one.level === level && one.whole === whole,
  );
  if (at !== -1) {
    idleBytes -= HELD_BYTES[coding];
    return idle.splice(at, 1)[0] as PooledEncoder;
  }
  // Made for contents of every size.
  const encoder = createEncoder(coding, { level, whole });
  return { encoder, coding, level, reusable: true, whole };
}

/** Ends the content. `done` follows everything that came out of it, unless that still waits for a reader. */
export function finishEncoder({ encoder, coding }: PooledEncoder, done: () => void): void {
  encoder.flush(FINISH[coding], done);
}

/** Takes back one that has finished, with nothing in it and nobody listening. Others are to be destroyed. */
export function giveEncoderBack(pooled: PooledEncoder): void {
  const { encoder, coding } = pooled;
  for (const event of ["data", "end", "error"]) encoder.removeAllListeners(event);
  encoder.resume();
  // An error without a listener would end the process; none can come while it is idle.
  encoder.on("error", ignore);
  if (coding === "gzip" || coding === "deflate") encoder.reset?.();
  idle.push(pooled);
  idleBytes += HELD_BYTES[coding];
  while (idleBytes > MAX_IDLE_BYTES) {
    const oldest = idle.shift() as PooledEncoder;
    idleBytes -= HELD_BYTES[oldest.coding];
    oldest.encoder.destroy();
  }
}

function ignore(): void {}
