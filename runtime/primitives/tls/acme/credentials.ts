import { createHash, createPrivateKey, generateKeyPairSync, webcrypto } from "node:crypto";

import { parsePair, type CertificatePair } from "../certificate-pair.ts";
import { loadX509 } from "../issuing.ts";

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
/** RFC 8737 §3: id-pe-acmeIdentifier. */
const ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31";

/** A new key and the DER of a request to certify it for these names. The first name is not put into the subject (RFC 8555 §7.4 leaves that open, and it is limited to 64 characters). */
export async function createSigningRequest(
  names: readonly string[],
): Promise<{ readonly der: Buffer; readonly key: string }> {
  const x509 = await loadX509();
  const keys = await generateKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: EC,
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: "dns" as const, value })),
      ),
    ],
  });
  return { der: Buffer.from(request.rawData), key: await toPem(keys.privateKey) };
}

/** What is shown to the CA in a tls-alpn-01 challenge: worth nothing to anyone else. */
export async function createChallengeCertificate(
  name: string,
  keyAuthorization: string,
  now: number,
): Promise<CertificatePair> {
  const x509 = await loadX509();
  const keys = await generateKeys();
  const digest = createHash("sha256").update(keyAuthorization).digest();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    keys,
    name: [{ CN: ["ACME challenge"] }],
    notBefore: new Date(now - 3_600_000),
    notAfter: new Date(now + 24 * 3_600_000),
    signingAlgorithm: EC,
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: name }]),
      // The extension's value is an OCTET STRING with the 32 bytes.
      new x509.Extension(ACME_IDENTIFIER, true, Buffer.concat([Buffer.from([4, 32]), digest])),
    ],
  });
  const from = `the challenge for ${name}`;
  const result = parsePair({
    cert: `${cert.toString("pem")}\n`,
    key: await toPem(keys.privateKey),
    passphrase: undefined,
    certFrom: from,
    keyFrom: from,
    path: "tls.acme",
  });
  if (result.kind === "unusable") throw new Error(result.issue.message);
  return result.pair;
}

export function createAccountKey(): string {
  return generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(EC, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
}

async function toPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, type: "pkcs8", format: "der" })
    .export({ type: "pkcs8", format: "pem" })
    .toString();
}
