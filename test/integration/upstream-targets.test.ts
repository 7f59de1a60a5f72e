import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";

import type { Context, UpstreamView } from "@gatewright/sdk";

import { authority, certificateFor } from "../helpers/certificates.ts";
import { startDnsResponder } from "../helpers/dns-responder.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";
import { toy } from "../helpers/upstream-fixture.ts";

async function serving(server: Server, ...place: [string] | [number, string]): Promise<void> {
  if (place.length === 1) server.listen(place[0]);
  else server.listen(...place);
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
}

/** Origins on one port of several loopback addresses, each of which answers with its address. */
async function origins(addresses: readonly string[]) {
  const connections = new Map<string, number>();
  let port = 0;
  for (const address of addresses) {
    const server = createServer((_request, response) => response.end(address));
    server.on("connection", () => connections.set(address, (connections.get(address) ?? 0) + 1));
    await serving(server, port, address);
    port = (server.address() as AddressInfo).port;
  }
  return { port, connections };
}

async function answersOf(url: string, count: number): Promise<string[]> {
  const answers = new Set<string>();
  for (let i = 0; i < count; i++) answers.add(await (await fetch(url)).text());
  return [...answers].toSorted();
}

/** Asks until the answers are these: a look at DNS takes its time. */
async function untilAnswers(url: string, wanted: readonly string[]): Promise<void> {
  for (;;) {
    const answers = await answersOf(url, 8);
    if (answers.join() === wanted.join()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("targets by DNS", () => {
  it("are every address of the name, and follow its records; a name that is gone keeps the last good", async () => {
    const { port } = await origins(["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    const dns = await startDnsResponder({
      "api.test": [
        { type: "A", address: "127.0.0.1", ttl: 1 },
        { type: "A", address: "127.0.0.2", ttl: 1 },
      ],
    });
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: {
            targets: [`http://api.test:${port}`],
            resolve: { by: "dns", servers: [dns.server] },
          },
        },
      },
    });
    expect(await answersOf(proxy.url, 8)).toEqual(["127.0.0.1", "127.0.0.2"]);
    dns.records.set("api.test", [{ type: "A", address: "127.0.0.3", ttl: 1 }]);
    await untilAnswers(proxy.url, ["127.0.0.3"]);
    dns.records.delete("api.test");
    const failed = "the targets of an upstream could not be looked up";
    while (!proxy.log.lines.some((line) => line.msg === failed)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await answersOf(proxy.url, 8)).toEqual(["127.0.0.3"]);
    expect(proxy.log.lines.filter((line) => line.msg === failed).length).toBe(1);
  });

  it("have port, weight and order from SRV records", async () => {
    const { port } = await origins(["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    const dns = await startDnsResponder({
      "_http._tcp.api.test": [
        { type: "SRV", target: "one.test", port, priority: 1, weight: 3 },
        { type: "SRV", target: "two.test", port, priority: 1, weight: 1 },
        { type: "SRV", target: "spare.test", port, priority: 2, weight: 1 },
      ],
      "one.test": [{ type: "A", address: "127.0.0.1" }],
      "two.test": [{ type: "A", address: "127.0.0.2" }],
      "spare.test": [{ type: "A", address: "127.0.0.3" }],
    });
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: {
            targets: ["http://_http._tcp.api.test"],
            resolve: { by: "srv", servers: [dns.server] },
          },
        },
      },
    });
    const counts: Record<string, number> = {};
    for (let i = 0; i < 40; i++) {
      const address = await (await fetch(proxy.url)).text();
      counts[address] = (counts[address] ?? 0) + 1;
    }
    expect(counts).toEqual({ "127.0.0.1": 30, "127.0.0.2": 10 });
  });

  it("PUB-13: with a dead IPv6 address are reached by IPv4 from the first request on", async () => {
    const { port } = await origins(["127.0.0.1"]);
    const dns = await startDnsResponder({
      "api.test": [
        { type: "AAAA", address: "2001:db8::1" },
        { type: "A", address: "127.0.0.1" },
      ],
    });
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: {
            targets: [`http://api.test:${port}`],
            resolve: { by: "dns", servers: [dns.server] },
          },
        },
      },
    });
    expect(await answersOf(proxy.url, 4)).toEqual(["127.0.0.1"]);
  });

  it("that are not known yet let requests wait; where there is none, they get 502 with the name in the log", async () => {
    const dns = await startDnsResponder();
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: {
            targets: ["http://gone.test:9000"],
            resolve: { by: "dns", servers: [dns.server] },
          },
        },
      },
    });
    expect((await fetch(proxy.url)).status).toBe(502);
    const record = await proxy.accessed(({ error }) => error === "PROXY_UPSTREAM_CONNECT");
    expect(record.status).toBe(502);
    proxy.takeErrors();
  });
});

describe("targets from a function", () => {
  it("are what it returns, each time that it is asked; a wrong answer changes nothing", async () => {
    const { port } = await origins(["127.0.0.1", "127.0.0.2"]);
    let answer: unknown = [`http://127.0.0.1:${port}`];
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: {
            targets: [],
            resolve: { by: async () => answer as string[], interval: "1s" },
          },
        },
      },
    });
    expect(await answersOf(proxy.url, 4)).toEqual(["127.0.0.1"]);
    answer = [{ url: `http://127.0.0.2:${port}`, weight: 2 }];
    await untilAnswers(proxy.url, ["127.0.0.2"]);
    answer = [{ url: "ftp://127.0.0.1" }];
    const failed = "the targets of an upstream could not be looked up";
    while (!proxy.log.lines.some((line) => line.msg === failed)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await answersOf(proxy.url, 4)).toEqual(["127.0.0.2"]);
  });
});

describe("a target", () => {
  it("can be a Unix domain socket", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gw-socket-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, "app.sock");
    await serving(
      createServer((request, response) => response.end(`${request.headers.host} ${request.url}`)),
      path,
    );
    const proxy = await startProxy({
      config: { upstreams: { api: { targets: [`unix:${path}`], host: "target" } } },
    });
    expect(await (await fetch(`${proxy.url}/x?y`)).text()).toBe("localhost /x?y");
  });

  it("that is an IPv6 literal has brackets in its Host (PUB-13)", async () => {
    const server = createServer((request, response) => response.end(request.headers.host));
    await serving(server, 0, "::1");
    const { port } = server.address() as AddressInfo;
    const proxy = await startProxy({
      config: { upstreams: { api: { targets: [`http://[::1]:${port}`], host: "target" } } },
    });
    expect(await (await fetch(proxy.url)).text()).toBe(`[::1]:${port}`);
  });

  it("is trusted by the upstream's authority, asked for by its serverName and shown our certificate", async () => {
    const ca = await authority("Internal");
    const origin = await certificateFor(["billing.internal"], { authority: ca });
    const me = await certificateFor(["gateway.internal"], { authority: ca });
    const server = createTlsServer(
      {
        cert: origin.cert,
        key: origin.key,
        ca: ca.cert,
        requestCert: true,
        rejectUnauthorized: true,
      },
      (request, response) => {
        const socket = request.socket as TLSSocket;
        const { subjectaltname } = socket.getPeerCertificate();
        response.setHeader("connection", "close");
        response.end(`${socket.servername} ${subjectaltname} ${socket.isSessionReused()}`);
      },
    );
    await serving(server, 0, "127.0.0.1");
    const { port } = server.address() as AddressInfo;
    const tls = { ca: ca.cert, serverName: "billing.internal", cert: me.cert, key: me.key };
    const upstream = { targets: [`https://127.0.0.1:${port}`], tls };
    const proxy = await startProxy({ config: { upstreams: { api: upstream } } });
    const text = "billing.internal DNS:gateway.internal";
    expect(await (await fetch(proxy.url)).text()).toBe(`${text} false`);
    // The second connection resumes the session of the first.
    expect(await (await fetch(proxy.url)).text()).toBe(`${text} true`);

    await proxy.update({
      upstreams: { api: { ...upstream, tls: { ...tls, serverName: "x.internal" } } },
    });
    expect((await fetch(proxy.url)).status).toBe(502);
    proxy.takeErrors();
    await proxy.update({
      upstreams: { api: { ...upstream, tls: { verify: false, cert: me.cert, key: me.key } } },
    });
    expect((await fetch(proxy.url)).status).toBe(200);
  });

  it("with certificates that do not belong together is an issue of the config, and nothing changes", async () => {
    const one = await certificateFor(["a.test"]);
    const two = await certificateFor(["b.test"]);
    const origin = await toy();
    const upstreams = { api: { targets: [origin.url] } };
    const proxy = await startProxy({ config: { upstreams } });
    const tls = { cert: one.cert, key: two.key };
    const refused = proxy.update({
      upstreams: { ...upstreams, b: { targets: ["https://b.test"], tls } },
    });
    await expect(refused).rejects.toThrow();
    expect((await fetch(proxy.url)).status).toBe(200);
    proxy.takeReports();
  });
});

describe("a changed list of targets", () => {
  it("keeps the connections of those that stay, and ends those of the others when they are free", async () => {
    let release: (() => void) | undefined;
    const stays = await toy();
    const leaves = await toy({
      onRequest: (request, connection) => {
        if (request.target !== "/slow") return toyResponse(200, "left");
        release = () => connection.send(toyResponse(200, "late"));
        return undefined;
      },
    });
    const config = (targets: string[]) => ({ upstreams: { api: { targets } } });
    const proxy = await startProxy({ config: config([stays.url, leaves.url]) });
    await answersOf(proxy.url, 4);
    const slow = (async () => {
      for (;;) {
        const response = fetch(`${proxy.url}/slow`);
        const first = await Promise.race([response, untilSet(() => release)]);
        if (first === undefined) return response;
      }
    })();
    await untilSet(() => release);
    await proxy.update(config([stays.url, "http://127.0.0.1:1"]));
    expect(stays.connections.filter(({ socket }) => !socket.destroyed).length).toBeGreaterThan(0);
    const before = stays.connections.length;
    await proxy.update(config([stays.url]));
    await answersOf(proxy.url, 4);
    expect(stays.connections.length).toBe(before);
    release?.();
    expect(await (await slow).text()).toBe("late");
    await leaves.openAtMost(0);
    proxy.takeErrors();
  });
});

async function untilSet(value: () => unknown): Promise<undefined> {
  while (value() === undefined) await new Promise((resolve) => setImmediate(resolve));
  return undefined;
}

describe("figures", () => {
  it("are there for hooks and in the status, target by target", async () => {
    const origin = await toy();
    let seen: UpstreamView | undefined;
    const proxy = await startProxy({
      config: {
        admin: { port: 0 },
        upstreams: { api: { targets: [origin.url, "http://127.0.0.1:1"] } },
        onResponse(_response, ctx: Context) {
          seen = ctx.upstreams["api"];
        },
      },
    });
    for (let i = 0; i < 4; i++) expect((await fetch(proxy.url)).status).toBe(200);
    expect(seen?.targets.map(({ key, state }) => [key, state])).toEqual([
      [origin.url, "up"],
      ["http://127.0.0.1:1", "up"],
    ]);
    const status = (await (await fetch(`${proxy.adminUrl}/api/status`)).json()) as {
      upstreams: UpstreamView[];
    };
    const [good, bad] = status.upstreams[0]?.targets ?? [];
    expect(good).toMatchObject({ key: origin.url, open: 1, idle: 1, active: 0, draining: false });
    expect(good?.latencyMs).toBeGreaterThan(0);
    expect(bad?.lastError?.message).toContain("ECONNREFUSED");
    expect(await (await fetch(proxy.adminUrl as string)).text()).toContain("ECONNREFUSED");
  });
});

describe("a hook that asks the upstream whose cap its own request holds", () => {
  it("waits for queueTimeout at the longest", async () => {
    const origin = await toy();
    const errors: string[] = [];
    const proxy = await startProxy({
      config: {
        upstreams: { api: { targets: [origin.url], maxConnections: 1, queueTimeout: 200 } },
        async onUpstreamResponse(_response, ctx: Context) {
          try {
            await ctx.fetch("api", { path: "/other" });
          } catch (error) {
            errors.push((error as { code?: string }).code ?? String(error));
          }
        },
      },
    });
    const started = performance.now();
    expect((await fetch(`${proxy.url}/`)).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(2000);
    expect(errors.length).toBeLessThanOrEqual(1);
    proxy.takeErrors();
  });
});
