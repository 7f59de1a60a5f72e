import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

import type { AcmeConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { handshake, visit } from "../helpers/certificates.ts";
import { freePort, hasPebble, startPebble, type Pebble } from "../helpers/pebble.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

const upstreams = {
  demo: { fetch: (request: Request) => new Response(`upstream ${new URL(request.url).pathname}`) },
};
const provision = { acmeLimits: { pollMs: 50 } };

function acmeFor(ca: Pebble, options: Partial<AcmeConfig>): AcmeConfig {
  return { agreeTos: true, directory: ca.directory, directoryCa: ca.ca, ...options };
}

async function issued(proxy: TestProxy, name: string): Promise<void> {
  await proxy.log.line(
    ({ msg, names }) =>
      msg === "a certificate was issued" && (names as readonly string[]).includes(name),
  );
}

describe.skipIf(!hasPebble)("ACME by http-01 (RFC 8555 §8.3)", { timeout: 30_000 }, () => {
  it("answers the CA before redirects, routes and user code", async () => {
    const [httpPort, tlsPort] = [await freePort(), await freePort()];
    const ca = await startPebble({ httpPort, tlsPort: 1, refusedNonces: 15 });
    const hosts = ["a.example.com", ["b.example.com", "www.b.example.com"]];
    const proxy = await startProxy({
      provision,
      config: {
        listen: [
          { port: httpPort, redirectToHttps: true },
          {
            port: tlsPort,
            tls: { acme: acmeFor(ca, { email: "a@example.com", challenges: ["http-01"], hosts }) },
          },
        ],
        upstreams,
        onRequest: (request, ctx) =>
          request.path.startsWith("/.well-known/") ? ctx.block("nothing hidden here") : undefined,
        onResponse(response) {
          response.headers.set("x-seen", "1");
        },
      },
    });
    await Promise.all([issued(proxy, "a.example.com"), issued(proxy, "b.example.com")]);

    const socket = await handshake(tlsPort, { servername: "www.b.example.com" });
    const { subjectaltname, issuer } = socket.getPeerCertificate();
    expect(subjectaltname).toBe("DNS:b.example.com, DNS:www.b.example.com");
    expect(issuer.CN).toMatch(/^Pebble Intermediate/);
    socket.destroy();
    const { status, text } = await visit(tlsPort, { servername: "a.example.com" });
    expect(status).toBe(200);
    expect(text).toContain("upstream /");
    // The CA's visits went by no hook and left no pending token.
    const asked = proxy.access.filter(({ path }) => path.startsWith("/.well-known/"));
    expect(asked.length).toBeGreaterThanOrEqual(3);
    expect(asked.every((record) => record.status === 200)).toBe(true);
    const [{ path } = { path: "" }] = asked;
    const after = await fetch(`http://127.0.0.1:${httpPort}${path}`, { redirect: "manual" });
    expect(after.status).toBe(308);
  });

  it("leaves tokens that it does not wait for to the upstream, for ACME clients behind it", async () => {
    const httpPort = await freePort();
    const ca = await startPebble({ httpPort, tlsPort: 1 });
    const proxy = await startProxy({
      provision,
      config: {
        listen: [
          { port: httpPort },
          { port: 0, tls: { acme: acmeFor(ca, { hosts: ["a.example.com"] }) } },
        ],
        upstreams,
      },
    });
    await issued(proxy, "a.example.com");
    const path = "/.well-known/acme-challenge/other";
    const response = await fetch(`http://127.0.0.1:${httpPort}${path}`);
    expect(await response.text()).toBe(`upstream ${path}`);
  });

  it("keeps what it stores from everyone else", async () => {
    const httpPort = await freePort();
    const ca = await startPebble({ httpPort, tlsPort: 1 });
    const proxy = await startProxy({
      provision,
      files: {
        "proxy.config.ts": `
          import { defineConfig } from "@gatewright/sdk";
          export default defineConfig({
            listen: [
              { port: 0, tls: { acme: ${JSON.stringify(acmeFor(ca, { hosts: ["a.example.com"] }))} } },
              { port: ${httpPort} },
            ],
            upstreams: { demo: { fetch: () => new Response("hello") } },
          });`,
      },
    });
    await issued(proxy, "a.example.com");
    const root = join(proxy.dir, ".gatewright/acme");
    const all = await readdir(root, { recursive: true });
    const paths = all.filter((path) => !path.endsWith("lock"));
    expect(paths.filter((path) => path.endsWith("a.example.com.pem"))).toHaveLength(1);
    for (const path of ["", ...paths]) {
      const info = await stat(join(root, path));
      expect([path, info.mode & 0o777]).toEqual([path, info.isDirectory() ? 0o700 : 0o600]);
    }
  });
});
