import type { AcmeConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { authority, handshake, sClient, servedFor } from "../helpers/certificates.ts";
import { freePort, hasPebble, startPebble } from "../helpers/pebble.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const upstreams = { demo: { fetch: () => new Response("hello") } };
const provision = { acmeLimits: { pollMs: 50, retryBaseMs: 100 } };

describe.skipIf(!hasPebble)("ACME by tls-alpn-01 (RFC 8737)", { timeout: 30_000 }, () => {
  it("needs no port but that of TLS, and no certificate of the CA's where clients need one", async () => {
    const tlsPort = await freePort();
    const ca = await startPebble({ httpPort: 1, tlsPort });
    const clients = await authority();
    const acme: AcmeConfig = {
      agreeTos: true,
      directory: ca.directory,
      directoryCa: ca.ca,
      hosts: ["a.example.com"],
    };
    const proxy = await startProxy({
      provision,
      config: {
        listen: {
          port: tlsPort,
          tls: { acme, clientCertificates: { mode: "require", ca: clients.cert } },
        },
        upstreams,
      },
    });
    await proxy.log.line(({ msg }) => msg === "a certificate was issued");
    const { text } = await sClient(tlsPort, ["-servername", "a.example.com", "-tls1_2"]);
    expect(text).toMatch(/issuer=.*Pebble Intermediate/);
    // No challenge is pending any more.
    await expect(
      handshake(tlsPort, { servername: "a.example.com", ALPNProtocols: ["acme-tls/1"] }),
    ).rejects.toThrow();
  });

  it("orders no more after a reload than what is new", async () => {
    const tlsPort = await freePort();
    const ca = await startPebble({ httpPort: 1, tlsPort });
    const configFor = (hosts: readonly string[], minVersion: "TLSv1.2" | "TLSv1.3") => ({
      listen: {
        port: tlsPort,
        tls: {
          acme: { agreeTos: true as const, directory: ca.directory, directoryCa: ca.ca, hosts },
          minVersion,
        },
      },
      upstreams,
    });
    const proxy = await startProxy({
      provision,
      config: configFor(["a.example.com"], "TLSv1.2"),
    });
    await proxy.log.line(({ msg }) => msg === "a certificate was issued");
    const first = await servedFor(tlsPort, "a.example.com");
    await proxy.update(configFor(["a.example.com"], "TLSv1.3"));
    await proxy.update(configFor(["b.example.com", "a.example.com"], "TLSv1.3"));
    expect(await servedFor(tlsPort, "a.example.com")).toBe(first);
    await proxy.log.line(
      ({ msg, names }) =>
        msg === "a certificate was issued" && (names as readonly string[])[0] === "b.example.com",
    );
    expect(await servedFor(tlsPort, "b.example.com")).not.toBe(first);
    expect(ca.output().match(/Issued certificate serial/g)).toHaveLength(2);
  });

  it("is tried where http-01 has failed, and the reason is told", async () => {
    const [httpPort, tlsPort] = [await freePort(), await freePort()];
    const ca = await startPebble({ httpPort, tlsPort });
    const acme: AcmeConfig = {
      agreeTos: true,
      directory: ca.directory,
      directoryCa: ca.ca,
      challenges: ["http-01", "tls-alpn-01"],
      hosts: ["a.example.com"],
    };
    const proxy = await startProxy({
      provision,
      config: { listen: { port: tlsPort, tls: { acme } }, upstreams },
    });
    await proxy.log.line(({ msg }) => msg === "a certificate was issued");
    const [error, ...others] = proxy.takeErrors();
    expect(error?.msg).toBe("a certificate could not be had, and there is no valid one");
    expect(error?.["reason"]).toMatch(/^http-01 for a\.example\.com: .*connection/);
    expect(others).toEqual([]);
  });
});
