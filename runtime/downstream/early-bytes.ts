import type { Socket } from "node:net";

/** Bytes of the new protocol that a client may send before its upgrade is accepted; then it has to wait. */
const MAX_EARLY_BYTES = 64 * 1024;

/** What a client sends before its upgrade is accepted, and the sign that it went away. */
export class EarlyBytes {
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  readonly #onEnd: () => void;
  #size = 0;

  readonly #onData = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size > MAX_EARLY_BYTES) this.#socket.pause();
  };

  constructor(socket: Socket, first: Buffer, onEnd: () => void) {
    this.#socket = socket;
    this.#onEnd = onEnd;
    if (first.length > 0) this.#onData(first);
    socket.on("data", this.#onData);
    socket.on("end", onEnd);
  }

  get size(): number {
    return this.#size;
  }

  /** The socket is the new protocol's: paused, these bytes first. */
  giveBack(): void {
    this.#stop();
    this.#socket.pause();
    if (this.#size > 0) this.#socket.unshift(Buffer.concat(this.#chunks));
  }

  discard(): void {
    this.#stop();
    this.#chunks.length = 0;
  }

  #stop(): void {
    this.#socket.removeListener("data", this.#onData);
    this.#socket.removeListener("end", this.#onEnd);
  }
}
