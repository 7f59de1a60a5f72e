import type { Exchange } from "../downstream/exchange.ts";
import { freeChunk } from "../http/chunk-memory.ts";

/** Smaller ones are cheaper left to a collection. */
export const LARGE_CHUNK_BYTES = 16 * 1024;

/**
 * Large chunks of an upstream's connection that were written to a client. As soon as the client's side has taken all of
 * them their memory is freed: cold memory costs more to write than warm.
 */
export class SentChunks {
  readonly #exchange: Exchange;
  #chunks: Uint8Array[] = [];

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** It was written just now, and nobody else has it. */
  add(chunk: Uint8Array): void {
    if (chunk.byteLength >= LARGE_CHUNK_BYTES) this.#chunks.push(chunk);
    if (this.#exchange.takenBytes === this.#exchange.bytesSent) this.#free();
  }

  #free(): void {
    if (this.#chunks.length === 0) return;
    for (const chunk of this.#chunks) freeChunk(chunk);
    this.#chunks = [];
  }
}
