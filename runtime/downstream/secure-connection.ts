import type { TLSSocket } from "node:tls";

import type { ClientCertificate } from "@gatewright/sdk";

import { parseAuthority } from "../http/host.ts";
import type { TlsPolicy, TlsTerms } from "./tls-terms.ts";

/** What a finished handshake has settled: for whom the connection was opened, and who the client is. */
export class SecureConnection {
  /** As sent, lower case, without a dot at the end. */
  readonly servername: string | undefined;
  readonly #socket: TLSSocket;
  readonly #policy: TlsPolicy;
  readonly #terms: () => TlsTerms;
  #certificate: ClientCertificate | null | undefined;
  /** The last authority that was found to be served here, and when that was. */
  #lastAuthority: string | undefined;
  #lastTerms: TlsTerms | undefined;
  #lastEpoch = -1;

  constructor(
    socket: TLSSocket,
    sentName: string | false | null | undefined,
    policy: TlsPolicy,
    terms: () => TlsTerms,
  ) {
    this.#socket = socket;
    this.#policy = policy;
    this.#terms = terms;
    this.servername = toSentName(sentName);
  }

  /** Only one that was verified. */
  get clientCertificate(): ClientCertificate | undefined {
    if (this.#certificate === undefined) {
      this.#certificate =
        this.#policy.clientCertificates === "none" ? null : (verifiedOf(this.#socket) ?? null);
    }
    return this.#certificate ?? undefined;
  }

  /**
   * RFC 9110 §7.4: a request for a host whose rules this handshake did not meet is misdirected, also when a reload has
   * changed them since. `authority` is valid, or empty where HTTP/1.0 names none.
   */
  mayServe(authority: string): boolean {
    const terms = this.#terms();
    if (
      authority === this.#lastAuthority &&
      terms === this.#lastTerms &&
      terms.epoch === this.#lastEpoch
    ) {
      return true;
    }
    const host = parseAuthority(authority)?.host ?? this.servername;
    const serves =
      host === undefined
        ? terms.policyFor(undefined).id === this.#policy.id
        : terms.serves(host, this.servername, this.#policy.id);
    if (!serves) return false;
    this.#lastAuthority = authority;
    this.#lastTerms = terms;
    this.#lastEpoch = terms.epoch;
    return true;
  }
}

/**
 * The client's certificate if it was verified. `authorized` alone is not enough: node takes a resumed TLS 1.3 session
 * for authorized even if the client has never shown a certificate.
 */
export function verifiedOf(socket: TLSSocket): ClientCertificate | undefined {
  if (!socket.authorized) return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  return {
    subject: certificate.subject,
    issuer: certificate.issuer,
    fingerprint256: certificate.fingerprint256,
    serialNumber: certificate.serialNumber,
    validTo: certificate.validToDate.toISOString(),
    ...(certificate.subjectAltName === undefined
      ? {}
      : { subjectAltName: certificate.subjectAltName }),
  };
}

/**
 * A server name as clients send it, in the form that names are compared in. Hooks get it too and may make a path of it,
 * so what is no host name counts as none sent.
 */
export function toSentName(sent: string | false | null | undefined): string | undefined {
  if (typeof sent !== "string") return undefined;
  const authority = parseAuthority(sent);
  return authority?.port === undefined && authority?.host.startsWith("[") === false
    ? authority.host
    : undefined;
}
