import type { SecureContextOptions } from "node:tls";

/** The rules of a handshake, apart from the certificate. */
export interface TlsPolicy {
  /** Equal ids: equal rules. */
  readonly id: string;
  readonly clientCertificates: "none" | "request" | "require";
}

/** What one connection is served with. */
export interface TlsOffer {
  /** Equal keys: the same certificates, policy and protocols, so that what was made of one offer does for the other. */
  readonly key: string;
  readonly policy: TlsPolicy;
  /** Certificates, keys, versions, ciphers and authorities. */
  options(): SecureContextOptions;
  /** Protocols of this offer alone, instead of the listener's: the connection ends with its handshake. */
  readonly protocols?: readonly string[];
}

/** What a listener asks in a handshake. Given to it, and kept up to date, by whoever knows certificates. */
export interface TlsTerms {
  /** Goes up when certificates or policies have changed. */
  readonly epoch: number;
  /** What every client is offered, whatever it asks for; `undefined` where that depends on name or protocols. */
  readonly soleOffer: TlsOffer | undefined;
  /**
   * For a client that asks for this name (as sent, `undefined` for none) and speaks these protocols. `undefined`: the
   * name is refused. Must not reject.
   */
  offerFor(
    name: string | undefined,
    protocols: readonly string[],
  ): TlsOffer | undefined | Promise<TlsOffer | undefined>;
  policyFor(name: string | undefined): TlsPolicy;
  /** Whether requests for `host` may come on a connection that was opened for `servername` under this policy. */
  serves(host: string, servername: string | undefined, policyId: string): boolean;
}

/** TLS on a listener. */
export interface ListenerTls {
  readonly terms: TlsTerms;
  /** From accept to the end of the handshake. */
  readonly handshakeMs: number;
}

/** The key that session tickets are sealed with: 48 bytes, the same buffer until it is rotated. */
export interface TicketKeySource {
  current(): Buffer;
}
