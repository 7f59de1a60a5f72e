import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";

import { describe, expect, it } from "vitest";

import {
  authority,
  certificateFor,
  handshake,
  servedFor,
  visit,
  fingerprintOf,
} from "../helpers/certificates.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const upstreams = {
  a: { fetch: () => new Response("site a") },
  b: { fetch: () => new Response("site b") },
};
const routes = [
  { match: { host: "a.test" }, upstream: "a" },
  { match: { host: "b.test" }, upstream: "b" },
  { match: { host: "secret.test" }, upstream: "b" },
];

describe("connections used for several hosts (PUB-30)", () => {
  it("routes by the request's authority where the certificate is valid for it", async () => {
    const both = await certificateFor(["a.test", "b.test"]);
    const { port } = await startProxy({
      config: { listen: { port: 0, tls: { certificates: [both] } }, upstreams, routes },
    });
    const { text } = await visit(port, { servername: "a.test", authority: "b.test" });
    expect(text).toContain("site b");
  });

  it("answers 421 where the host has a certificate of its own (RFC 9110 §15.5.20)", async () => {
    const [one, other] = await Promise.all([
      certificateFor(["*.test"]),
      certificateFor(["b.test"]),
    ]);
    const { port } = await startProxy({
      config: { listen: { port: 0, tls: { certificates: [one, other] } }, upstreams, routes },
    });
    expect((await visit(port, { servername: "a.test", authority: "a.test" })).text).toContain(
      "site a",
    );
    expect((await visit(port, { servername: "a.test", authority: "b.test" })).status).toBe(421);
    expect((await visit(port, { servername: "b.test", authority: "B.test:443" })).text).toContain(
      "site b",
    );
  });

  it("answers 404 for a host that nobody knows: 421 would have it tried for ever", async () => {
    const one = await certificateFor(["a.test"]);
    const { port } = await startProxy({
      config: { listen: { port: 0, tls: { certificates: [one] } }, upstreams, routes },
    });
    expect((await visit(port, { servername: "a.test", authority: "unknown.test" })).status).toBe(
      404,
    );
  });

  it("does the same for the requests of one HTTP/2 connection, which goes on (RFC 9113 §9.1.1)", async () => {
    const [one, other] = await Promise.all([
      certificateFor(["a.test", "b.test", "secret.test"]),
      certificateFor(["own.test"]),
    ]);
    const { port } = await startProxy({
      config: {
        listen: {
          port: 0,
          tls: {
            certificates: [one, other],
            hosts: { "secret.test": { minVersion: "TLSv1.3" } },
          },
        },
        upstreams,
        routes,
      },
    });
    const session = connectHttp2(`https://a.test:${port}`, {
      lookup: (_name, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]),
      rejectUnauthorized: false,
    });
    const statusOf = async (authorityOf: string): Promise<number> => {
      const stream = session.request({ ":authority": authorityOf, ":path": "/" });
      stream.resume();
      const [head] = (await once(stream, "response")) as [{ ":status": number }];
      return head[":status"];
    };
    expect(await statusOf("a.test")).toBe(200);
    expect(await statusOf("b.test")).toBe(200);
    expect(await statusOf("own.test")).toBe(421);
    expect(await statusOf("secret.test")).toBe(421);
    expect(await statusOf("unknown.test")).toBe(404);
    expect(await statusOf("a.test")).toBe(200);
    session.close();
  });

  it("answers 421 where the host asks for client certificates and the connection was not asked", async () => {
    const ca = await authority();
    const one = await certificateFor(["a.test", "secret.test"]);
    const { port } = await startProxy({
      config: {
        listen: {
          port: 0,
          tls: {
            certificates: [one],
            hosts: { "secret.test": { clientCertificates: { mode: "require", ca: ca.cert } } },
          },
        },
        upstreams,
        routes,
      },
    });
    expect((await visit(port, { servername: "a.test", authority: "secret.test" })).status).toBe(
      421,
    );
    // Nor without a name, by the default certificate.
    expect((await visit(port, { authority: "secret.test" })).status).toBe(421);
  });
});

describe("client certificates", () => {
  const tellClient = {
    onRequest: (
      _request: unknown,
      ctx: { client: { certificate?: object }; json(value: unknown): never },
    ) => ctx.json(ctx.client.certificate ?? null),
  };

  async function setUp(mode: "request" | "require", hosts = {}) {
    const [ca, otherCa] = await Promise.all([authority("Clients"), authority("Others")]);
    const [server, client, stranger] = await Promise.all([
      certificateFor(["a.test", "open.test", "b.test"]),
      certificateFor(["ada.test"], { authority: ca, commonName: "ada" }),
      certificateFor(["eve.test"], { authority: otherCa, commonName: "eve" }),
    ]);
    const proxy = await startProxy({
      config: {
        listen: {
          port: 0,
          tls: {
            certificates: [server],
            clientCertificates: { mode, ca: ca.cert },
            hosts: { "open.test": { clientCertificates: false }, ...hosts },
          },
        },
        ...(tellClient as object),
      },
    });
    return { proxy, port: proxy.port, ca, client, stranger };
  }

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "are verified, told to hooks, and anything else is no identity (%s, request)",
    async (version) => {
      const { port, client, stranger } = await setUp("request");
      const options = { servername: "a.test", minVersion: version, maxVersion: version };
      const known = await visit(port, { ...options, cert: client.cert, key: client.key });
      expect(known.text).toContain('"subject":"CN=ada"');
      expect(known.text).toContain('"issuer":"CN=Clients"');
      expect(known.text).toContain(fingerprintOf(client));
      expect((await visit(port, options)).text).toMatch(/\r\n\r\nnull$/);
      const self = await visit(port, { ...options, cert: stranger.cert, key: stranger.key });
      expect(self.text).toMatch(/\r\n\r\nnull$/);
    },
  );

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "are no identity in a resumed session that never showed one (%s)",
    async (version) => {
      const { port, client } = await setUp("request");
      const options = { servername: "a.test", minVersion: version, maxVersion: version };
      const nobody = await visit(port, options);
      const again = await visit(port, { ...options, session: nobody.session as Buffer });
      expect(again.isReused).toBe(true);
      expect(again.text).toMatch(/\r\n\r\nnull$/);
      // And one that did show it stays known.
      const known = await visit(port, { ...options, cert: client.cert, key: client.key });
      const back = await visit(port, { ...options, session: known.session as Buffer });
      expect(back.isReused).toBe(true);
      expect(back.text).toContain('"subject":"CN=ada"');
    },
  );

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "are needed where required, except on hosts that are told to ask for none (%s)",
    async (version) => {
      const { port, client, stranger } = await setUp("require");
      const options = { servername: "a.test", minVersion: version, maxVersion: version };
      const known = await visit(port, { ...options, cert: client.cert, key: client.key });
      expect(known.text).toContain('"subject":"CN=ada"');
      const refused = async (extra: object): Promise<boolean> =>
        visit(port, { ...options, ...extra }).then(
          ({ status }) => status === 0,
          () => true,
        );
      expect(await refused({})).toBe(true);
      expect(await refused({ cert: stranger.cert, key: stranger.key })).toBe(true);
      const open = await visit(port, { ...options, servername: "open.test" });
      expect(open.status).toBe(200);
      // A session of the open host opens nothing elsewhere (as CVE-2025-23419 did in another server).
      expect(await refused({ session: open.session })).toBe(true);
    },
  );

  it("asks for each host by its own rules, also for the version", async () => {
    const { port } = await setUp("request", { "b.test": { minVersion: "TLSv1.3" } });
    expect(await servedFor(port, "a.test", { maxVersion: "TLSv1.2" })).not.toBe("");
    expect(await servedFor(port, "b.test", { maxVersion: "TLSv1.3" })).not.toBe("");
    await expect(servedFor(port, "b.test", { maxVersion: "TLSv1.2" })).rejects.toMatchObject({
      code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
    });
  });

  it("takes new authorities and rules at a reload, without cutting connections", async () => {
    const [ca, next] = await Promise.all([authority("Before"), authority("After")]);
    const [server, old, renewed] = await Promise.all([
      certificateFor(["a.test"]),
      certificateFor(["old.test"], { authority: ca, commonName: "old" }),
      certificateFor(["new.test"], { authority: next, commonName: "new" }),
    ]);
    const config = (one: string) => ({
      listen: {
        port: 0,
        tls: { certificates: [server], clientCertificates: { mode: "require" as const, ca: one } },
      },
      ...(tellClient as object),
    });
    const proxy = await startProxy({ config: config(ca.cert) });
    const { port } = proxy;
    const held = await handshake(port, { servername: "a.test", cert: old.cert, key: old.key });
    let text = "";
    held.on("data", (chunk: Buffer) => (text += chunk.toString()));
    held.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await expect.poll(() => text).toContain('"subject":"CN=old"');
    await proxy.update(config(next.cert));
    expect(proxy.port).toBe(port);
    const known = await visit(port, { servername: "a.test", cert: renewed.cert, key: renewed.key });
    expect(known.text).toContain('"subject":"CN=new"');
    // Still open, but what it was let in by is no longer the rule.
    text = "";
    held.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await expect.poll(() => text).toContain(" 421 ");
    held.destroy();
  });
});
