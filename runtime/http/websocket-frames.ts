/**
 * Follows the frame boundaries of one direction of a WebSocket connection (RFC 6455 §5.2), looking at headers only, so
 * that a frame of ours is put between two others and never into one.
 */
export class FrameBoundary {
  /** Bytes of the current frame's payload (and masking key) still to come. */
  #skip = 0;
  #header: number[] = [];
  #broken = false;

  /** True where a new frame may begin. False for good once a length was nonsense. */
  get atBoundary(): boolean {
    return !this.#broken && this.#skip === 0 && this.#header.length === 0;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#broken) {
      if (this.#skip > 0) {
        const taken = Math.min(this.#skip, chunk.length - at);
        this.#skip -= taken;
        at += taken;
        continue;
      }
      this.#header.push(chunk[at] as number);
      at += 1;
      this.#readHeader();
    }
  }

  #readHeader(): void {
    const header = this.#header;
    if (header.length < 2) return;
    const second = header[1] as number;
    const masked = (second & 0x80) !== 0;
    const short = second & 0x7f;
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (header.length < 2 + extra) return;
    let length = short;
    if (extra > 0) {
      length = 0;
      for (let i = 2; i < 2 + extra; i++) length = length * 256 + (header[i] as number);
      if (!Number.isSafeInteger(length)) this.#broken = true;
    }
    this.#skip = length + (masked ? 4 : 0);
    this.#header = [];
  }
}

/** A Close frame with status 1001, "going away" (RFC 6455 §7.4.1): what a server sends, unmasked. */
export const GOING_AWAY_FROM_SERVER = Buffer.from([0x88, 0x02, 0x03, 0xe9]);
/** The same as a client sends it, masked as RFC 6455 §5.3 demands; an all-zero key is a valid key. */
export const GOING_AWAY_FROM_CLIENT = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]);
