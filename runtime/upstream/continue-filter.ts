import type { Socket } from "node:net";

/**
 * Takes unasked `100 Continue` responses out of a connection's bytes (RFC 9110 §15.2.1 lets a server send them, and some
 * old ones always do), because undici fails the request on one. Only the start of each answer is looked at.
 *
 * It also knows what undici does not tell for every kind of error: whether any byte of the current answer was read.
 */
export class ContinueFilter {
  readonly #read: Socket["read"];
  readonly #socket: Socket;
  #expecting = false;
  #held: Buffer | null = null;
  /** A byte of the current answer has come. */
  answered = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    // The method of the class, TLS or plain: the one set below hides it. It is called on the socket.
    // oxlint-disable-next-line typescript/unbound-method -- kept to be called with `call`
    this.#read = socket.read;
    socket.read = (size?: number): unknown => this.read(size);
  }

  /** A request goes out: the next bytes are the start of its answer. */
  expect(): void {
    this.#expecting = true;
    this.#held = null;
    this.answered = false;
  }

  /** The bytes belong to somebody else from now on (an upgrade). */
  remove(): void {
    this.#expecting = false;
    this.#socket.read = this.#read;
  }

  read(size?: number): Buffer | null {
    const chunk = this.#read.call(this.#socket, size) as Buffer | null;
    if (chunk === null || !this.#expecting) return chunk;
    this.answered = true;
    // "HTTP/1.1 2": the tenth byte settles nearly every answer.
    if (this.#held === null && chunk.length > 9 && chunk[9] !== 0x31) {
      this.#expecting = false;
      return chunk;
    }
    return this.#withoutContinue(chunk);
  }

  #withoutContinue(chunk: Buffer): Buffer | null {
    let bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = null;
    for (;;) {
      const compared = Math.min(bytes.length, CONTINUE.length);
      if (bytes.compare(CONTINUE, 0, compared, 0, compared) !== 0) {
        this.#expecting = false;
        return bytes;
      }
      const end = bytes.length < CONTINUE.length ? -1 : bytes.indexOf("\r\n\r\n");
      if (end === -1) {
        if (bytes.length > MAX_HELD) {
          // Too long to be meant: the parser may refuse it.
          this.#expecting = false;
          return bytes;
        }
        this.#held = bytes.length === 0 ? null : bytes;
        return null;
      }
      bytes = bytes.subarray(end + 4);
    }
  }
}

const CONTINUE = Buffer.from("HTTP/1.1 100");
const MAX_HELD = 16_384;
