import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { handshake, servedFor } from "../helpers/certificates.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const upstreams = { demo: { fetch: () => new Response("hello") } };

describe('tls: "dev"', () => {
  it("makes a certificate for whatever name is asked for, by an authority that is kept", async () => {
    const config = { listen: { port: 0, tls: "dev" as const }, upstreams };
    const proxy = await startProxy({ config });
    const folder = join(proxy.dir, ".gatewright/tls");
    const ca = await readFile(join(folder, "dev-authority.crt"), "utf8");
    for (const servername of ["app.localhost", "anything.test", "localhost"]) {
      // Verified: chain, name and dates.
      const socket = await handshake(proxy.port, { servername, ca, rejectUnauthorized: true });
      expect(socket.authorized).toBe(true);
      socket.destroy();
    }
    // No name, as by address.
    const byAddress = await handshake(proxy.port, { ca, rejectUnauthorized: true });
    expect(byAddress.authorized).toBe(true);
    byAddress.destroy();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, "dev-authority.pem"))).mode & 0o777).toBe(0o600);
    const line = await proxy.log.line((one) => /to trust them/.test(one.msg ?? ""));
    expect(line["authority"]).toBe(join(folder, "dev-authority.crt"));
    expect(await servedFor(proxy.port, "app.localhost")).toBe(
      await servedFor(proxy.port, "app.localhost"),
    );

    // Another proxy with the same folder has the same authority.
    const other = await startProxy({
      config: { ...config, dataDir: join(proxy.dir, ".gatewright") },
    });
    const socket = await handshake(other.port, {
      servername: "b.test",
      ca,
      rejectUnauthorized: true,
    });
    expect(socket.authorized).toBe(true);
    socket.destroy();
  });
});
