/**
 * TLS on accepted sockets: the ClientHello is looked at and put back, the terms say what the client is offered, and
 * node's `tls.Server` for that offer does the handshake. Where all clients are offered the same, nothing is looked at.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import { readHello, type HelloFacts } from "./client-hello.ts";
import { type Linked, LinkedSet } from "../linked-set.ts";
import { peerAddressOf } from "./proxy-protocol-ends.ts";
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
  readonly #pending = new LinkedSet<Handshake>();
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
    const handshake = new Handshake(raw, this);
    this.#pending.add(handshake);
    this.#owner.wheel.arm(handshake.deadline, this.#tls.handshakeMs);
    const { soleOffer } = this.#tls.terms;
    if (soleOffer === undefined) handshake.readHello();
    else this.#beginSafely(handshake, soleOffer);
  }

  drain(): void {
    for (const { deadline } of this.#pending.toArray()) {
      this.#owner.wheel.arm(deadline, DRAIN_GRACE_MS);
    }
  }

  cutAll(): void {
    for (const { raw } of this.#pending.toArray()) raw.destroy();
  }

  /** The ClientHello has been looked at and put back. */
  choose(handshake: Handshake, { servername, protocols }: HelloFacts): void {
    handshake.sentName = servername ?? null;
    try {
      const found = this.#tls.terms.offerFor(servername, protocols);
      if (found instanceof Promise) void this.#beginLater(handshake, found);
      else this.#begin(handshake, found);
    } catch (error) {
      this.#fail(handshake, error);
    }
  }

  closed(handshake: Handshake): void {
    if (!this.#leave(handshake)) return;
    this.#owner.wheel.disarm(handshake.deadline);
    const reason = handshake.reason ?? "the client went away";
    this.#owner.onHandshakeFailed(peerAddressOf(handshake.raw), reason);
    this.#owner.onHandshakeClosed();
  }

  async #beginLater(handshake: Handshake, found: Promise<TlsOffer | undefined>): Promise<void> {
    try {
      this.#begin(handshake, await found);
    } catch (error) {
      this.#fail(handshake, error);
    }
  }

  #beginSafely(handshake: Handshake, offer: TlsOffer): void {
    try {
      this.#begin(handshake, offer);
    } catch (error) {
      this.#fail(handshake, error);
    }
  }

  #fail(handshake: Handshake, error: unknown): void {
    this.#owner.onError(error);
    handshake.raw.destroy();
  }

  #begin(handshake: Handshake, offer: TlsOffer | undefined): void {
    const { raw } = handshake;
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
    const handshake = (raw as HandshakeSocket)[HANDSHAKE];
    const reason = handshake === undefined ? "" : refusalOf(socket, offer, handshake);
    if (handshake === undefined || reason !== undefined) {
      if (handshake !== undefined) handshake.reason ??= reason;
      socket.destroy();
      return;
    }
    this.#leave(handshake);
    this.#owner.wheel.disarm(handshake.deadline);
    const secure = new SecureConnection(
      socket,
      handshake.sentName === undefined ? nameOf(socket) : handshake.sentName,
      offer.policy,
      () => this.#tls.terms,
    );
    this.#owner.onSecure(socket, secure);
  }

  /** False if it has left before. */
  #leave(handshake: Handshake): boolean {
    (handshake.raw as HandshakeSocket)[HANDSHAKE] = undefined;
    return this.#pending.delete(handshake);
  }

  #failed(socket: TLSSocket, error: Error): void {
    const handshake = (rawOf(socket) as HandshakeSocket)[HANDSHAKE];
    if (handshake !== undefined) handshake.reason ??= reasonOf(error);
    socket.destroy();
  }
}

const HANDSHAKE = Symbol("Handshake");

interface HandshakeSocket extends Socket {
  [HANDSHAKE]?: Handshake | undefined;
}

/** A connection from its first byte to the end of its handshake. */
class Handshake implements Linked {
  previousLinked: this | null = null;
  nextLinked: this | null = null;
  readonly raw: Socket;
  readonly deadline: Deadline;
  /** As the ClientHello has it; `null`: it has none; `undefined`: it was not looked at. */
  sentName: string | null | undefined;
  /** Why it failed: the first thing that went wrong. */
  reason: string | undefined;
  readonly #acceptor: TlsAcceptor;
  #received: Buffer | undefined;

  readonly #onData = (chunk: Buffer): void => {
    const received = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk]);
    const hello = readHello(received);
    if (hello === undefined) {
      this.#received = received;
      return;
    }
    const { raw } = this;
    this.#received = undefined;
    raw.removeListener("data", this.#onData);
    raw.removeListener("end", this.#onEnd);
    raw.pause();
    raw.unshift(received);
    this.#acceptor.choose(this, hello);
  };

  readonly #onEnd = (): void => void this.raw.destroy();

  constructor(raw: Socket, acceptor: TlsAcceptor) {
    this.raw = raw;
    (raw as HandshakeSocket)[HANDSHAKE] = this;
    // node keeps the address once it was asked for: it can still be told when the connection is gone.
    void raw.remoteAddress;
    this.#acceptor = acceptor;
    this.deadline = new Deadline(() => {
      this.reason ??= "the handshake took too long";
      raw.destroy();
    });
    // Every error of a socket is followed by its close.
    raw.on("error", (error) => (this.reason ??= error.message));
    raw.on("close", () => this.#acceptor.closed(this));
  }

  /** Waits for the ClientHello, looks at it and puts it back. */
  readHello(): void {
    this.raw.on("data", this.#onData);
    this.raw.on("end", this.#onEnd);
  }
}

/** Why a finished handshake gets no requests. */
function refusalOf(socket: TLSSocket, offer: TlsOffer, handshake: Handshake): string | undefined {
  if (offer.protocols !== undefined) return `a handshake for ${offer.protocols.join(", ")} only`;
  if (offer.policy.clientCertificates === "require" && verifiedOf(socket) === undefined) {
    return "no verified client certificate";
  }
  const { sentName } = handshake;
  if (sentName === undefined) return undefined;
  // Two parsers have read the name. Of a resumed TLS 1.2 session OpenSSL tells that of its first handshake.
  const name = nameOf(socket);
  const isSame = name === sentName || toSentName(name) === toSentName(sentName);
  return isSame || socket.isSessionReused() ? undefined : "the server name is ambiguous";
}

function nameOf(socket: TLSSocket): string | false | null | undefined {
  return (socket as { servername?: string | false | null }).servername;
}

/** node keeps the socket that TLS was put on, without saying so in its documentation; a test holds it to that. */
function rawOf(socket: TLSSocket): Socket {
  return (socket as unknown as { _parent: Socket })._parent;
}

/** OpenSSL's reason without addresses and numbers. */
function reasonOf(error: Error): string {
  return (error as { reason?: string }).reason ?? error.message.split("\n")[0] ?? "";
}
