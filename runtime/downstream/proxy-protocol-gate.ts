/**
 * What stands between accepting a connection and using it on a listener that takes the PROXY protocol: the peer must be
 * one that may say who its clients are, and must say so before anything else.
 *
 * There is no "with or without a header": a listener that also took connections without one would let whoever reaches
 * it write the header himself (proxy-protocol.txt §2, last paragraphs).
 */
import type { Socket } from "node:net";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import { readProxyHeader } from "../http/proxy-protocol.ts";
import { setEnds } from "./proxy-protocol-ends.ts";
import type { ListenerLimits } from "./limits.ts";
import type { Refusal } from "./refusal.ts";

/** Whether a peer may say who its clients are, by the address of its socket. */
export type PeerTest = (address: string) => boolean;

/** What the gate needs of its listener. */
export interface GateOwner {
  readonly limits: ListenerLimits;
  readonly wheel: DeadlineWheel;
  readonly draining: boolean;
  onRefused(refusal: Refusal): void;
  /** A connection came through: its header is read, and the next byte is the first after it. */
  onAdmitted(socket: Socket): void;
  /** A connection ended here. */
  onTurnedAway(): void;
}

/** The time that a connection without its header has left when the listener drains. */
const DRAIN_GRACE_MS = 1000;

export class ProxyProtocolGate {
  /** `undefined`: no PROXY protocol here. Counts for connections to come. */
  mayProxy: PeerTest | undefined;
  readonly owner: GateOwner;
  readonly #waiting = new Set<WaitingConnection>();

  constructor(owner: GateOwner, mayProxy: PeerTest | undefined) {
    this.owner = owner;
    this.mayProxy = mayProxy;
  }

  /** Connections without a whole header. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Admits the connection when its header is read, at once where none is asked for, or ends it. */
  prepare(socket: Socket): void {
    if (this.mayProxy === undefined) {
      this.owner.onAdmitted(socket);
    } else if (this.mayProxy(socket.remoteAddress ?? "")) {
      this.#waiting.add(new WaitingConnection(socket, this));
    } else {
      this.refuse(socket, "the peer is not named in proxyProtocol.from");
      socket.on("error", ignoreError);
      socket.destroy();
    }
  }

  /** Connections that still owe their header get a moment. */
  drain(): void {
    for (const waiting of this.#waiting) waiting.expireIn(DRAIN_GRACE_MS);
  }

  cutAll(): void {
    for (const waiting of this.#waiting) waiting.socket.destroy();
  }

  /** @internal */
  refuse(socket: Socket, message: string): void {
    this.owner.onRefused({
      code: "PROXY_PROTOCOL_HEADER",
      message,
      peerAddress: socket.remoteAddress ?? "",
      method: undefined,
      target: undefined,
    });
  }

  /** @internal */
  admit(waiting: WaitingConnection): void {
    this.#waiting.delete(waiting);
    this.owner.onAdmitted(waiting.socket);
  }

  /** @internal */
  forget(waiting: WaitingConnection): void {
    this.#waiting.delete(waiting);
    this.owner.onTurnedAway();
  }
}

class WaitingConnection {
  readonly socket: Socket;
  readonly #gate: ProxyProtocolGate;
  readonly #deadline: Deadline;
  #held: Buffer = EMPTY;

  readonly #onReadable = (): void => {
    const chunk = this.socket.read() as Buffer | null;
    if (chunk === null) return;
    // Bounded: longer than the longest header it is either whole or refused.
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const read = readProxyHeader(this.#held);
    if (read.kind === "incomplete") return;
    if (read.kind === "invalid") {
      this.#refuse(read.message);
      return;
    }
    this.#leave();
    if (read.ends !== undefined) setEnds(this.socket, read.ends);
    // Whoever comes next finds them first, as if they were just arriving.
    if (read.length < this.#held.length) this.socket.unshift(this.#held.subarray(read.length));
    this.#gate.admit(this);
  };

  /** A balancer's check of the port: connects, says nothing, goes. Not worth a word. */
  readonly #onEnd = (): void => {
    if (this.#held.length > 0) this.#refuse("the connection ended within the PROXY header");
    else this.socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#leave();
    this.#gate.forget(this);
  };

  constructor(socket: Socket, gate: ProxyProtocolGate) {
    this.socket = socket;
    this.#gate = gate;
    this.#deadline = new Deadline(() => this.#refuse("no PROXY header in time"));
    socket.on("readable", this.#onReadable);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
    socket.on("error", ignoreError);
    this.expireIn(gate.owner.limits.headTimeMs);
  }

  expireIn(ms: number): void {
    this.#gate.owner.wheel.arm(this.#deadline, ms);
  }

  #refuse(message: string): void {
    this.#gate.refuse(this.socket, message);
    this.socket.destroy();
  }

  #leave(): void {
    this.#gate.owner.wheel.disarm(this.#deadline);
    this.socket.off("readable", this.#onReadable);
    this.socket.off("end", this.#onEnd);
    this.socket.off("close", this.#onClose);
    // The error listener stays: errors are followed by the close, which is what counts.
  }
}

const EMPTY = Buffer.alloc(0);

function ignoreError(): void {}
