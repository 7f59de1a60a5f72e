import { randomBytes } from "node:crypto";
import { createServer, type AddressInfo, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";

import { DeadlineWheel } from "../clock.ts";
import { AddressCounts } from "./address-counts.ts";
import type { ListenerLimits } from "./limits.ts";
import type { Exchange } from "./exchange.ts";
import { Http1Connection, type ConnectionOwner } from "./http1-connection.ts";
import { createHttp1Parser, type Http1Parser } from "./http1-server.ts";
import { Http2Acceptor, type Http2AcceptorOwner } from "./http2-acceptor.ts";
import { PrefaceGate, type PrefaceGateOwner } from "./http2-preface.ts";
import { ProxyProtocolGate, type GateOwner, type PeerTest } from "./proxy-protocol-gate.ts";
import { peerAddressOf } from "./proxy-protocol-ends.ts";
import type { Refusal } from "./refusal.ts";
import type { SecureConnection } from "./secure-connection.ts";
import { TlsAcceptor, type TlsAcceptorOwner } from "./tls-acceptor.ts";
import type { ListenerTls, TicketKeySource } from "./tls-terms.ts";
import { UnusedConnections, type UnusedConnectionsOwner } from "./unused-connections.ts";

export interface ListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly limits: ListenerLimits;
  /** Every request that passed the head's checks, one at a time for each connection. */
  readonly serve: (exchange: Exchange) => void;
  /** What went wrong apart from any request: accepting, or a `serve` that threw. */
  readonly onError: (error: unknown) => void;
  /** Requests that were answered here, for the log. */
  readonly onRefused?: (refused: Refusal) => void;
  /** Protocols (lower case) that an upgrade may go to; others are ordinary requests. Default: none. */
  readonly mayUpgrade?: (token: string) => boolean;
  /** Whether a client's connection is taken, asked before TLS, with the address that a PROXY header names. Default: every one. */
  readonly admits?: (address: string) => boolean;
  /** Clients that `connectionsPerAddress` does not count: proxies that speak for many. Default: none. */
  readonly isTrusted?: (address: string) => boolean;
  /** Peers that must begin with a PROXY header; all others are refused. Default: no PROXY protocol. */
  readonly mayProxy?: PeerTest | undefined;
  readonly wheel?: DeadlineWheel;
  /** HTTP/2 with prior knowledge beside HTTP/1.1, where no TLS is spoken. Default false. */
  readonly h2c?: boolean;
  /** Speak TLS. Default: plain text. */
  readonly tls?: ListenerTls | undefined;
  /** Shared with other listeners, so that a session goes on at any of them. Default: a key of its own. */
  readonly ticketKeys?: TicketKeySource;
  /** Handshakes that came to nothing, for the log. */
  readonly onHandshakeFailed?: (peerAddress: string, reason: string) => void;
  /** Port that requests in plain text are sent to, with TLS. */
  readonly redirectPort?: number | undefined;
}

export interface ListenerStats {
  /** Handshakes included. */
  readonly connections: number;
  readonly handshakes: number;
  readonly idle: number;
  readonly tunnels: number;
  /** Since the start. */
  readonly accepted: number;
  readonly refused: number;
  /** Closed at accept because the listener was full. */
  readonly dropped: number;
}

export interface ListenerAddress {
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

/** An open port and its connections. */
export interface Listener {
  /** Resolves when connections are accepted; rejects if the address cannot be had. */
  readonly ready: Promise<ListenerAddress>;
  /** New limits, for the connections that are open too; only a larger head needs a new one. */
  adjust(limits: ListenerLimits): void;
  /**
   * Other certificates and rules, for handshakes from now on and for the hosts that open connections may serve. From
   * plain text to TLS or back: connections of the other kind close after their response.
   */
  setTls(tls: ListenerTls | undefined): void;
  setRedirectPort(port: number | undefined): void;
  /** Whether new connections may speak HTTP/2 with prior knowledge. */
  setPriorKnowledge(h2c: boolean): void;
  /** Who must send a PROXY header, for new connections. */
  setPeers(mayProxy: PeerTest | undefined): void;
  stats(): ListenerStats;
  /** Frees the port. Connections that were accepted stay. */
  stopAccepting(): void;
  /**
   * Stops accepting, closes idle connections now and busy ones after their response. Resolves when all are gone:
   * tunnels and long responses stay until they end or `cutAll` is called.
   */
  drain(): Promise<void>;
  /** Ends every connection at once. */
  cutAll(): void;
}

/** TCP keep-alive probes find peers that vanished without a word behind a socket that lives for a week. */
const KEEP_ALIVE_PROBE_MS = 60_000;

export function createListener(options: ListenerOptions): Listener {
  return new PortListener(options);
}

class PortListener
  implements
    Listener,
    ConnectionOwner,
    TlsAcceptorOwner,
    GateOwner,
    PrefaceGateOwner,
    UnusedConnectionsOwner,
    Http2AcceptorOwner
{
  readonly ready: Promise<ListenerAddress>;
  readonly wheel: DeadlineWheel;
  limits: ListenerLimits;
  draining = false;
  redirectPort: number | undefined;
  readonly tlsProtocols: readonly string[] = ["h2", "http/1.1"];

  readonly #options: ListenerOptions;
  readonly #connections = new Set<Http1Connection>();
  readonly #parser: Http1Parser;
  readonly #gate: ProxyProtocolGate;
  readonly #preface = new PrefaceGate(this);
  readonly #unused = new UnusedConnections(this);
  readonly #http2 = new Http2Acceptor(this);
  readonly #addresses = new AddressCounts();
  readonly #server = createServer({ allowHalfOpen: true });
  readonly #drained = Promise.withResolvers<void>();
  readonly #ticketKeys: TicketKeySource;
  /** Kept when the listener goes back to plain text: its connections go on. */
  #tls: TlsAcceptor | undefined;
  #speaksTls = false;
  #h2c: boolean;
  #accepting = true;
  #accepted = 0;
  #refused = 0;
  #dropped = 0;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.wheel = options.wheel ?? new DeadlineWheel();
    this.#parser = createHttp1Parser(options.limits);
    this.#gate = new ProxyProtocolGate(this, options.mayProxy);
    this.#ticketKeys = options.ticketKeys ?? ownTicketKey();
    this.redirectPort = options.redirectPort;
    this.#h2c = options.h2c === true;
    this.setTls(options.tls);
    this.#server.maxConnections = options.limits.connections;
    this.#server.on("connection", (socket) => this.#accept(socket));
    this.#server.on("drop", () => {
      this.#dropped += 1;
    });
    this.ready = this.#listen();
  }

  adjust(limits: ListenerLimits): void {
    this.limits = limits;
    this.#server.maxConnections = limits.connections;
    this.#parser.adjust(limits);
  }

  setTls(tls: ListenerTls | undefined): void {
    const speaksTls = tls !== undefined;
    if (speaksTls !== this.#speaksTls) {
      this.#speaksTls = speaksTls;
      for (const connection of this.#connections) {
        connection.closeAfterCurrent();
        connection.drain();
      }
      this.#unused.drain();
      this.#http2.drain();
    }
    if (tls === undefined) return;
    if (this.#tls === undefined) this.#tls = new TlsAcceptor(this, this.#ticketKeys, tls);
    else this.#tls.adjust(tls);
  }

  setRedirectPort(port: number | undefined): void {
    this.redirectPort = port;
  }

  setPeers(mayProxy: PeerTest | undefined): void {
    this.#gate.mayProxy = mayProxy;
  }

  setPriorKnowledge(h2c: boolean): void {
    this.#h2c = h2c;
  }

  stats(): ListenerStats {
    const handshakes = this.#tls?.size ?? 0;
    const http2 = this.#http2.stats();
    let { idle, tunnels } = http2;
    idle += this.#unused.size;
    for (const connection of this.#connections) {
      if (connection.isTunnel) tunnels += 1;
      else if (connection.isIdle) idle += 1;
    }
    return {
      connections: this.#size,
      handshakes,
      idle,
      tunnels,
      accepted: this.#accepted,
      refused: this.#refused,
      dropped: this.#dropped,
    };
  }

  stopAccepting(): void {
    if (!this.#accepting) return;
    this.#accepting = false;
    // net's close, not http's: that one also resets connections that have not sent their first request.
    if (this.#server.listening) this.#server.close();
    this.#settle();
  }

  drain(): Promise<void> {
    this.draining = true;
    this.stopAccepting();
    this.#gate.drain();
    this.#preface.drain();
    this.#tls?.drain();
    this.#unused.drain();
    this.#http2.drain();
    for (const connection of this.#connections) connection.drain();
    return this.#drained.promise;
  }

  cutAll(): void {
    this.#gate.cutAll();
    this.#preface.cutAll();
    this.#tls?.cutAll();
    this.#unused.cutAll();
    this.#http2.cutAll();
    for (const connection of this.#connections) connection.cut();
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
    this.#refused += 1;
    this.#options.onRefused?.(refused);
  }

  onConnectionClosed(connection: Http1Connection): void {
    this.#connections.delete(connection);
    this.#settle();
  }

  onSecure(socket: TLSSocket, secure: SecureConnection): void {
    if (socket.alpnProtocol === "h2") this.onProtocol(socket, true, secure);
    else this.#unused.add(socket, secure);
  }

  onHandshakeFailed(peerAddress: string, reason: string): void {
    this.#options.onHandshakeFailed?.(peerAddress, reason);
  }

  onHandshakeClosed(): void {
    this.#settle();
  }

  onTurnedAway(): void {
    this.#settle();
  }

  onUsed(socket: Socket, secure: SecureConnection): void {
    this.onProtocol(socket, false, secure);
  }

  onUnusedClosed(): void {
    this.#settle();
  }

  onUnknownClosed(): void {
    this.#settle();
  }

  onHttp2Closed(): void {
    this.#settle();
  }

  #accept(socket: Socket): void {
    this.#accepted += 1;
    this.#gate.prepare(socket);
  }

  /** Its PROXY header is read, if the listener asks for one. */
  onAdmitted(socket: Socket): void {
    if (!this.#admits(socket, peerAddressOf(socket))) {
      this.#refused += 1;
      socket.on("error", () => {});
      socket.destroy();
      this.#settle();
      return;
    }
    if (this.#speaksTls && this.#tls !== undefined) this.#tls.accept(socket);
    else if (this.#h2c) this.#preface.prepare(socket);
    else this.onProtocol(socket, false);
  }

  #admits(socket: Socket, address: string): boolean {
    const { admits, isTrusted } = this.#options;
    if (admits !== undefined && !admits(address)) return false;
    if (isTrusted?.(address) === true) return true;
    return this.#addresses.enter(socket, address, this.limits.connectionsPerAddress);
  }

  onProtocol(socket: Socket, isHttp2: boolean, secure?: SecureConnection): void {
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
    if (isHttp2) {
      this.#http2.accept(socket, secure);
      return;
    }
    const connection = new Http1Connection(socket, secure, this);
    this.#connections.add(connection);
    this.#parser.accept(socket, connection);
    // The handshake had begun before: a new connection of a draining listener has a moment for its request.
    if (this.draining) connection.drain();
  }

  get #size(): number {
    const early = this.#gate.size + this.#preface.size + (this.#tls?.size ?? 0) + this.#unused.size;
    return this.#connections.size + this.#http2.size + early;
  }

  #settle(): void {
    if (this.#accepting || this.#size > 0) return;
    this.#parser.close();
    this.#drained.resolve();
  }

  #listen(): Promise<ListenerAddress> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        this.#accepting = false;
        this.#settle();
        reject(error);
      };
      this.#server.once("error", fail);
      this.#server.listen({ host, port }, () => {
        this.#server.removeListener("error", fail);
        this.#server.on("error", (error) => this.#options.onError(error));
        const address = this.#server.address() as AddressInfo;
        // Drained before it was open: listening takes a tick or two.
        if (!this.#accepting) this.#server.close();
        const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
        resolve({
          host: address.address,
          port: address.port,
          url: `${this.#speaksTls ? "https" : "http"}://${name}:${address.port}`,
        });
      });
    });
  }
}

function ownTicketKey(): TicketKeySource {
  const key = randomBytes(48);
  return { current: () => key };
}
