/**
 * HTTP/2 with prior knowledge (RFC 9113 §3.3) beside HTTP/1.1 on one plain port. The preface begins like a request of
 * HTTP/1.1 with the method PRI, which that protocol does not have (§3.4, §11.6), so a few bytes tell.
 */
import type { Socket } from "node:net";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import type { ListenerLimits } from "./limits.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** What the gate needs of its listener. */
export interface PrefaceGateOwner {
  readonly limits: ListenerLimits;
  readonly wheel: DeadlineWheel;
  /** The protocol is known; its first bytes are still in the socket. */
  onProtocol(socket: Socket, isHttp2: boolean): void;
  /** A connection ended before it said anything that can be told. */
  onUnknownClosed(): void;
}

/** The time that a connection which has said nothing yet has left when the listener drains. */
const DRAIN_GRACE_MS = 1000;

export class PrefaceGate {
  readonly #owner: PrefaceGateOwner;
  readonly #waiting = new Set<WaitingSocket>();

  constructor(owner: PrefaceGateOwner) {
    this.#owner = owner;
  }

  /** Connections that have not shown what they speak. */
  get size(): number {
    return this.#waiting.size;
  }

  prepare(socket: Socket): void {
    const { wheel, limits } = this.#owner;
    const waiting = new WaitingSocket(socket, wheel, limits.headTimeMs, (isHttp2) => {
      this.#waiting.delete(waiting);
      if (isHttp2 === undefined) this.#owner.onUnknownClosed();
      else this.#owner.onProtocol(socket, isHttp2);
    });
    this.#waiting.add(waiting);
  }

  drain(): void {
    for (const waiting of this.#waiting) waiting.expireIn(DRAIN_GRACE_MS);
  }

  cutAll(): void {
    for (const waiting of this.#waiting) waiting.socket.destroy();
  }
}

class WaitingSocket {
  readonly socket: Socket;
  readonly #wheel: DeadlineWheel;
  readonly #deadline: Deadline;
  readonly #settled: (isHttp2: boolean | undefined) => void;
  #held: Buffer = Buffer.alloc(0);

  readonly #onReadable = (): void => {
    const chunk = this.socket.read() as Buffer | null;
    if (chunk === null) return;
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const length = Math.min(this.#held.length, PREFACE.length);
    const isPrefix = this.#held.compare(PREFACE, 0, length, 0, length) === 0;
    if (isPrefix && length < PREFACE.length) return;
    this.#leave();
    this.socket.unshift(this.#held);
    this.#settled(isPrefix);
  };

  readonly #onEnd = (): void => {
    // Nobody to answer: not even a request line has come.
    this.socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#leave();
    this.#settled(undefined);
  };

  constructor(
    socket: Socket,
    wheel: DeadlineWheel,
    limitMs: number,
    settled: (isHttp2: boolean | undefined) => void,
  ) {
    this.socket = socket;
    this.#wheel = wheel;
    this.#settled = settled;
    this.#deadline = new Deadline(() => socket.destroy());
    socket.on("readable", this.#onReadable);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
    // Every error of a socket is followed by its close. Stays: whoever comes next adds its own.
    socket.on("error", ignoreError);
    wheel.arm(this.#deadline, limitMs);
  }

  expireIn(ms: number): void {
    this.#wheel.arm(this.#deadline, ms);
  }

  #leave(): void {
    this.#wheel.disarm(this.#deadline);
    this.socket.removeListener("readable", this.#onReadable);
    this.socket.removeListener("end", this.#onEnd);
    this.socket.removeListener("close", this.#onClose);
  }
}

function ignoreError(): void {}
