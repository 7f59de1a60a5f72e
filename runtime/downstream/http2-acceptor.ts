import type { Socket } from "node:net";

import type { DeadlineWheel } from "../clock.ts";
import type { ListenerFacts } from "./connection-facts.ts";
import type { Exchange } from "./exchange.ts";
import { Http2Connection, type Http2ConnectionOwner } from "./http2-connection.ts";
import type { ListenerLimits } from "./limits.ts";
import type { Refusal } from "./refusal.ts";
import type { SecureConnection } from "./secure-connection.ts";

/** What the acceptor needs of its listener. */
export interface Http2AcceptorOwner extends ListenerFacts {
  readonly limits: ListenerLimits;
  readonly wheel: DeadlineWheel;
  readonly draining: boolean;
  /** Every request that passed the head's checks; many at a time for each connection. */
  serve(exchange: Exchange): void;
  /** Protocols (lower case) that an extended CONNECT may ask for; others get 405. */
  mayUpgrade(token: string): boolean;
  onError(error: unknown): void;
  /** Requests that were answered here, and connections that were cut. */
  onRefused(refusal: Refusal): void;
  /** One connection less. */
  onHttp2Closed(): void;
}

export interface Http2Stats {
  readonly connections: number;
  readonly idle: number;
  readonly tunnels: number;
}

/** HTTP/2 on sockets that somebody else has accepted: after ALPN chose `h2`, or with prior knowledge. */
export class Http2Acceptor implements Http2ConnectionOwner {
  readonly #owner: Http2AcceptorOwner;
  readonly #connections = new Set<Http2Connection>();

  constructor(owner: Http2AcceptorOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#connections.size;
  }

  get limits(): ListenerLimits {
    return this.#owner.limits;
  }

  get wheel(): DeadlineWheel {
    return this.#owner.wheel;
  }

  get redirectPort(): number | undefined {
    return this.#owner.redirectPort;
  }

  /** Takes the socket over. What was read of it must have been put back with `unshift`. */
  accept(socket: Socket, secure: SecureConnection | undefined): void {
    if (socket.destroyed) {
      this.#owner.onHttp2Closed();
      return;
    }
    const connection = new Http2Connection(socket, secure, this);
    this.#connections.add(connection);
    if (this.#owner.draining) connection.drain();
  }

  /** GOAWAY everywhere; each connection closes after its last stream. */
  drain(): void {
    for (const connection of this.#connections) connection.drain();
  }

  /** Ends every connection at once. */
  cutAll(): void {
    for (const connection of this.#connections) connection.cut();
  }

  stats(): Http2Stats {
    let idle = 0;
    let tunnels = 0;
    for (const connection of this.#connections) {
      tunnels += connection.tunnels;
      if (connection.isIdle) idle += 1;
    }
    return { connections: this.#connections.size, idle, tunnels };
  }

  serve(exchange: Exchange): void {
    this.#owner.serve(exchange);
  }

  mayUpgrade(token: string): boolean {
    return this.#owner.mayUpgrade(token);
  }

  onError(error: unknown): void {
    this.#owner.onError(error);
  }

  onRefused(refused: Refusal): void {
    this.#owner.onRefused(refused);
  }

  onConnectionClosed(connection: Http2Connection): void {
    this.#connections.delete(connection);
    this.#owner.onHttp2Closed();
  }
}
