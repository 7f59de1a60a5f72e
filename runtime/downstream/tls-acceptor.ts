/**
 * TLS on accepted sockets: the ClientHello is looked at and put back, the terms say what the client is offered, and
 * node's `tls.Server` for that offer does the handshake.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import { MAX_HELLO_BYTES, readHello, type HelloFacts } from "./client-hello.ts";
import { endsOf } from "./proxy-protocol-ends.ts";
import { SecureConnection, toSentName, verifiedOf } from "./secure-connection.ts";
import { TlsServers } from "./tls-servers.ts";
import type { ListenerTls, TicketKeySource, TlsOffer } from "./tls-terms.ts";

export interface TlsAcceptorOwner {
  readonly wheel: DeadlineWheel;
  /** Protocols for ALPN (RFC 7301), the preferred one first. A client that offers none of them is refused. */
  readonly tlsProtocols: readonly string[];
  onSecure(socket: TLSSocket, secure: SecureConnection): void;
  onHandshakeFailed(peerAddress: string, reason: string): void;
  onError(error: unknown): void;
  /** A connection that was no more than a handshake is gone. */
  onHandshakeClosed(): void;
}

/** How long a handshake that is under way may still take when the listener drains. */
const DRAIN_GRACE_MS = 1000;
/** RFC 8446 §6: a fatal alert, unrecognized_name. In plain text, as everything before ServerHello. */
const UNRECOGNIZED_NAME = Buffer.from([0x15, 3, 3, 0, 2, 2, 112]);

export class TlsAcceptor {
  readonly #owner: TlsAcceptorOwner;
  readonly #servers: TlsServers;
  readonly #pending = new Map<Socket, Handshake>();
  #tls: ListenerTls;
  #epoch: number;

  constructor(owner: TlsAcceptorOwner, ticketKeys: TicketKeySource, tls: ListenerTls) {
    this.#owner = owner;
    this.#tls = tls;
    this.#epoch = tls.terms.epoch;
    this.#servers = new TlsServers(
      {
        onSecure: (socket, offer) => this.#secured(socket, offer),
        onFailed: (socket, error) => this.#failed(socket, error),
      },
      ticketKeys,
      owner.tlsProtocols,
    );
  }

  /** Connections that have not finished their handshake. */
  get size(): number {
    return this.#pending.size;
  }

  /** For handshakes that begin from now on. */
  adjust(tls: ListenerTls): void {
    this.#tls = tls;
  }

  accept(raw: Socket): void {
    const handshake = new Handshake(raw, () => {
      handshake.reason ??= "the handshake took too long";
      raw.destroy();
    });
    this.#pending.set(raw, handshake);
    // Every error of a socket is followed by its close.
    raw.on("error", (error) => (handshake.reason ??= error.message));
    raw.once("close", () => this.#closed(raw));
    this.#owner.wheel.arm(handshake.deadline, this.#tls.handshakeMs);
    this.#readHello(raw, handshake);
  }

  drain(): void {
    for (const { deadline } of this.#pending.values()) {
      this.#owner.wheel.arm(deadline, DRAIN_GRACE_MS);
    }
  }

  cutAll(): void {
    for (const raw of this.#pending.keys()) raw.destroy();
  }

  /** Waits for the ClientHello, looks at it and puts it back. */
  #readHello(raw: Socket, handshake: Handshake): void {
    let received: Buffer = Buffer.alloc(0);
    const onReadable = (): void => {
      while (received.length < MAX_HELLO_BYTES) {
        const chunk = raw.read() as Buffer | null;
        if (chunk === null) break;
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      }
      const hello = readHello(received);
      if (hello === undefined) return;
      raw.removeListener("readable", onReadable);
      raw.removeListener("end", onEnd);
      if (received.length > 0) raw.unshift(received);
      this.#choose(raw, handshake, hello);
    };
    const onEnd = (): void => void raw.destroy();
    raw.on("readable", onReadable);
    raw.on("end", onEnd);
  }

  #choose(raw: Socket, handshake: Handshake, hello: HelloFacts): void {
    handshake.servername = hello.servername;
    const fail = (error: unknown): void => {
      this.#owner.onError(error);
      raw.destroy();
    };
    const begin = (offer: TlsOffer | undefined): void => {
      try {
        this.#begin(raw, handshake, offer);
      } catch (error) {
        fail(error);
      }
    };
    try {
      const found = this.#tls.terms.offerFor(hello.servername, hello.protocols);
      if (found instanceof Promise) found.then(begin, fail);
      else begin(found);
    } catch (error) {
      fail(error);
    }
  }

  #begin(raw: Socket, handshake: Handshake, offer: TlsOffer | undefined): void {
    if (raw.destroyed) return;
    if (offer === undefined) {
      handshake.reason = "the server name is not known here";
      raw.end(UNRECOGNIZED_NAME);
      raw.destroySoon();
      return;
    }
    const { epoch } = this.#tls.terms;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#servers.clear();
    }
    // A client that ends in the middle of a handshake has nothing to wait for.
    raw.allowHalfOpen = false;
    this.#servers.for(offer).emit("connection", raw);
  }

  #secured(socket: TLSSocket, offer: TlsOffer): void {
    const raw = rawOf(socket);
    const handshake = this.#pending.get(raw);
    const reason = handshake === undefined ? "" : refusalOf(socket, offer, handshake);
    if (handshake === undefined || reason !== undefined) {
      if (handshake !== undefined) handshake.reason ??= reason;
      socket.destroy();
      return;
    }
    this.#pending.delete(raw);
    this.#owner.wheel.disarm(handshake.deadline);
    socket.allowHalfOpen = true;
    const secure = new SecureConnection(
      socket,
      handshake.servername,
      offer.policy,
      () => this.#tls.terms,
    );
    this.#owner.onSecure(socket, secure);
  }

  #failed(socket: TLSSocket, error: Error): void {
    const handshake = this.#pending.get(rawOf(socket));
    if (handshake !== undefined) handshake.reason ??= reasonOf(error);
    socket.destroy();
  }

  #closed(raw: Socket): void {
    const handshake = this.#pending.get(raw);
    if (handshake === undefined) return;
    this.#pending.delete(raw);
    this.#owner.wheel.disarm(handshake.deadline);
    const reason = handshake.reason ?? "the client went away";
    this.#owner.onHandshakeFailed(handshake.peerAddress, reason);
    this.#owner.onHandshakeClosed();
  }
}

class Handshake {
  readonly deadline: Deadline;
  readonly peerAddress: string;
  servername: string | undefined;
  /** Why it failed: the first thing that went wrong. */
  reason: string | undefined;

  constructor(raw: Socket, onLate: () => void) {
    this.deadline = new Deadline(onLate);
    this.peerAddress = endsOf(raw).peerAddress;
  }
}

/** Why a finished handshake gets no requests. */
function refusalOf(socket: TLSSocket, offer: TlsOffer, handshake: Handshake): string | undefined {
  if (offer.protocols !== undefined) return `a handshake for ${offer.protocols.join(", ")} only`;
  if (offer.policy.clientCertificates === "require" && verifiedOf(socket) === undefined) {
    return "no verified client certificate";
  }
  // Two parsers have read the name. Of a resumed TLS 1.2 session OpenSSL tells that of its first handshake.
  const { servername } = socket as { servername?: string | false | null };
  const isSame = toSentName(servername) === toSentName(handshake.servername);
  return isSame || socket.isSessionReused() ? undefined : "the server name is ambiguous";
}

/** node keeps the socket that TLS was put on, without saying so in its documentation; a test holds it to that. */
function rawOf(socket: TLSSocket): Socket {
  return (socket as unknown as { _parent: Socket })._parent;
}

/** OpenSSL's reason without addresses and numbers. */
function reasonOf(error: Error): string {
  return (error as { reason?: string }).reason ?? error.message.split("\n")[0] ?? "";
}
