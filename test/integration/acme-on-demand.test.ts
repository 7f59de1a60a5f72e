import type { AcmeConfig, GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import type { ProxyStatus } from "../../runtime/inspect/status.ts";
import { handshake, visit } from "../helpers/certificates.ts";
import { freePort, hasPebble, startPebble } from "../helpers/pebble.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const provision = { acmeLimits: { pollMs: 50 } };

describe.skipIf(!hasPebble)("ACME on demand", { timeout: 30_000 }, () => {
  it("orders a certificate within the first handshake for a name that is allowed, and none for others", async () => {
    const tlsPort = await freePort();
    const ca = await startPebble({ httpPort: 1, tlsPort });
    const asked: string[] = [];
    const configFor = (allowed: readonly string[]): GatewrightConfig<string> => {
      const acme: AcmeConfig = {
        agreeTos: true,
        directory: ca.directory,
        directoryCa: ca.ca,
        async onDemand(name) {
          asked.push(name);
          return allowed.includes(name);
        },
      };
      return {
        listen: { port: tlsPort, tls: { acme } },
        upstreams: { demo: { fetch: () => new Response("hello") } },
        admin: { port: 0 },
      };
    };
    const proxy = await startProxy({ provision, config: configFor(["a.example.com"]) });
    const visits = await Promise.all(
      Array.from({ length: 5 }, () => visit(tlsPort, { servername: "A.Example.com" })),
    );
    expect(visits.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(new Set(visits.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    for (let at = 0; at < 3; at++) {
      await expect(handshake(tlsPort, { servername: "b.example.com" })).rejects.toThrow(
        /unrecognized name/i,
      );
    }
    expect(asked).toEqual(["a.example.com", "b.example.com"]);
    const { listeners } = (await (
      await fetch(`${proxy.adminUrl}/api/status`)
    ).json()) as ProxyStatus;
    expect(listeners[0]).toMatchObject({
      certificateCount: 1,
      certificates: [{ names: ["a.example.com"] }],
      onDemand: [{ from: "acme", names: 2, certificates: 1, waiting: 0, refused: 1, failed: 0 }],
    });

    // A reload decides anew, and loses no certificate.
    await proxy.update(configFor(["a.example.com", "b.example.com"]));
    expect((await visit(tlsPort, { servername: "b.example.com" })).status).toBe(200);
    expect((await visit(tlsPort, { servername: "a.example.com" })).fingerprint).toBe(
      visits[0]?.fingerprint,
    );
    const issued = proxy.log.lines.filter(({ msg }) => msg === "a certificate was issued");
    expect(issued).toHaveLength(2);
  });
});
