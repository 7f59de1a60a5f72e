/**
 * TLS on accepted sockets. One `tls.Server` for each policy, none of them listening: sockets are given to them. Where
 * hosts differ in policy, the ClientHello is looked at first to find out which one a connection belongs to.
 */
import type { Socket } from "node:net";
import { createServer, type SecureContext, type Server, type TLSSocket } from "node:tls";

import { Deadline, type DeadlineWheel } from "../clock.ts";
import { MAX_HELLO_BYTES, readServerName } from "./client-hello.ts";
import { endsOf } from "./proxy-protocol-ends.ts";
import { SecureConnection, verifiedOf } from "./secure-connection.ts";
import type { ListenerTls, TicketKeySource, TlsPolicy, TlsTerms } from "./tls-terms.ts";

export interface TlsAcceptorOwner {
  readonly wheel: DeadlineWheel;
  readonly draining: boolean;
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

interface PolicyServer {
  readonly policy: TlsPolicy;
  readonly server: Server;
  terms: TlsTerms;
  epoch: number;
  ticketKey: Buffer;
}

export class TlsAcceptor {
  readonly #owner: TlsAcceptorOwner;
  readonly #ticketKeys: TicketKeySource;
  readonly #pending = new Map<Socket, Handshake>();
  readonly #servers = new Map<string, PolicyServer>();
  #tls: ListenerTls;

  constructor(owner: TlsAcceptorOwner, ticketKeys: TicketKeySource, tls: ListenerTls) {
    this.#owner = owner;
    this.#ticketKeys = ticketKeys;
    this.#tls = tls;
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
    try {
      if (this.#tls.terms.policies.length === 1) this.#begin(raw, undefined);
      else this.#readName(raw);
    } catch (error) {
      this.#owner.onError(error);
      raw.destroy();
    }
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
  #readName(raw: Socket): void {
    let received: Buffer = Buffer.alloc(0);
    const onReadable = (): void => {
      for (;;) {
        const chunk = raw.read() as Buffer | null;
        if (chunk === null) break;
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
        if (received.length > MAX_HELLO_BYTES) break;
      }
      const found = readServerName(received);
      if (found === "more" && received.length <= MAX_HELLO_BYTES) return;
      stop();
      raw.unshift(received);
      try {
        this.#begin(raw, found === "more" ? undefined : found.name);
      } catch (error) {
        this.#owner.onError(error);
        raw.destroy();
      }
    };
    const onEnd = (): void => void raw.destroy();
    const stop = (): void => {
      raw.removeListener("readable", onReadable);
      raw.removeListener("end", onEnd);
    };
    raw.on("readable", onReadable);
    raw.on("end", onEnd);
  }

  #begin(raw: Socket, name: string | undefined): void {
    const policy = this.#tls.terms.policyFor(name);
    this.#serverFor(policy).server.emit("connection", raw);
  }

  #serverFor(policy: TlsPolicy): PolicyServer {
    const { terms } = this.#tls;
    const ticketKey = this.#ticketKeys.current();
    const known = this.#servers.get(policy.id);
    if (known === undefined) {
      const made = this.#createServer(policy, terms, ticketKey);
      this.#servers.set(policy.id, made);
      for (const id of this.#servers.keys()) {
        if (!terms.policies.some((one) => one.id === id)) this.#servers.delete(id);
      }
      return made;
    }
    if (known.terms !== terms || known.epoch !== terms.epoch) {
      known.terms = terms;
      known.epoch = terms.epoch;
      known.server.setSecureContext(terms.defaultOptions(policy));
      // setSecureContext has put random keys in their place.
      known.server.setTicketKeys(ticketKey);
    } else if (known.ticketKey !== ticketKey) {
      known.server.setTicketKeys(ticketKey);
    }
    known.ticketKey = ticketKey;
    return known;
  }

  #createServer(policy: TlsPolicy, terms: TlsTerms, ticketKey: Buffer): PolicyServer {
    // oxlint-disable-next-line typescript/no-this-alias -- node calls SNICallback on the socket
    const acceptor = this;
    const server = createServer({
      ...terms.defaultOptions(policy),
      requestCert: policy.clientCertificates !== "none",
      rejectUnauthorized: policy.clientCertificates === "require",
      ALPNProtocols: [...this.#owner.tlsProtocols],
      SNICallback(
        this: TLSSocket,
        name: string,
        answer: (error: Error | null, context?: SecureContext) => void,
      ) {
        acceptor.#chooseContext(this, name, policy, answer);
      },
    } as Parameters<typeof createServer>[0]);
    server.setTicketKeys(ticketKey);
    server.on("secureConnection", (socket) => this.#secured(socket, policy));
    server.on("tlsClientError", (error, socket) => {
      const handshake = this.#pending.get(rawOf(socket));
      if (handshake !== undefined) handshake.reason ??= reasonOf(error);
      socket.destroy();
    });
    return { policy, server, terms, epoch: terms.epoch, ticketKey };
  }

  #chooseContext(
    socket: TLSSocket,
    name: string,
    policy: TlsPolicy,
    answer: (error: Error | null, context?: SecureContext) => void,
  ): void {
    const { terms } = this.#tls;
    const fail = (error: unknown): void => {
      this.#owner.onError(error);
      answer(error instanceof Error ? error : new Error("no secure context"));
    };
    const done = (context: SecureContext | undefined): void => {
      if (context !== undefined || !terms.refusesUnknown) {
        answer(null, context);
        return;
      }
      // node closes without a word; the client should learn why.
      const raw = rawOf(socket);
      if (raw.writable) raw.write(UNRECOGNIZED_NAME);
      answer(new Error("the server name is not known here"));
    };
    try {
      const found = terms.contextFor(name, policy);
      if (found instanceof Promise) found.then(done, fail);
      else done(found);
    } catch (error) {
      fail(error);
    }
  }

  #secured(socket: TLSSocket, policy: TlsPolicy): void {
    const raw = rawOf(socket);
    const handshake = this.#pending.get(raw);
    if (handshake === undefined) {
      socket.destroy();
      return;
    }
    if (policy.clientCertificates === "require" && verifiedOf(socket) === undefined) {
      handshake.reason ??= "no verified client certificate";
      socket.destroy();
      return;
    }
    this.#pending.delete(raw);
    this.#owner.wheel.disarm(handshake.deadline);
    const secure = new SecureConnection(socket, policy, () => this.#tls.terms);
    this.#owner.onSecure(socket, secure);
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
  /** Why it failed: the first thing that went wrong. */
  reason: string | undefined;

  constructor(raw: Socket, onLate: () => void) {
    this.deadline = new Deadline(onLate);
    this.peerAddress = endsOf(raw).peerAddress;
  }
}

/** node keeps the socket that TLS was put on, without saying so in its documentation; a test holds it to that. */
function rawOf(socket: TLSSocket): Socket {
  return (socket as unknown as { _parent: Socket })._parent;
}

/** OpenSSL's reason without addresses and numbers. */
function reasonOf(error: Error): string {
  return (error as { reason?: string }).reason ?? error.message.split("\n")[0] ?? "";
}
