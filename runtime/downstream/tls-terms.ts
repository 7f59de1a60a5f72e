import type { SecureContext, SecureContextOptions } from "node:tls";

/** The rules of a handshake, apart from the certificate. */
export interface TlsPolicy {
  /** Equal ids: equal rules. */
  readonly id: string;
  readonly clientCertificates: "none" | "request" | "require";
}

/** What a listener asks in a handshake. Given to it, and kept up to date, by whoever knows certificates. */
export interface TlsTerms {
  /** Goes up when certificates or policies have changed. */
  readonly epoch: number;
  /** Whether a name that nobody knows is refused with an alert, instead of getting the default certificate. */
  readonly refusesUnknown: boolean;
  /** The first holds for connections without a name. */
  readonly policies: readonly TlsPolicy[];
  policyFor(name: string | undefined): TlsPolicy;
  /** What connections are made with that send no name, or one that nobody knows. */
  defaultOptions(policy: TlsPolicy): SecureContextOptions;
  /** `undefined`: nobody knows the name. */
  contextFor(
    name: string,
    policy: TlsPolicy,
  ): SecureContext | undefined | Promise<SecureContext | undefined>;
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
