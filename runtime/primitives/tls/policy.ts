import { constants, createHash, X509Certificate } from "node:crypto";
import type { SecureContextOptions, SecureVersion } from "node:tls";

import { PemFiles, type PemOption } from "./pem-files.ts";
import { wildcardOf } from "./server-names.ts";
import { TlsOptionsError, type TlsIssue } from "./tls-issue.ts";

export interface ClientCertificatesOption {
  readonly mode: "request" | "require";
  readonly ca: readonly PemOption[];
}

export interface PolicyOption {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly clientCertificates: ClientCertificatesOption | undefined;
}

/** The rules of a handshake, apart from the certificate. Hosts of one listener may differ in them. */
export interface TlsPolicy {
  /** Equal ids: equal rules, the authorities' certificates included. At most 32 bytes: it is the session id context. */
  readonly id: string;
  readonly minVersion: SecureVersion;
  readonly clientCertificates: "none" | "request" | "require";
  readonly ca: readonly string[];
}

export interface PolicySet {
  /** Each once; the first is that of hosts without rules of their own. */
  readonly all: readonly TlsPolicy[];
  find(name: string | undefined): TlsPolicy;
  /** Files of authorities, to be watched. */
  readonly paths: readonly string[];
}

/** Forward secrecy and authenticated encryption only; AES-128 first, ChaCha20 for clients without AES in hardware. */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** Seconds that a session can be resumed. One with a client's certificate is not checked again in that time. */
const SESSION_SECONDS = 3600;
const CLIENT_CERTIFICATE_SESSION_SECONDS = 300;

/** What every secure context under a policy is made with. */
export function contextOptionsOf(policy: TlsPolicy): SecureContextOptions {
  return {
    minVersion: policy.minVersion,
    ciphers: CIPHERS,
    honorCipherOrder: true,
    // RFC 9325 §3.5: renegotiation lets a client make us work for a handshake it does not pay for; nobody needs it.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_PRIORITIZE_CHACHA,
    // A session of one policy must not be resumed under another: it would carry a client's right (or its lack of a
    // certificate) to a host whose rules it never met.
    sessionIdContext: policy.id,
    sessionTimeout:
      policy.clientCertificates === "none" ? SESSION_SECONDS : CLIENT_CERTIFICATE_SESSION_SECONDS,
    ...(policy.clientCertificates === "none" ? {} : { ca: [...policy.ca] }),
  };
}

/** Throws a {@link TlsOptionsError}. `hosts` are names as `toCoveredName` makes them. */
export function readPolicies(
  base: PolicyOption,
  hosts: readonly (readonly [name: string, rules: PolicyOption])[],
  files: PemFiles,
): PolicySet {
  const issues: TlsIssue[] = [];
  const byId = new Map<string, TlsPolicy>();
  const byName = new Map<string, TlsPolicy>();
  const read = (option: PolicyOption, path: string): TlsPolicy => {
    const policy = readPolicy(option, path, files, issues);
    const known = byId.get(policy.id);
    if (known !== undefined) return known;
    byId.set(policy.id, policy);
    return policy;
  };
  const first = read(base, "tls");
  for (const [name, rules] of hosts) {
    byName.set(name, read(rules, `tls.hosts[${JSON.stringify(name)}]`));
  }
  if (issues.length > 0) throw new TlsOptionsError(withoutRepeats(issues));
  return {
    all: [...byId.values()],
    find(name) {
      if (name === undefined || byName.size === 0) return first;
      const exact = byName.get(name);
      if (exact !== undefined) return exact;
      const wildcard = wildcardOf(name);
      return (wildcard === undefined ? undefined : byName.get(wildcard)) ?? first;
    },
    paths: [base, ...hosts.map(([, rules]) => rules)].flatMap((option) =>
      (option.clientCertificates?.ca ?? []).flatMap((pem) =>
        pem.kind === "file" ? [pem.path] : [],
      ),
    ),
  };
}

function readPolicy(
  option: PolicyOption,
  path: string,
  files: PemFiles,
  issues: TlsIssue[],
): TlsPolicy {
  const ca: string[] = [];
  const { clientCertificates, minVersion } = option;
  for (const pem of clientCertificates?.ca ?? []) {
    const place = `${path}.clientCertificates.ca`;
    try {
      const text = files.read(pem, place);
      ca.push(...authoritiesOf(text, PemFiles.nameOf(pem), place));
    } catch (error) {
      if (!(error instanceof TlsOptionsError)) throw error;
      issues.push(...error.issues);
    }
  }
  const mode = clientCertificates?.mode ?? "none";
  const id = createHash("sha256")
    .update(JSON.stringify([minVersion, mode, ca]))
    .digest("hex")
    .slice(0, 32);
  return { id, minVersion, clientCertificates: mode, ca };
}

/** Each certificate by itself: node takes only the first of a text where OpenSSL expects one. */
function authoritiesOf(text: string, from: string, path: string): string[] {
  const blocks =
    text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? ([] as string[]);
  if (blocks.length === 0) {
    throw new TlsOptionsError([
      {
        path,
        message: `${from} has no PEM certificate in it.`,
        fix: "Put the certificates of the authorities there that issue the clients' certificates.",
      },
    ]);
  }
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch {
      throw new TlsOptionsError([
        {
          path,
          message: `${from} has a certificate that cannot be parsed.`,
          fix: "Get the file anew.",
        },
      ]);
    }
  }
  return [...blocks];
}

function withoutRepeats(issues: readonly TlsIssue[]): TlsIssue[] {
  const seen = new Set<string>();
  return issues.filter((issue) => !seen.has(issue.message) && seen.add(issue.message));
}
