import type { Socket } from "node:net";

import { DeadlineWheel } from "../clock.ts";
import type { ConnectionFacts, Exchange } from "./exchange.ts";
import { Http2Connection, type Http2Owner } from "./http2-connection.ts";
import type { ListenerLimits } from "./limits.ts";
import type { Refusal } from "./refusal.ts";

export interface Http2AcceptorOptions {
  readonly limits: ListenerLimits;
  readonly serve: (exchange: Exchange) => void;
  /** What went wrong apart from any request, or a `serve` that threw. */
  readonly onError: (error: unknown) => void;
  /** Requests that were answered here, and connections that were cut, for the log. */
  readonly onRefused?: (refused: Refusal) => void;
  /** Protocols (lower case) that an extended CONNECT may ask for; others get 405. Default: none. */
  readonly mayUpgrade?: (token: string) => boolean;
  /** One connection less: whoever drains looks at `stats`. */
  readonly onConnectionClosed?: () => void;
  readonly wheel?: DeadlineWheel;
}

export interface Http2Stats {
  readonly connections: number;
  readonly idle: number;
  readonly tunnels: number;
}

/** HTTP/2 on sockets that somebody else has accepted: after ALPN chose `h2`, or with prior knowledge. */
export interface Http2Acceptor {
  /** Takes the socket over. What was read of it must have been put back with `unshift`. */
  accept(socket: Socket, scheme: "http" | "https", facts: ConnectionFacts): void;
  /** New limits: those of the settings for new connections, all others for the open ones too. */
  adjust(limits: ListenerLimits): void;
  /** GOAWAY everywhere; each connection closes after its last stream. */
  drain(): void;
  /** Ends every connection at once. */
  cutAll(): void;
  stats(): Http2Stats;
}

export function createHttp2Acceptor(options: Http2AcceptorOptions): Http2Acceptor {
  return new SocketAcceptor(options);
}

class SocketAcceptor implements Http2Acceptor, Http2Owner {
  readonly wheel: DeadlineWheel;
  limits: ListenerLimits;

  readonly #options: Http2AcceptorOptions;
  readonly #connections = new Set<Http2Connection>();
  #draining = false;

  constructor(options: Http2AcceptorOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.wheel = options.wheel ?? new DeadlineWheel();
  }

  accept(socket: Socket, scheme: "http" | "https", facts: ConnectionFacts): void {
    if (socket.destroyed) {
      this.#options.onConnectionClosed?.();
      return;
    }
    const connection = new Http2Connection(socket, scheme, facts, this);
    this.#connections.add(connection);
    if (this.#draining) connection.drain();
  }

  adjust(limits: ListenerLimits): void {
    this.limits = limits;
  }

  drain(): void {
    this.#draining = true;
    for (const connection of this.#connections) connection.drain();
  }

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
    this.#options.serve(exchange);
  }

  mayUpgrade(token: string): boolean {
    return this.#options.mayUpgrade?.(token) === true;
  }

  onError(error: unknown): void {
    this.#options.onError(error);
  }

  onRefused(refused: Refusal): void {
    this.#options.onRefused?.(refused);
  }

  onConnectionClosed(connection: Http2Connection): void {
    this.#connections.delete(connection);
    this.#options.onConnectionClosed?.();
  }
}
