/**
 * Connections of HTTP/1.1 over TLS that have said nothing yet. Browsers open some of them ahead, and many clients no more
 * than look whether a handshake works: until the first byte, a connection gets neither parser nor socket options.
 */
import type { Socket } from "node:net";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import { type Linked, LinkedSet } from "../linked-set.ts";
import type { ListenerLimits } from "./limits.ts";
import type { SecureConnection } from "./secure-connection.ts";

export interface UnusedConnectionsOwner {
  readonly limits: ListenerLimits;
  readonly wheel: DeadlineWheel;
  readonly draining: boolean;
  /** Its first bytes are here, still in the socket. */
  onUsed(socket: Socket, secure: SecureConnection): void;
  /** A connection ended without a request. */
  onUnusedClosed(): void;
}

/** The time that a connection which has said nothing yet has left when the listener drains. */
const DRAIN_GRACE_MS = 1000;

export class UnusedConnections {
  readonly owner: UnusedConnectionsOwner;
  readonly #waiting = new LinkedSet<UnusedConnection>();

  constructor(owner: UnusedConnectionsOwner) {
    this.owner = owner;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** The first byte has as long as a head has. */
  add(socket: Socket, secure: SecureConnection): void {
    const { draining, limits } = this.owner;
    const unused = new UnusedConnection(socket, secure, this);
    this.#waiting.add(unused);
    unused.expireIn(draining ? DRAIN_GRACE_MS : limits.headTimeMs);
  }

  drain(): void {
    for (const unused of this.#waiting.toArray()) unused.expireIn(DRAIN_GRACE_MS);
  }

  cutAll(): void {
    for (const unused of this.#waiting.toArray()) unused.socket.destroy();
  }

  /** @internal */
  used(unused: UnusedConnection): void {
    if (this.#waiting.delete(unused)) this.owner.onUsed(unused.socket, unused.secure);
  }

  /** @internal */
  closed(unused: UnusedConnection): void {
    if (this.#waiting.delete(unused)) this.owner.onUnusedClosed();
  }
}

class UnusedConnection implements Linked {
  previousLinked: this | null = null;
  nextLinked: this | null = null;
  readonly socket: Socket;
  readonly secure: SecureConnection;
  readonly #connections: UnusedConnections;
  readonly #deadline: Deadline;

  readonly #onReadable = (): void => {
    const chunk = this.socket.read() as Buffer | null;
    if (chunk === null) return;
    this.#leave();
    this.socket.unshift(chunk);
    this.#connections.used(this);
  };

  readonly #onClose = (): void => {
    this.#leave();
    this.#connections.closed(this);
  };

  constructor(socket: Socket, secure: SecureConnection, connections: UnusedConnections) {
    this.socket = socket;
    this.secure = secure;
    this.#connections = connections;
    this.#deadline = new Deadline(() => socket.destroy());
    socket.on("readable", this.#onReadable);
    socket.on("close", this.#onClose);
    // Every error of a socket is followed by its close. Stays: whoever comes next adds its own.
    socket.on("error", ignoreError);
  }

  expireIn(ms: number): void {
    this.#connections.owner.wheel.arm(this.#deadline, ms);
  }

  #leave(): void {
    this.#connections.owner.wheel.disarm(this.#deadline);
    this.socket.removeListener("readable", this.#onReadable);
    this.socket.removeListener("close", this.#onClose);
  }
}

function ignoreError(): void {}
