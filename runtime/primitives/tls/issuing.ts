/**
 * Issues X.509 certificates: for the development authority, and for tests. The library is loaded by the first call: it
 * takes 100 ms, and only development and ACME orders need it. (`@peculiar/x509` sits on an inversion-of-control container
 * that wants `reflect-metadata` first.)
 */
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";

import type * as X509 from "@peculiar/x509";

/** PEM texts. */
export interface IssuedCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  readonly commonName: string;
  readonly dns?: readonly string[];
  readonly addresses?: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Default `"ec"`: P-256. */
  readonly keyType?: "ec" | "rsa";
  /** Who signs; default: the certificate itself. */
  readonly authority?: IssuedCertificate;
  /** May sign others, but no further authorities. */
  readonly isAuthority?: boolean;
}

type Library = typeof X509;

let library: Promise<Library> | undefined;

/** The library, once for all. */
export function loadX509(): Promise<Library> {
  return (library ??= load());
}

async function load(): Promise<Library> {
  await import("reflect-metadata");
  const loaded = await import("@peculiar/x509");
  loaded.cryptoProvider.set(webcrypto as Crypto);
  return loaded;
}

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};

export async function issue(options: IssueOptions): Promise<IssuedCertificate> {
  const x509 = await loadX509();
  const { dns = [], addresses = [], authority, isAuthority = false } = options;
  const algorithm = options.keyType === "rsa" ? RSA : EC;
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
  const issuer = authority === undefined ? undefined : new x509.X509Certificate(authority.cert);
  const signer = authority === undefined ? undefined : await importKey(authority.key);
  const publicKey = keys.publicKey as CryptoKey;
  const names = [
    ...dns.map((value) => ({ type: "dns" as const, value })),
    ...addresses.map((value) => ({ type: "ip" as const, value })),
  ];
  const cert = await x509.X509CertificateGenerator.create({
    // RFC 5280 §4.1.2.2: positive, at most 20 bytes.
    serialNumber: `5${randomBytes(15).toString("hex")}`.padStart(32, "0"),
    subject: [{ CN: [options.commonName] }],
    issuer: issuer?.subjectName.toJSON() ?? [{ CN: [options.commonName] }],
    notBefore: options.notBefore,
    notAfter: options.notAfter,
    publicKey,
    signingKey: (signer?.key ?? keys.privateKey) as CryptoKey,
    signingAlgorithm: signer?.algorithm ?? algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, isAuthority ? 0 : undefined, true),
      new x509.KeyUsagesExtension(
        isAuthority
          ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
          : x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      ...(isAuthority
        ? []
        : [
            new x509.ExtendedKeyUsageExtension([
              x509.ExtendedKeyUsage.serverAuth,
              x509.ExtendedKeyUsage.clientAuth,
            ]),
          ]),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer ?? publicKey),
    ],
  });
  return { cert: `${cert.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

/** Days until the certificate ends. */
export function daysLeft(cert: string, now: number): number {
  return (new X509Certificate(cert).validToDate.getTime() - now) / 86_400_000;
}

async function importKey(pem: string): Promise<{ key: webcrypto.CryptoKey; algorithm: typeof EC }> {
  const key = createPrivateKey(pem);
  const algorithm = (key.asymmetricKeyType === "rsa" ? RSA : EC) as typeof EC;
  const der = key.export({ type: "pkcs8", format: "der" });
  return {
    key: await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]),
    algorithm,
  };
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, type: "pkcs8", format: "der" })
    .export({ type: "pkcs8", format: "pem" })
    .toString();
}
