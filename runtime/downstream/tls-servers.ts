import { createServer, type Server, type TLSSocket } from "node:tls";

import type { TicketKeySource, TlsOffer } from "./tls-terms.ts";

/** A secure context takes 21 KB and 0.3 ms: enough for the busy names, bounded for the rest. */
const MAX_SERVERS = 1000;

export interface TlsServerEvents {
  onSecure(socket: TLSSocket, offer: TlsOffer): void;
  onFailed(socket: TLSSocket, error: Error): void;
}

interface Entry {
  readonly key: string;
  readonly server: Server;
  ticketKey: Buffer;
}

/**
 * A `tls.Server` for each offer, made when it is first needed, the least recently used dropped beyond the limit. None of
 * them listens: sockets are given to them. Open connections need theirs no more.
 */
export class TlsServers {
  readonly #events: TlsServerEvents;
  readonly #ticketKeys: TicketKeySource;
  readonly #protocols: readonly string[];
  readonly #max: number;
  readonly #entries = new Map<string, Entry>();
  #last: Entry | undefined;

  constructor(
    events: TlsServerEvents,
    ticketKeys: TicketKeySource,
    protocols: readonly string[],
    max: number = MAX_SERVERS,
  ) {
    this.#events = events;
    this.#ticketKeys = ticketKeys;
    this.#protocols = protocols;
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  for(offer: TlsOffer): Server {
    const ticketKey = this.#ticketKeys.current();
    const last = this.#last;
    // One name after the other is the exception: the same one again has its place already.
    if (last?.key === offer.key && last.ticketKey === ticketKey) return last.server;
    let entry = this.#entries.get(offer.key);
    if (entry === undefined) {
      entry = { key: offer.key, server: this.#create(offer), ticketKey };
      // The same key everywhere: a session goes on after a renewal, and under another name of the same policy.
      entry.server.setTicketKeys(ticketKey);
    } else {
      this.#entries.delete(offer.key);
      if (entry.ticketKey !== ticketKey) entry.server.setTicketKeys(ticketKey);
      entry.ticketKey = ticketKey;
    }
    // A Map remembers the order of insertion: the last one used goes to the end.
    this.#entries.set(offer.key, entry);
    this.#last = entry;
    if (this.#entries.size > this.#max) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return entry.server;
  }

  /** After a change: those of certificates that are gone would only wait for their turn. */
  clear(): void {
    this.#last = undefined;
    this.#entries.clear();
  }

  #create(offer: TlsOffer): Server {
    const { clientCertificates } = offer.policy;
    const server = createServer({
      ...offer.options(),
      requestCert: clientCertificates !== "none",
      rejectUnauthorized: clientCertificates === "require",
      ALPNProtocols: [...(offer.protocols ?? this.#protocols)],
    });
    server.on("secureConnection", (socket) => this.#events.onSecure(socket, offer));
    server.on("tlsClientError", (error, socket) => this.#events.onFailed(socket, error));
    return server;
  }
}
