import type { CertificatePair } from "../certificate-pair.ts";

/** Where answers to challenges are put up for the CA to find: on every listener of this machine. */
export interface ChallengePublisher {
  /** http-01 (RFC 8555 §8.3). Returns what takes it down again. */
  publishToken(token: string, keyAuthorization: string): () => void;
  /** tls-alpn-01 (RFC 8737 §3). */
  publishCertificate(name: string, certificate: CertificatePair): () => void;
}

const PREFIX = "/.well-known/acme-challenge/";

/** The pending challenges of this process. Empty nearly always, so that it costs a request one comparison. */
export class ChallengeBoard implements ChallengePublisher {
  readonly #tokens = new Map<string, string>();
  readonly #certificates = new Map<string, CertificatePair>();

  /** How many are pending. */
  get size(): number {
    return this.#tokens.size + this.#certificates.size;
  }

  publishToken(token: string, keyAuthorization: string): () => void {
    return put(this.#tokens, token, keyAuthorization);
  }

  publishCertificate(name: string, certificate: CertificatePair): () => void {
    return put(this.#certificates, name, certificate);
  }

  /** The answer for a path as the client sent it; `undefined`: no pending token of ours. */
  answerFor(rawPath: string): string | undefined {
    if (this.#tokens.size === 0 || !rawPath.startsWith(PREFIX)) return undefined;
    return this.#tokens.get(rawPath.slice(PREFIX.length));
  }

  /** What the CA gets to see if it asks for `name` with the protocol `acme-tls/1`. */
  certificateFor(name: string): CertificatePair | undefined {
    return this.#certificates.get(name);
  }
}

function put<T>(map: Map<string, T>, key: string, value: T): () => void {
  map.set(key, value);
  return () => {
    // Another order for the same name may have put up its own.
    if (map.get(key) === value) map.delete(key);
  };
}
