import type { Socket } from "node:net";

import type { ClientCertificate } from "@gatewright/sdk";

import type { ConnectionFacts } from "./exchange.ts";
import { endsOf } from "./proxy-protocol-ends.ts";
import type { SecureConnection } from "./secure-connection.ts";

/** What a reload may change under open connections. */
export interface ListenerFacts {
  readonly redirectPort: number | undefined;
}

/** The two ends of a socket, and what TLS says about them. */
export class SocketFacts implements ConnectionFacts {
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly servername: string | undefined;
  readonly #secure: SecureConnection | undefined;
  readonly #listener: ListenerFacts;

  constructor(socket: Socket, secure: SecureConnection | undefined, listener: ListenerFacts) {
    const ends = endsOf(socket);
    this.peerAddress = ends.peerAddress;
    this.peerPort = ends.peerPort;
    this.localAddress = ends.localAddress;
    this.localPort = ends.localPort;
    this.servername = secure?.servername;
    this.#secure = secure;
    this.#listener = listener;
  }

  get clientCertificate(): ClientCertificate | undefined {
    return this.#secure?.clientCertificate;
  }

  get redirectPort(): number | undefined {
    return this.#secure === undefined ? this.#listener.redirectPort : undefined;
  }
}
