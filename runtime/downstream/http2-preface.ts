import type { Socket } from "node:net";

import { Deadline, type DeadlineWheel } from "../clock.ts";

/** RFC 9113 §3.4, as far as it can be told from HTTP/1.1, which has no method PRI (RFC 9113 §11.6). */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/**
 * Looks at the first bytes of a plain connection: is it HTTP/2 with prior knowledge? Nothing is consumed. No answer
 * comes if the socket closes before, or is cut because it sends nothing for `limitMs`.
 */
export class PrefaceLook {
  readonly #socket: Socket;
  readonly #wheel: DeadlineWheel;
  readonly #deadline: Deadline;
  readonly #decide: (isHttp2: boolean) => void;
  #had = 0;

  constructor(
    socket: Socket,
    wheel: DeadlineWheel,
    limitMs: number,
    decide: (isHttp2: boolean) => void,
  ) {
    this.#socket = socket;
    this.#wheel = wheel;
    this.#decide = decide;
    this.#deadline = new Deadline(() => socket.destroy());
    socket.on("readable", this.#onReadable);
    socket.on("close", this.#stop);
    socket.on("error", ignoreError);
    wheel.arm(this.#deadline, limitMs);
  }

  readonly #onReadable = (): void => {
    const chunk = this.#socket.read() as Buffer | null;
    if (chunk === null) {
      // An end before the first byte, or before the rest: HTTP/1.1 knows what to make of it.
      if (this.#socket.readableEnded) this.#settle(false);
      return;
    }
    this.#socket.unshift(chunk);
    const length = Math.min(chunk.length, PREFACE.length);
    const isPrefix = chunk.compare(PREFACE, 0, length, 0, length) === 0;
    if (!isPrefix || length === PREFACE.length) this.#settle(isPrefix);
    else if (chunk.length === this.#had && this.#socket.readableEnded) this.#settle(false);
    else this.#had = chunk.length;
  };

  readonly #stop = (): void => {
    this.#wheel.disarm(this.#deadline);
    this.#socket.removeListener("readable", this.#onReadable);
    this.#socket.removeListener("close", this.#stop);
  };

  #settle(isHttp2: boolean): void {
    this.#stop();
    this.#socket.removeListener("error", ignoreError);
    this.#decide(isHttp2);
  }
}

function ignoreError(): void {
  // Every error of a socket is followed by its close, which is what counts.
}
