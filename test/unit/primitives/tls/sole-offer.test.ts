import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { createChallengeCertificate } from "../../../../runtime/primitives/tls/acme/credentials.ts";
import type { CertificateSource } from "../../../../runtime/primitives/tls/certificate-source.ts";
import { createTlsTerms, type TlsOptions } from "../../../../runtime/primitives/tls/terms.ts";
import { certificateFor, type TestCertificate } from "../../../helpers/certificates.ts";
import { collectLog } from "../../../helpers/log-lines.ts";

async function openTerms(
  certificates: readonly TestCertificate[],
  options: Partial<TlsOptions> = {},
  sources: readonly CertificateSource[] = [],
) {
  const dataDir = await mkdtemp(join(tmpdir(), "gatewright-terms-"));
  const text = (pem: string) => ({ kind: "text", text: pem }) as const;
  const terms = await createTlsTerms({
    tls: {
      minVersion: "TLSv1.2",
      clientCertificates: undefined,
      isDev: false,
      certificates: certificates.map(({ cert, key }) => ({
        kind: "pair",
        cert: text(cert),
        key: text(key),
        passphrase: undefined,
      })),
      hasServerNameHook: false,
      unknownName: "default",
      hosts: [],
      ...options,
    },
    dataDir,
    log: collectLog().log,
    describeError: (error) => ({ error }),
    sources,
  });
  onTestFinished(async () => {
    await terms.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  return terms;
}

const ec = await certificateFor(["a.test", "*.a.test"]);
const rsa = await certificateFor(["a.test", "*.a.test"], { keyType: "rsa" });
const fewer = await certificateFor(["a.test"], { keyType: "rsa" });
const longer = await certificateFor(["a.test", "c.test"], { days: 200 });
const other = await certificateFor(["b.test"]);

describe("the sole offer", () => {
  it("is what every client gets where there is one certificate, known names and unknown ones", async () => {
    const terms = await openTerms([ec]);
    expect(terms.soleOffer?.options().cert).toEqual([ec.cert]);
    for (const name of ["a.test", "www.a.test", "unknown.test", "not a name", undefined]) {
      expect(terms.offerFor(name, ["h2"])).toBe(terms.soleOffer);
    }
  });

  it("is an ECDSA and RSA pair for the same names", async () => {
    const terms = await openTerms([ec, rsa]);
    expect(terms.soleOffer?.options().cert).toEqual([ec.cert, rsa.cert]);
  });

  it.each([
    ["another certificate", [ec, other], {}],
    ["a pair that covers more names", [ec, fewer], {}],
    ["a certificate that another one for the same name replaces", [ec, longer], {}],
    ["unknown names refused", [ec], { unknownName: "refuse" }],
    ["a hook for names", [ec], { hasServerNameHook: true }],
    [
      "a host with rules of its own",
      [ec],
      { hosts: [["a.test", { minVersion: "TLSv1.3", clientCertificates: undefined }]] },
    ],
  ] satisfies [string, TestCertificate[], Partial<TlsOptions>][])(
    "is none with %s",
    async (_what, certificates, options) => {
      expect((await openTerms(certificates, options)).soleOffer).toBeUndefined();
    },
  );

  it("is none where a challenge of an ACME CA may come (RFC 8737 §3)", async () => {
    const source: CertificateSource = {
      pairs: [],
      onChange: null,
      challenge: () => undefined,
      refresh: async () => {},
      close() {},
    };
    expect((await openTerms([ec], {}, [source])).soleOffer).toBeUndefined();
  });

  it("changes with the certificates", async () => {
    const source = {
      pairs: [] as CertificateSource["pairs"],
      onChange: null as (() => void) | null,
      refresh: async () => {},
      close() {},
    };
    const terms = await openTerms([ec], {}, [source]);
    const first = terms.soleOffer;
    expect(first).toBeDefined();
    source.pairs = [await createChallengeCertificate("b.test", "token.thumbprint", Date.now())];
    source.onChange?.();
    expect(terms.soleOffer).toBeUndefined();
    source.pairs = [];
    source.onChange?.();
    expect(terms.soleOffer?.key).toBe(first?.key);
  });
});
