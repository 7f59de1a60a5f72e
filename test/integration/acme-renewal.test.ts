import { once } from "node:events";

import { describe, expect, it } from "vitest";

import { handshake, servedFor, visit } from "../helpers/certificates.ts";
import { freePort, hasPebble, startPebble } from "../helpers/pebble.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

const provision = {
  acmeLimits: { pollMs: 50, renewLeastMs: 500, pauseBaseMs: 200, pauseMaxMs: 400 },
};

/** The proxy's folder outlives it, as on a machine that is restarted. */
function files(port: number, ca: { directory: string; ca: string }, dataDir = ".gatewright") {
  const acme = {
    agreeTos: true,
    directory: ca.directory,
    directoryCa: ca.ca,
    challenges: ["tls-alpn-01"],
    hosts: ["a.example.com"],
  };
  return {
    "proxy.config.ts": `
      import { defineConfig } from "@gatewright/sdk";
      export default defineConfig({
        listen: [
          { port: 0 },
          { port: ${port}, tls: { acme: ${JSON.stringify(acme)} } },
        ],
        dataDir: ${JSON.stringify(dataDir)},
        upstreams: { demo: { fetch: () => new Response("hello") } },
      });`,
  };
}

async function message(proxy: TestProxy, text: string, count = 1): Promise<void> {
  let seen = 0;
  const lines = new Set<unknown>();
  await proxy.log.line((line) => {
    if (line.msg === text && !lines.has(line)) {
      lines.add(line);
      seen += 1;
    }
    return seen >= count;
  });
}

describe.skipIf(!hasPebble)("ACME renewal and failure", { timeout: 60_000 }, () => {
  it("renews under traffic: open connections stay, new ones get the new certificate", async () => {
    const tlsPort = await freePort();
    const ca = await startPebble({ httpPort: 1, tlsPort, validSeconds: 6 });
    const proxy = await startProxy({ provision, files: files(tlsPort, ca) });
    await message(proxy, "a certificate was issued");
    const first = await servedFor(tlsPort, "a.example.com");
    const socket = await handshake(tlsPort, { servername: "a.example.com" });
    await message(proxy, "a certificate was issued", 2);
    expect(await servedFor(tlsPort, "a.example.com")).not.toBe(first);
    socket.write("GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n");
    const [chunk] = (await once(socket, "data")) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  it("serves on while the CA is away, plain HTTP with it, and renews when it is back", async () => {
    const tlsPort = await freePort();
    const ca = await startPebble({ httpPort: 1, tlsPort, validSeconds: 8 });
    const proxy = await startProxy({ provision, files: files(tlsPort, ca) });
    await message(proxy, "a certificate was issued");
    const first = await servedFor(tlsPort, "a.example.com");
    await ca.stop();
    await message(proxy, "the CA does not work; those in use stay");
    expect(await servedFor(tlsPort, "a.example.com")).toBe(first);
    expect((await visit(tlsPort, { servername: "a.example.com" })).status).toBe(200);
    expect((await fetch(proxy.url)).status).toBe(200);
    // Its accounts are gone, as after a CA's disaster; the key stays ours.
    await startPebble({ httpPort: 1, tlsPort, port: ca.port });
    await message(proxy, "a certificate was issued", 2);
    expect(await servedFor(tlsPort, "a.example.com")).not.toBe(first);
    await message(proxy, "certificates are issued again");
    const said = proxy.log.lines.filter(({ msg }) => msg?.startsWith("the CA does not work"));
    expect(said).toHaveLength(1);
  });

  it("starts without the CA: stored certificates are served, names without one fail in the handshake only", async () => {
    const tlsPort = await freePort();
    const ca = await startPebble({ httpPort: 1, tlsPort });
    const first = await startProxy({
      provision,
      files: files(tlsPort, ca),
      manualClose: true,
    });
    await message(first, "a certificate was issued");
    const fingerprint = await servedFor(tlsPort, "a.example.com");
    await ca.stop();
    // The folder goes with the first proxy, so the second one runs beside it.
    const otherPort = await freePort();
    const second = await startProxy({
      provision,
      files: files(otherPort, ca, `${first.dir}/.gatewright`),
    });
    expect(await servedFor(otherPort, "a.example.com")).toBe(fingerprint);
    await first.close();

    const third = await startProxy({ provision, files: files(await freePort(), ca) });
    await message(third, "the CA does not work; those in use stay");
    const [, tlsUrl = ""] = third.urls;
    await expect(
      handshake(Number(new URL(tlsUrl).port), { servername: "a.example.com" }),
    ).rejects.toThrow(/unrecognized name/i);
    expect((await fetch(third.url)).status).toBe(200);
    expect(second.log.errors).toEqual([]);
  });
});
