import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

import { onTestFinished, describe, expect, it } from "vitest";

import { certificateFor } from "../helpers/certificates.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";

const trustedProxies = ["127.0.0.0/8"];

async function statusFrom({ get }: ThroughProxy, address: string): Promise<number> {
  return (await get("/", `X-Forwarded-For: ${address}`)).status;
}

/** A server of lists; `answer` may change. */
async function listServer(answer: (request: IncomingMessage) => { status: number; text: string }) {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    const { status, text } = answer(request);
    response.writeHead(status, { etag: '"1"' }).end(text);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}/`, seen };
}

/** Until it is so; the test's own time limit ends it. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe("IP lists", () => {
  it("refuse with 403, unless an allowlist has the client; in each notation (PUB-32)", async () => {
    const through = await throughProxy({
      config: {
        trustedProxies,
        blocklists: { bad: { ranges: ["203.0.113.0/24"] } },
        allowlists: { office: { ranges: ["203.0.113.7"] } },
      },
    });
    expect(await statusFrom(through, "::FFFF:CB00:7105")).toBe(403);
    expect(await statusFrom(through, "203.0.113.7")).toBe(200);
    expect(await statusFrom(through, "198.51.100.1")).toBe(200);
    const record = await through.proxy.accessed(({ status }) => status === 403);
    expect(record).toMatchObject({ error: "PROXY_ADDRESS_BLOCKED", reason: "list bad" });
  });

  it("drop connections before a byte is read where the peer is the client", async () => {
    const { proxy } = await throughProxy({
      config: { blocklists: { bad: { ranges: ["127.0.0.0/8"], mode: "drop" } } },
    });
    const socket = connect(proxy.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    await once(socket, "close");
    expect(socket.bytesRead).toBe(0);
  });

  it("drop before a handshake has begun where the listener speaks TLS", async () => {
    const certificates = [await certificateFor(["a.test"])];
    const { port } = await startProxy({
      config: {
        listen: { port: 0, tls: { certificates } },
        upstreams: { app: { fetch: () => new Response("ok") } },
        blocklists: { bad: { ranges: ["127.0.0.2"], mode: "drop" } },
      },
    });
    const bytesFrom = async (localAddress: string): Promise<number> => {
      const plain = connect({ port, host: "127.0.0.1", localAddress });
      const secure = connectTls({ socket: plain, rejectUnauthorized: false });
      for (const socket of [plain, secure]) socket.on("error", () => {});
      await new Promise<void>((resolve) => {
        secure.once("secureConnect", () => resolve());
        plain.once("close", () => resolve());
      });
      const { bytesRead } = plain;
      plain.destroy();
      return bytesRead;
    };
    expect(await bytesFrom("127.0.0.2")).toBe(0);
    expect(await bytesFrom("127.0.0.3")).toBeGreaterThan(0);
  });

  it("drop whom a PROXY header names, before a byte is answered", async () => {
    const proxy = await startProxy({
      config: {
        listen: { port: 0, proxyProtocol: { from: ["127.0.0.0/8"] } },
        upstreams: { app: { fetch: () => new Response("ok") } },
        blocklists: { bad: { ranges: ["203.0.113.1"], mode: "drop" } },
      },
    });
    const answerFor = async (address: string): Promise<string> => {
      const socket = connect(proxy.port, "127.0.0.1").setEncoding("latin1");
      socket.on("error", () => {});
      socket.write(`PROXY TCP4 ${address} 203.0.113.99 1234 80\r\n`);
      socket.write("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
      let text = "";
      socket.on("data", (part: string) => (text += part));
      await once(socket, "close");
      return text;
    };
    expect(await answerFor("203.0.113.1")).toBe("");
    expect(await answerFor("203.0.113.2")).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("drop the request where the peer is a trusted proxy", async () => {
    const through = await throughProxy({
      config: { trustedProxies, blocklists: { bad: { ranges: ["203.0.113.1"], mode: "drop" } } },
    });
    await expect(statusFrom(through, "203.0.113.1")).rejects.toThrow();
    expect(await statusFrom(through, "203.0.113.2")).toBe(200);
  });

  it("add points where that is their mode", async () => {
    const through = await throughProxy({
      config: {
        trustedProxies,
        blocklists: { odd: { ranges: ["203.0.113.1"], mode: "score", points: 4 } },
      },
    });
    expect(await statusFrom(through, "203.0.113.1")).toBe(200);
    await through.proxy.accessed(({ score }) => score === 4);
  });

  it("follow their file without a reload", async () => {
    const proxy = await startProxy({
      files: {
        "proxy.config.ts": `import { defineConfig } from "@gatewright/sdk";
export default defineConfig({
  upstreams: { app: { fetch: () => new Response("ok") } },
  trustedProxies: ["127.0.0.0/8"],
  blocklists: { own: { file: "blocked.txt" } },
});`,
        "blocked.txt": "203.0.113.1\n",
      },
    });
    const status = async (address: string): Promise<number> =>
      (await fetch(proxy.url, { headers: { "x-forwarded-for": address } })).status;
    expect([await status("203.0.113.1"), await status("203.0.113.2")]).toEqual([403, 200]);
    await proxy.write("blocked.txt", "203.0.113.2\n");
    await until(async () => (await status("203.0.113.2")) === 403);
    expect(await status("203.0.113.1")).toBe(200);
    expect(proxy.commits).toHaveLength(1);
  });

  it("are changed by hooks, for a time", async () => {
    const through = await throughProxy({
      config: {
        trustedProxies,
        blocklists: { trap: { ranges: [] } },
        onRequest(request, ctx) {
          if (request.path === "/trap") ctx.list("trap").add(ctx.client.address, "1h");
          if (request.path === "/free") ctx.list("trap").remove("203.0.113.1");
        },
      },
    });
    const ask = async (path: string, address: string): Promise<number> =>
      (await through.get(path, `X-Forwarded-For: ${address}`)).status;
    expect(await ask("/trap", "203.0.113.1")).toBe(200);
    expect(await ask("/", "203.0.113.1")).toBe(403);
    expect(await ask("/free", "203.0.113.9")).toBe(200);
    expect(await ask("/", "203.0.113.1")).toBe(200);
  });

  it("come from a URL, validated when asked again, and refuse to shrink or to turn into a page", async () => {
    let text = "203.0.113.1\n203.0.113.2\n203.0.113.3\n203.0.113.4\n";
    const { url, seen } = await listServer(() => ({ status: 200, text }));
    const through = await throughProxy({
      config: { trustedProxies, blocklists: { web: { url, interval: "30ms" } } },
    });
    expect(await statusFrom(through, "203.0.113.4")).toBe(403);
    text = "203.0.113.1\n";
    const asked = seen.length;
    await until(async () => seen.length > asked + 1);
    expect(seen.at(-1)?.headers["if-none-match"]).toBe('"1"');
    expect(await statusFrom(through, "203.0.113.4")).toBe(403);
    text = "203.0.113.1\n203.0.113.2\n203.0.113.9\n";
    await until(async () => (await statusFrom(through, "203.0.113.9")) === 403);
    expect(await statusFrom(through, "203.0.113.4")).toBe(200);
  });

  it("follow the decisions of CrowdSec", async () => {
    const ban = (value: string): object => ({ value, type: "ban", scope: "Ip", duration: "4h" });
    let changes: object = { new: null, deleted: null };
    const { url, seen } = await listServer(({ url: target = "" }) => {
      const isFirst = target.includes("startup=true");
      const text = isFirst
        ? { new: [ban("203.0.113.1"), ban("203.0.113.2")], deleted: null }
        : changes;
      return { status: 200, text: JSON.stringify(text) };
    });
    const through = await throughProxy({
      config: {
        trustedProxies,
        blocklists: { crowd: { crowdsec: { url, key: "bouncer-key" }, interval: "30ms" } },
      },
    });
    expect(await statusFrom(through, "203.0.113.1")).toBe(403);
    changes = { new: [ban("203.0.113.8")], deleted: [ban("203.0.113.1")] };
    await until(async () => (await statusFrom(through, "203.0.113.8")) === 403);
    expect(await statusFrom(through, "203.0.113.1")).toBe(200);
    expect(seen[0]?.headers["x-api-key"]).toBe("bouncer-key");
  });
});
