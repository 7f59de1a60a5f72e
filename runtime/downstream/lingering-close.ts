import type { Socket } from "node:net";

import { Deadline, type DeadlineWheel } from "../clock.ts";

const LOOK_MS = 250;
/** Without content owed: until the client closes too, at most 1 s. */
const LOOKS = 4;
/** While content is owed: at most 30 s, 128 MiB, and no pause of 5 s (give or take the deadlines' grain). */
const LOOKS_OWED = 120;
const QUIET_LOOKS_OWED = 20;
const MAX_BYTES_OWED = 128 * 1024 * 1024;

/**
 * The end of a connection (RFC 9112 §9.6): FIN after what is written, then reading on for a bounded time. A plain close
 * would answer what the client still sends with a reset, and that can take the last response from it unread.
 */
export class LingeringClose {
  readonly #socket: Socket;
  readonly #wheel: DeadlineWheel;
  readonly #owed: boolean;
  readonly #deadline: Deadline;
  readonly #bytesAtStart: number;
  #bytes: number;
  #looks = 0;
  #quietLooks = 0;

  /** `contentOwed`: the client may be in the middle of a content that it sends before it reads. */
  constructor(socket: Socket, wheel: DeadlineWheel, contentOwed: boolean) {
    this.#socket = socket;
    this.#wheel = wheel;
    this.#owed = contentOwed;
    this.#bytesAtStart = socket.bytesRead;
    this.#bytes = this.#bytesAtStart;
    this.#deadline = new Deadline(() => this.#look());
    socket.end();
    socket.resume();
    wheel.arm(this.#deadline, LOOK_MS);
  }

  /** The connection is gone. */
  stop(): void {
    this.#wheel.disarm(this.#deadline);
  }

  #look(): void {
    this.#looks += 1;
    const bytes = this.#socket.bytesRead;
    this.#quietLooks = bytes === this.#bytes ? this.#quietLooks + 1 : 0;
    this.#bytes = bytes;
    const isOver = this.#owed
      ? this.#looks >= LOOKS_OWED ||
        this.#quietLooks >= QUIET_LOOKS_OWED ||
        bytes - this.#bytesAtStart > MAX_BYTES_OWED
      : this.#looks >= LOOKS;
    if (isOver) this.#socket.destroy();
    else this.#wheel.arm(this.#deadline, LOOK_MS);
  }
}
