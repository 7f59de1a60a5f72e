import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";

import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it, onTestFinished } from "vitest";

import { fieldOf } from "../helpers/raw-client.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const times = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
const app = { app: { fetch: () => new Response("ok") } };

/** A trusted proxy at 127.0.0.2 that says this of its client; or anyone at another address of this machine. */
async function statusFrom(port: number, localAddress: string, fields: object = {}) {
  const outgoing = httpRequest({
    port,
    host: "127.0.0.1",
    localAddress,
    headers: { host: "a.test", ...fields },
    agent: false,
  });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [{ statusCode: number; resume(): void }];
  response.resume();
  return response.statusCode;
}

describe("lists and limits take the client that everything else takes (PUB-27)", () => {
  const config: GatewrightConfig<string> = {
    rateLimits: { ip: { limit: 2, window: "24h" } },
    blocklists: { bad: { ranges: ["198.51.100.0/24"] } },
  };

  it.each(["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP"])(
    "without trusted proxies %s, rotating, gets nobody past a limit nor anybody onto a list",
    async (name) => {
      const { get } = await throughProxy({ config });
      const seen: number[] = [];
      for (const at of times(4)) {
        const address = `198.51.100.${at}`;
        const claim = name === "Forwarded" ? `for=${address}` : address;
        seen.push((await get("/", `${name}: ${claim}`)).status);
      }
      expect(seen).toEqual([200, 200, 429, 429]);
    },
  );

  it("behind one that appends, what the client has written before it counts for nothing", async () => {
    const hooks: string[] = [];
    const proxy = await startProxy({
      config: {
        ...config,
        trustedProxies: ["127.0.0.2"],
        upstreams: app,
        onRequest(_request, ctx) {
          hooks.push(ctx.client.address);
        },
      },
    });
    const ask = (...chain: string[]): Promise<number> =>
      statusFrom(proxy.port, "127.0.0.2", { "x-forwarded-for": chain });
    // The same client, whatever it writes, in one line or two.
    expect(await ask("198.51.100.1, 203.0.113.5")).toBe(200);
    expect(await ask("198.51.100.2", "203.0.113.5")).toBe(200);
    expect(await ask("unknown, garbage, 203.0.113.5")).toBe(429);
    // Who is listed is, wherever it pretends to be.
    expect(await ask("203.0.113.9, 198.51.100.7")).toBe(403);
    // Garbage where the client should be: the proxy itself, and its own share.
    expect([await ask("198.51.100.1, garbage"), await ask("[::1"), await ask("x")]).toEqual([
      200, 200, 429,
    ]);
    // A client that speaks for itself.
    expect(await statusFrom(proxy.port, "127.0.0.3", { "x-forwarded-for": "198.51.100.7" })).toBe(
      200,
    );
    await expect.poll(() => proxy.access.length).toBe(8);
    const log = proxy.access.map(({ client, status }) => `${client} ${status}`);
    expect(log).toEqual([
      "203.0.113.5 200",
      "203.0.113.5 200",
      "203.0.113.5 429",
      "198.51.100.7 403",
      "127.0.0.2 200",
      "127.0.0.2 200",
      "127.0.0.2 429",
      "127.0.0.3 200",
    ]);
    expect(hooks).toEqual(["203.0.113.5", "203.0.113.5", "127.0.0.2", "127.0.0.2", "127.0.0.3"]);
  });
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ family }) => family === "IPv6"),
);

describe.runIf(hasIpv6)("on a listener of both families (PUB-32)", () => {
  it("IPv4 clients have a share each, and a list finds them", async () => {
    const proxy = await startProxy({
      config: {
        listen: { port: 0, host: "::" },
        upstreams: app,
        rateLimits: { ip: { limit: 1, window: "24h" } },
        blocklists: { bad: { ranges: ["127.0.0.4/31"] } },
      },
    });
    const seen: number[] = [];
    for (const last of [2, 2, 3, 3, 4, 5]) {
      seen.push(await statusFrom(proxy.port, `127.0.0.${last}`));
    }
    expect(seen).toEqual([200, 429, 200, 429, 403, 403]);
  });
});

describe("Retry-After (RFC 6585 §4)", () => {
  it("is a whole second at least, however soon there is room", async () => {
    const { get } = await throughProxy({
      config: {
        rateLimits: {
          ip: { limit: 1, window: "700ms", burst: 1 },
          day: { limit: 1, window: "24h" },
        },
      },
    });
    const seen = await Promise.all(times(4).map(() => get("/")));
    const refused = seen.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(3);
    for (const one of refused) expect(fieldOf(one, "retry-after")).toMatch(/^[1-9]\d*$/);
  });
});

describe("what is asked for lists", () => {
  it("leaves no secret of its address or its key in the log, at any level (PUB-51)", async () => {
    const proxy = await startProxy({
      config: {
        upstreams: app,
        log: { level: "debug" },
        admin: { port: 0 },
        blocklists: {
          web: { url: "http://user:SECRET123@127.0.0.1:1/list?token=SECRET123" },
          crowd: { crowdsec: { url: "http://127.0.0.1:1/SECRET123", key: "SECRET123" } },
        },
      },
    });
    expect((await fetch(proxy.url)).status).toBe(200);
    const lists = await (await fetch(`${proxy.adminUrl}/api/lists`)).text();
    expect(lists).toContain('"problem"');
    expect(lists).not.toContain("SECRET123");
    expect(JSON.stringify(proxy.log.lines)).toContain("could not be updated");
    expect(JSON.stringify(proxy.log.lines)).not.toContain("SECRET123");
  });

  it("sends a name and a password as a field, and no key to where it is redirected", async () => {
    const seen: [string | undefined, string | undefined, string | undefined][] = [];
    const server = createServer((request, response) => {
      const { url, headers } = request;
      seen.push([url, headers.authorization, headers["x-api-key"]?.toString()]);
      if (url?.startsWith("/v1/") === true) {
        response.writeHead(307, { location: "/elsewhere" }).end();
      } else response.end("203.0.113.1\n");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => server.close().closeAllConnections());
    const { port } = server.address() as AddressInfo;
    await startProxy({
      config: {
        upstreams: app,
        blocklists: {
          web: { url: `http://me:p%40ss@127.0.0.1:${port}/list` },
          crowd: { crowdsec: { url: `http://127.0.0.1:${port}`, key: "bouncer" } },
        },
      },
    });
    expect(seen.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1))).toEqual([
      ["/list", `Basic ${btoa("me:p@ss")}`, undefined],
      ["/v1/decisions/stream?startup=true&scopes=ip,range", undefined, "bouncer"],
    ]);
  });
});
