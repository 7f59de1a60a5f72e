import type { Duplex } from "node:stream";

import type { ClientCertificate } from "@gatewright/sdk";

import type { ContentSource } from "../http/content.ts";
import type { ReadonlyRawFields } from "../http/raw-fields.ts";

/** The two ends of the connection that an exchange runs on. */
export interface ConnectionFacts {
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** TLS server name sent by the client. */
  readonly servername: string | undefined;
  /** The client's certificate, if one was asked for and verified. */
  readonly clientCertificate?: ClientCertificate | undefined;
  /** Where the listener sends everybody to: this port, with TLS. */
  readonly redirectPort?: number | undefined;
}

/** What an exchange tells whoever serves it. Assigned once, before anything is written. */
export interface ExchangeReceiver {
  /** After `write` returned false: more can be written. */
  onDrain(): void;
  /** Exactly once, when the exchange is over. Not before `end`, unless the connection is gone. `complete` is true if the whole response was handed to the socket; false if the client went away or the message was cut. */
  onClose(complete: boolean): void;
}

/**
 * One request and its response, whatever protocol carries it. The pipeline sees nothing of node:http or node:http2.
 *
 * The connection has already refused what no one may see: broken framing, more than one Host, oversized heads. It
 * writes `Date`, `Connection` and the framing fields itself, leaves all others in order, case and number, and counts
 * what is written against `Content-Length`: a message that comes out short is cut, never ended as if it were whole.
 */
export interface Exchange {
  readonly protocol: "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";
  readonly scheme: "http" | "https";
  readonly method: string;
  /** Request-target in origin-form (path and query as sent, bytes untouched) or `"*"`. Absolute-form is taken apart before. */
  readonly target: string;
  /** Host and port as the client sent them: of the absolute-form target if there was one (RFC 9112 §3.2.2), else of Host. Empty only for HTTP/1.0 without Host. */
  readonly authority: string;
  /** As received, Host included. */
  readonly fields: ReadonlyRawFields;
  /** `undefined` if the request has no content. */
  readonly content: ContentSource | undefined;
  /** Lower-case protocol token of a GET without content that asks for an upgrade, else `undefined`. */
  readonly upgrade: string | undefined;
  /** The client waits for 100 before it sends content. Opening the content answers it. */
  readonly expectsContinue: boolean;
  readonly connection: ConnectionFacts;
  /** True once the response's head is out (or 101). */
  readonly headSent: boolean;
  /** Bytes of content received and sent so far; of a tunnel once it is closed. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** How much of what was sent the client's side has taken, kernels included. Over HTTP/2 it goes up with whole chunks. */
  readonly takenBytes: number;

  receiver: ExchangeReceiver | null;

  /** 102, 103 … HTTP/1.0 clients and exchanges whose head is out get nothing. */
  writeInformational(status: number, fields: ReadonlyRawFields): void;
  /**
   * The final head. `fields` without Connection, Keep-Alive and Transfer-Encoding; Content-Length, if present, is
   * believed. The head leaves with the first content or at the end of the tick, in one write where it can.
   */
  writeHead(status: number, fields: ReadonlyRawFields): void;
  /** False if the client is slower than us: wait for `onDrain`. Content of HEAD, 204 and 304 is dropped. */
  write(chunk: Uint8Array): boolean;
  /** Ends the message. Trailers only where the framing can carry them. Unread request content is drained for a bounded time, then the connection closes. */
  end(trailers?: ReadonlyRawFields): void;
  /** Cuts the message: the client must see that it is not whole. Harmless after the end. */
  abort(): void;
  /** No other request on this connection after this response. */
  closeAfter(): void;
  /**
   * Answers 101 and hands the connection's bytes over, paused. Only where `upgrade` is set. The stream already has an
   * error listener; its end is the exchange's (`onClose(true)`).
   */
  acceptUpgrade(fields: ReadonlyRawFields): Duplex;
}
