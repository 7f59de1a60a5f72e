import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";

import type { TlsIssue } from "./tls-issue.ts";
import { toCoveredName } from "./server-names.ts";

/** PEM texts that belong together, and where they come from. */
export interface PairText {
  readonly cert: string;
  readonly key: string;
  readonly passphrase: string | undefined;
  /** For messages: a file name or "inline". */
  readonly certFrom: string;
  readonly keyFrom: string;
  /** Option path. */
  readonly path: string;
}

/** A certificate chain with its key, checked. Cheap to hold: the parsed certificate is dropped. */
export interface CertificatePair {
  /** SHA-256 of the certificate: equal fingerprints are the same certificate. */
  readonly fingerprint: string;
  readonly cert: string;
  readonly key: string;
  readonly passphrase: string | undefined;
  /** Lower-case host names of the subjectAltName, `*.` included. */
  readonly names: readonly string[];
  /** `ec`, `rsa`, `ed25519` …: a client that cannot use one may have the other. */
  readonly keyType: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** For the log. */
  readonly from: string;
}

export type PairResult =
  | { readonly kind: "pair"; readonly pair: CertificatePair }
  | { readonly kind: "unusable"; readonly issue: TlsIssue };

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/;

/** Reads and checks a pair. Dates are not looked at: whether an expired one is better than none is the caller's to say. */
export function parsePair(text: PairText): PairResult {
  const { cert, key, path } = text;
  const no = (end: "cert" | "key", message: string, fix: string): PairResult => ({
    kind: "unusable",
    issue: { path: `${path}.${end}`, message, fix },
  });
  const { certFrom, keyFrom } = text;
  if (cert.trim() === "") return no("cert", `${certFrom} is empty.`, "Put the certificate there.");
  if (!CERTIFICATE.test(cert)) {
    return no(
      "cert",
      `${certFrom} has no PEM certificate in it.`,
      "It has to contain -----BEGIN CERTIFICATE-----. A DER file can be converted: openssl x509 -inform der.",
    );
  }
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(cert);
  } catch (error) {
    return no("cert", `${certFrom} cannot be parsed: ${reasonOf(error)}.`, "Get the file anew.");
  }
  if (key.trim() === "") return no("key", `${keyFrom} is empty.`, "Put the private key there.");
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(
      text.passphrase === undefined ? key : { key, passphrase: text.passphrase },
    );
  } catch (error) {
    return no("key", ...keyProblem(text, error));
  }
  if (!leaf.checkPrivateKey(privateKey)) {
    return no(
      "key",
      `The key in ${keyFrom} does not belong to the certificate in ${certFrom}.`,
      hasMatchBehindFirst(cert, privateKey)
        ? "It belongs to a later certificate of that file: the host's own certificate must come first."
        : "Use the key that the certificate was made for.",
    );
  }
  return {
    kind: "pair",
    pair: {
      fingerprint: leaf.fingerprint256,
      cert,
      key,
      passphrase: text.passphrase,
      names: namesOf(leaf.subjectAltName),
      keyType: privateKey.asymmetricKeyType ?? "unknown",
      notBefore: leaf.validFromDate.getTime(),
      notAfter: leaf.validToDate.getTime(),
      from: certFrom,
    },
  };
}

/**
 * Host names of a subjectAltName as node writes it. Values with anything special in them are quoted there, and are no
 * host names: `DNS:"a.test, DNS:b.test"` is one odd name, not two.
 */
export function namesOf(subjectAltName: string | undefined): string[] {
  if (subjectAltName === undefined) return [];
  const names = new Set<string>();
  for (const part of subjectAltName.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? []) {
    const [, name = ""] = /^ ?DNS:([^"]+)$/.exec(part) ?? [];
    const covered = name === "" ? undefined : toCoveredName(name);
    if (covered !== undefined) names.add(covered);
  }
  return [...names];
}

function keyProblem(text: PairText, error: unknown): [message: string, fix: string] {
  const { key, keyFrom, passphrase } = text;
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) {
    return [
      `${keyFrom} has no PEM private key in it.`,
      "It has to contain -----BEGIN PRIVATE KEY-----.",
    ];
  }
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "ERR_MISSING_PASSPHRASE" || (passphrase === undefined && /ENCRYPTED/.test(key))) {
    return [`The key in ${keyFrom} is encrypted.`, "Set `passphrase`, for example from env."];
  }
  if (passphrase !== undefined && /ENCRYPTED/.test(key)) {
    return [`The passphrase does not open the key in ${keyFrom}.`, "Check `passphrase`."];
  }
  return [`The key in ${keyFrom} cannot be parsed: ${reasonOf(error)}.`, "Get the file anew."];
}

function hasMatchBehindFirst(cert: string, key: KeyObject): boolean {
  const blocks = cert.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [];
  return blocks.slice(1, 10).some((block) => {
    try {
      return new X509Certificate(block).checkPrivateKey(key);
    } catch {
      return false;
    }
  });
}

/** OpenSSL's text without its numbers. Never the file's content. */
function reasonOf(error: unknown): string {
  const { reason, message } = error as { reason?: string; message?: string };
  return reason ?? message?.split(":").at(-1) ?? "unknown reason";
}
