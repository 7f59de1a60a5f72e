/** Chunks below this size are copied together: each has a price of its own, whatever it carries. */
const SMALL_BYTES = 8 * 1024;
/** Blocks for small chunks grow from the one to the other, so that a trickle pins little and a flood of them costs few. */
const FIRST_BLOCK_BYTES = 1024;
const MAX_BLOCK_BYTES = 64 * 1024;

/**
 * Bytes of a content as they came, in order. Large chunks are kept as they are. Small ones are copied into blocks: a
 * client that sends a byte a chunk would otherwise cost two hundred times its bytes, or 64 KiB of the connection's
 * read buffer for each.
 */
export class HeldBytes {
  #chunks: Uint8Array[] = [];
  /** The last entry's memory, if it is a block with room: the entry is the part of it in use. */
  #block: Buffer | undefined;
  #used = 0;
  #nextBlockBytes = FIRST_BLOCK_BYTES;
  size = 0;
  /** Memory that is kept for them, room in the block included. */
  pinned = 0;

  /** `isWhole`: nothing will follow, so a copy would gain nothing. Returns by how much `pinned` grew. */
  add(chunk: Uint8Array, isWhole = false): number {
    if (chunk.byteLength === 0) return 0;
    this.size += chunk.byteLength;
    const before = this.pinned;
    if (isWhole || chunk.byteLength >= SMALL_BYTES) {
      this.#block = undefined;
      this.#chunks.push(chunk);
      this.pinned += chunk.byteLength;
    } else {
      this.#copy(chunk);
    }
    return this.pinned - before;
  }

  get chunks(): readonly Uint8Array[] {
    return this.#chunks;
  }

  /** Hands them over. */
  take(): Uint8Array[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#block = undefined;
    this.size = 0;
    this.pinned = 0;
    return chunks;
  }

  #copy(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.byteLength) {
      const block = this.#block ?? this.#newBlock();
      const count = Math.min(chunk.byteLength - at, block.byteLength - this.#used);
      block.set(chunk.subarray(at, at + count), this.#used);
      this.#used += count;
      at += count;
      this.#chunks[this.#chunks.length - 1] = block.subarray(0, this.#used);
      if (this.#used === block.byteLength) this.#block = undefined;
    }
  }

  #newBlock(): Buffer {
    // Not from node's pool: what is counted must be what is kept.
    const block = Buffer.allocUnsafeSlow(this.#nextBlockBytes);
    this.#nextBlockBytes = Math.min(MAX_BLOCK_BYTES, this.#nextBlockBytes * 2);
    this.#block = block;
    this.#used = 0;
    this.#chunks.push(block.subarray(0, 0));
    this.pinned += block.byteLength;
    return block;
  }
}

/** In one piece. A single chunk is its own piece: the same memory, not a copy. */
export function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  // Chunks of sockets and streams are never over shared memory.
  if (chunks.length === 1) return chunks[0] as Uint8Array<ArrayBuffer>;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
