import type { Transform } from "node:stream";

import { ProxyError } from "../../errors.ts";
import type { Coding } from "../../http/content-codings.ts";
import { codingError, createDecoder } from "./coding.ts";
import { finishEncoder, giveEncoderBack, takeEncoder, type PooledEncoder } from "./encoder-pool.ts";
import { encodedAtOnce, FLUSH, SMALL_BYTES, type Encoder } from "./encoder.ts";

/** What a {@link CodedContent} does to its bytes. */
export interface CodingStep {
  /** Called with the first bytes. `whole`: they are all there are, and are written at once. */
  createCoder(whole: boolean): Transform;
  /** The result of the whole content, where it is small and all of it is there; else `undefined`. */
  wholeOf(chunks: readonly Uint8Array[], bytes: number): Uint8Array | undefined;
  toError(cause: unknown): Error;
  /** Makes the coder give out what it holds back. Absent: it holds nothing. */
  flush?(coder: Transform, done: () => void): void;
  /** The coder can serve another content after this one. Else it is ended and destroyed. */
  readonly outlives: boolean;
  /** The coder's next write ends the content. */
  readonly endsByItself: boolean;
  /** Ends the content and not the coder. */
  finish(done: () => void): void;
  /** The coder has finished, and nothing is left in it. */
  giveBack(): void;
}

export class Decoding implements CodingStep {
  readonly outlives = false;
  readonly endsByItself = false;
  readonly #coding: Coding;

  constructor(coding: Coding) {
    this.#coding = coding;
  }

  createCoder(): Transform {
    return createDecoder(this.#coding);
  }

  /** Decoders take no bytes at all for a broken stream; for us it is an empty content. */
  wholeOf(_chunks: readonly Uint8Array[], bytes: number): Uint8Array | undefined {
    return bytes === 0 ? NO_BYTES : undefined;
  }

  finish(): void {}

  giveBack(): void {}

  toError(cause: unknown): Error {
    return codingError(this.#coding, cause);
  }
}

export class Encoding implements CodingStep {
  readonly #coding: Coding;
  readonly #level: number;
  readonly #size: number | undefined;
  #pooled: PooledEncoder | undefined;

  constructor(coding: Coding, level: number, size: number | undefined) {
    this.#coding = coding;
    this.#level = level;
    this.#size = size;
  }

  createCoder(whole: boolean): Transform {
    const options = { level: this.#level, size: this.#size };
    const pooled = takeEncoder(this.#coding, options, whole);
    this.#pooled = pooled;
    return pooled.encoder;
  }

  get outlives(): boolean {
    return this.#pooled?.reusable === true;
  }

  get endsByItself(): boolean {
    return this.#pooled?.whole === true;
  }

  finish(done: () => void): void {
    if (this.#pooled !== undefined) finishEncoder(this.#pooled, done);
  }

  giveBack(): void {
    if (this.#pooled !== undefined) giveEncoderBack(this.#pooled);
    this.#pooled = undefined;
  }

  wholeOf(chunks: readonly Uint8Array[], bytes: number): Uint8Array | undefined {
    if (bytes > SMALL_BYTES) return undefined;
    return encodedAtOnce(this.#coding, joined(chunks), this.#level);
  }

  flush(coder: Transform, done: () => void): void {
    (coder as Encoder).flush(FLUSH[this.#coding], done);
  }

  toError(cause: unknown): Error {
    return new ProxyError("PROXY_INTERNAL", { message: `${this.#coding} failed`, cause });
  }
}

export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
}

const NO_BYTES = new Uint8Array(0);
