import { describe, expect, it } from "vitest";

import {
  authority,
  certificateFor,
  encryptedKey,
  fingerprintOf,
  servedFor,
  sClient,
} from "../helpers/certificates.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const upstreams = { demo: { fetch: () => new Response("hello") } };

describe("certificates by server name (PUB-28)", () => {
  it("takes names without regard to case, exact before wildcard, one label for a wildcard (RFC 9525 §6.3)", async () => {
    const ca = await authority();
    const [first, exact, wildcard] = await Promise.all([
      certificateFor(["first.test"], { authority: ca }),
      certificateFor(["A.Example.Test"], { authority: ca }),
      certificateFor(["*.Example.Test"], { authority: ca }),
    ]);
    const { port, url } = await startProxy({
      config: {
        listen: { port: 0, tls: { certificates: [first, wildcard, exact] } },
        upstreams,
      },
    });
    expect(url).toMatch(/^https:/);
    expect(await servedFor(port, "a.example.test")).toBe(fingerprintOf(exact));
    expect(await servedFor(port, "A.EXAMPLE.TEST")).toBe(fingerprintOf(exact));
    expect(await servedFor(port, "www.example.test")).toBe(fingerprintOf(wildcard));
    expect(await servedFor(port, "WWW.Example.Test")).toBe(fingerprintOf(wildcard));
    expect(await servedFor(port, "a.b.example.test")).toBe(fingerprintOf(first));
    expect(await servedFor(port, "example.test")).toBe(fingerprintOf(first));
    expect(await servedFor(port, undefined)).toBe(fingerprintOf(first));
  });

  it("serves openssl, with names in capitals and a dot at the end", async () => {
    const [first, other] = await Promise.all([
      certificateFor(["a.test"]),
      certificateFor(["b.test"]),
    ]);
    const { port } = await startProxy({
      config: { listen: { port: 0, tls: { certificates: [first, other] } }, upstreams },
    });
    for (const name of ["B.Test", "b.test", "b.test."]) {
      const { text } = await sClient(port, ["-servername", name]);
      expect(text).toMatch(/subject=\s*CN\s*=\s*b\.test/);
    }
    const { text } = await sClient(port, ["-noservername"]);
    expect(text).toMatch(/subject=\s*CN\s*=\s*a\.test/);
  });

  it("refuses unknown names with unrecognized_name where told to (RFC 6066 §3)", async () => {
    const one = await certificateFor(["a.test"]);
    const { port } = await startProxy({
      config: {
        listen: { port: 0, tls: { certificates: [one], unknownName: "refuse" } },
        upstreams,
      },
    });
    expect(await servedFor(port, "a.test")).toBe(fingerprintOf(one));
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      await expect(servedFor(port, "b.test", { maxVersion })).rejects.toMatchObject({
        code: "ERR_SSL_TLSV1_UNRECOGNIZED_NAME",
      });
    }
    // No name is not an unknown one.
    expect(await servedFor(port, undefined)).toBe(fingerprintOf(one));
  });

  it("serves the ECDSA or the RSA certificate of a name, whichever the client can use", async () => {
    const [ec, rsa] = await Promise.all([
      certificateFor(["a.test"]),
      certificateFor(["a.test"], { keyType: "rsa" }),
    ]);
    const { port } = await startProxy({
      config: { listen: { port: 0, tls: { certificates: [ec, rsa] } }, upstreams },
    });
    expect(await servedFor(port, "a.test")).toBe(fingerprintOf(ec));
    expect(await servedFor(port, "a.test", { sigalgs: "rsa_pss_rsae_sha256" })).toBe(
      fingerprintOf(rsa),
    );
    // And as the default.
    expect(await servedFor(port, undefined, { sigalgs: "rsa_pss_rsae_sha256" })).toBe(
      fingerprintOf(rsa),
    );
  });

  it("never shows another host's certificate to a client that cannot use this host's", async () => {
    const [ec, rsa] = await Promise.all([
      certificateFor(["a.test"]),
      certificateFor(["b.test"], { keyType: "rsa" }),
    ]);
    const { port } = await startProxy({
      config: { listen: { port: 0, tls: { certificates: [ec, rsa] } }, upstreams },
    });
    // node's own SNICallback would show a.test's: it adds to the default context's certificates.
    expect(await servedFor(port, "b.test")).toBe(fingerprintOf(rsa));
    await expect(
      servedFor(port, "b.test", { sigalgs: "ecdsa_secp256r1_sha256" }),
    ).rejects.toMatchObject({ code: "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE" });
    expect(await servedFor(port, "a.test")).toBe(fingerprintOf(ec));
  });

  it("opens an encrypted key with its passphrase, and says what is wrong at once otherwise", async () => {
    const [one, other] = await Promise.all([
      certificateFor(["a.test"]),
      certificateFor(["b.test"]),
    ]);
    const key = encryptedKey(one, "open sesame");
    const { port } = await startProxy({
      config: {
        listen: {
          port: 0,
          tls: { certificates: [{ cert: one.cert, key, passphrase: "open sesame" }] },
        },
        upstreams,
      },
    });
    expect(await servedFor(port, "a.test")).toBe(fingerprintOf(one));
    const start = startProxy({
      config: {
        listen: {
          port: 0,
          tls: {
            certificates: [
              { cert: one.cert, key },
              { cert: one.cert, key, passphrase: "wrong" },
              { cert: one.cert, key: other.key },
              { cert: "missing.pem", key: "missing.key" },
              { folder: "no-such-folder" },
            ],
            clientCertificates: { mode: "require", ca: "missing-ca.pem" },
          },
        },
        upstreams,
      },
    });
    const error = (await start.catch((caught: unknown) => caught)) as {
      report: { issues: { path: string; message: string; fix?: string }[] };
    };
    const issues = error.report.issues.map(({ path, message }) => `${path}: ${message}`);
    expect(issues.toSorted()).toEqual([
      expect.stringMatching(/^listen\[0\]\.tls\.certificates\[0\]\.key: .* is encrypted/),
      expect.stringMatching(/^listen\[0\]\.tls\.certificates\[1\]\.key: The passphrase does not/),
      expect.stringMatching(/^listen\[0\]\.tls\.certificates\[2\]\.key: .* does not belong to/),
      expect.stringMatching(/^listen\[0\]\.tls\.certificates\[3\]\.cert: .*no such file/),
      expect.stringMatching(/^listen\[0\]\.tls\.certificates\[4\]\.folder: .*no such folder/),
      expect.stringMatching(/^listen\[0\]\.tls\.clientCertificates\.ca: .*no such file/),
    ]);
    expect(JSON.stringify(error.report)).not.toContain("PRIVATE KEY");
  });
});

describe("dates", () => {
  it("serves an expired certificate at the start, for the sake of the others, and says so", async () => {
    const [expired, ending] = await Promise.all([
      certificateFor(["a.test"], { days: -1 }),
      certificateFor(["b.test"], { days: 6.5 }),
    ]);
    const proxy = await startProxy({
      config: { listen: { port: 0, tls: { certificates: [expired, ending] } }, upstreams },
    });
    expect(proxy.takeErrors()).toMatchObject([
      { msg: "a certificate has expired", names: ["a.test"] },
    ]);
    expect(proxy.log.lines).toContainEqual(
      expect.objectContaining({ msg: "a certificate expires in 7 days", names: ["b.test"] }),
    );
    expect(await servedFor(proxy.port, "a.test")).toBe(fingerprintOf(expired));
  });
});

describe("onServerName", () => {
  it("finds certificates, once for all that ask at once, and remembers refusals", async () => {
    const calls: string[] = [];
    const found = await certificateFor(["dynamic.test"]);
    const proxy = await startProxy({
      config: {
        listen: {
          port: 0,
          tls: {
            onServerName: async (name) => {
              calls.push(name);
              await new Promise((resolve) => setTimeout(resolve, 20));
              return name === "dynamic.test" ? found : undefined;
            },
          },
        },
        upstreams,
      },
    });
    const { port } = proxy;
    const served = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        servedFor(port, at % 2 ? "dynamic.test" : "Dynamic.TEST"),
      ),
    );
    expect(new Set(served)).toEqual(new Set([fingerprintOf(found)]));
    expect(calls).toEqual(["dynamic.test"]);
    for (let i = 0; i < 3; i++) {
      await expect(servedFor(port, "other.test")).rejects.toMatchObject({
        code: "ERR_SSL_TLSV1_UNRECOGNIZED_NAME",
      });
    }
    expect(calls).toEqual(["dynamic.test", "other.test"]);
  });

  it("gets no name that is none, and its failures are logged and cost only that handshake", async () => {
    const fallback = await certificateFor(["a.test"]);
    const calls: string[] = [];
    const proxy = await startProxy({
      config: {
        listen: {
          port: 0,
          tls: {
            certificates: [fallback],
            onServerName: (name) => {
              calls.push(name);
              throw new Error("database down");
            },
          },
        },
        upstreams,
      },
    });
    const { port } = proxy;
    expect(await servedFor(port, "../../etc/passwd")).toBe(fingerprintOf(fallback));
    expect(calls).toEqual([]);
    expect(await servedFor(port, "b.test")).toBe(fingerprintOf(fallback));
    expect(await servedFor(port, "a.test")).toBe(fingerprintOf(fallback));
    expect(calls).toEqual(["b.test"]);
    expect(proxy.takeErrors()).toMatchObject([
      { msg: "onServerName failed", servername: "b.test" },
    ]);
  });
});
