import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { createChallengeCertificate } from "../../../../../runtime/primitives/tls/acme/credentials.ts";
import type { CertificatePair } from "../../../../../runtime/primitives/tls/certificate-pair.ts";
import type { CertificateSource } from "../../../../../runtime/primitives/tls/certificate-source.ts";
import { createTlsTerms } from "../../../../../runtime/primitives/tls/terms.ts";
import { authority, certificateFor } from "../../../../helpers/certificates.ts";
import { collectLog } from "../../../../helpers/log-lines.ts";

async function openTerms(challenges: ReadonlyMap<string, CertificatePair>) {
  const dataDir = await mkdtemp(join(tmpdir(), "gatewright-terms-"));
  const ca = await authority();
  const { cert, key } = await certificateFor(["a.test"]);
  const source: CertificateSource = {
    pairs: [],
    onChange: null,
    challenge: (name) => challenges.get(name),
    refresh: async () => {},
    close() {},
  };
  const text = (pem: string) => ({ kind: "text", text: pem }) as const;
  const terms = await createTlsTerms({
    tls: {
      minVersion: "TLSv1.2",
      clientCertificates: { mode: "require", ca: [text(ca.cert)] },
      isDev: false,
      certificates: [{ kind: "pair", cert: text(cert), key: text(key), passphrase: undefined }],
      hasServerNameHook: false,
      unknownName: "refuse",
      hosts: [],
    },
    dataDir,
    log: collectLog().log,
    describeError: (error) => ({ error }),
    sources: [source],
  });
  onTestFinished(async () => {
    await terms.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  return terms;
}

describe("a pending tls-alpn-01 challenge (RFC 8737 §3)", () => {
  it("is shown to whoever asks for acme-tls/1, and to nobody else", async () => {
    const challenge = await createChallengeCertificate("a.test", "token.thumbprint", Date.now());
    const unknown = await createChallengeCertificate("b.test", "token.thumbprint", Date.now());
    const terms = await openTerms(
      new Map([
        ["a.test", challenge],
        ["b.test", unknown],
      ]),
    );
    const offer = await terms.offerFor("A.test", ["acme-tls/1"]);
    expect(offer?.options().cert).toEqual([challenge.cert]);
    expect(offer?.protocols).toEqual(["acme-tls/1"]);
    // The CA has no client certificate; and a session of its handshake must not do for the others.
    expect(offer?.policy.clientCertificates).toBe("none");
    const usual = await terms.offerFor("a.test", ["h2", "http/1.1"]);
    expect(usual?.options().cert).not.toEqual([challenge.cert]);
    expect(usual?.policy.clientCertificates).toBe("require");
    expect(usual?.policy.id).not.toBe(offer?.policy.id);
    expect(await terms.offerFor("b.test", ["h2"])).toBeUndefined();
    expect((await terms.offerFor("b.test", ["acme-tls/1"]))?.options().cert).toEqual([
      unknown.cert,
    ]);
  });

  it("is the only thing that such a client gets", async () => {
    const terms = await openTerms(new Map());
    expect(await terms.offerFor("a.test", ["acme-tls/1"])).toBeUndefined();
  });
});
