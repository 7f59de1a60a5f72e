/** Real balancers in front and behind. Where one is not installed, its tests are skipped and say so. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { connectRaw, fieldOf } from "../helpers/raw-client.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";
import { startToyUpstream, toyResponse } from "../helpers/toy-upstream.ts";

const isInstalled = (command: string): boolean =>
  spawnSync(command, ["-v"], { stdio: "ignore" }).error === undefined;
const HAPROXY = isInstalled("haproxy");
const NGINX = isInstalled("nginx");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Runs a server with a config file until the test ends; resolves when its port is open. */
async function run(
  port: number,
  config: string,
  command: (file: string, folder: string) => string[],
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "gatewright-peer-"));
  const file = join(folder, "peer.conf");
  await writeFile(file, config.replaceAll("FOLDER", folder));
  const [name = "", ...args] = command(file, folder);
  const child = spawn(name, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await exited;
    await rm(folder, { recursive: true, force: true });
  });
  for (let attempt = 0; ; attempt++) {
    try {
      (await connectRaw(port)).destroy();
      return;
    } catch (error) {
      if (child.exitCode !== null || attempt > 200) throw new Error(output, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

const haproxy = (port: number, frontend: string, server: string, mode = "tcp"): Promise<void> =>
  run(
    port,
    `global
  maxconn 100
defaults
  mode ${mode}
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port} ${frontend}
  default_backend out
backend out
  ${server}
`,
    (file) => ["haproxy", "-db", "-f", file],
  );

const nginx = (port: number, block: string): Promise<void> =>
  run(
    port,
    `daemon off;
pid FOLDER/nginx.pid;
error_log stderr error;
worker_processes 1;
events { worker_connections 64; }
${block}
`,
    (file, folder) => ["nginx", "-p", folder, "-e", "stderr", "-c", file],
  );

/** A proxy that takes the PROXY protocol and says what it knows about the client. */
function whoami(): Promise<TestProxy> {
  return startProxy({
    config: {
      listen: { port: 0, proxyProtocol: { from: ["127.0.0.1"] } },
      onRequest: (request, ctx) =>
        ctx.respond(200, `${ctx.client.address} ${ctx.client.port} ${request.url}`),
    },
  });
}

async function asked(port: number): Promise<{ text: string; from: string }> {
  const client = await connectRaw(port);
  const from = `127.0.0.1 ${client.socket.localPort}`;
  await client.send("GET /who HTTP/1.1\r\nHost: a.test\r\n\r\n");
  const first = (await client.response()).content.toString();
  await client.send("GET /who HTTP/1.1\r\nHost: a.test\r\n\r\n");
  expect((await client.response()).content.toString()).toBe(first);
  client.destroy();
  return { text: first, from };
}

describe("HAProxy in front", () => {
  it.skipIf(!HAPROXY).each(["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn"])(
    "says who the client is by %s",
    async (option) => {
      const proxy = await whoami();
      const port = await freePort();
      await haproxy(port, "", `server gatewright 127.0.0.1:${proxy.port} ${option}`);
      for (let i = 0; i < 5; i++) {
        const { text, from } = await asked(port);
        expect(text).toBe(`${from} http://a.test/who`);
      }
    },
  );

  it.skipIf(!HAPROXY)("may check our health by connections of its own", async () => {
    const proxy = await whoami();
    const port = await freePort();
    const server = `server gatewright 127.0.0.1:${proxy.port} send-proxy-v2 check inter 50`;
    const check =
      "option httpchk\n  http-check send meth GET uri /health ver HTTP/1.1 hdr Host a.test";
    await haproxy(port, "", `${check}\n  ${server}`);
    const record = await proxy.accessed(({ path }) => path === "/health");
    expect([record.client, record.status]).toEqual(["127.0.0.1", 200]);
    const { text, from } = await asked(port);
    expect(text).toBe(`${from} http://a.test/who`);
  });
});

describe("nginx in front", () => {
  it.skipIf(!NGINX)("says who the client is (version 1)", async (context) => {
    const proxy = await whoami();
    const port = await freePort();
    const block = `stream { server { listen 127.0.0.1:${port};
      proxy_pass 127.0.0.1:${proxy.port}; proxy_protocol on; } }`;
    try {
      await nginx(port, block);
    } catch (error) {
      // Debian has the stream module in a package of its own.
      if (String(error).includes('unknown directive "stream"')) return context.skip("no stream");
      throw error;
    }
    const { text, from } = await asked(port);
    expect(text).toBe(`${from} http://a.test/who`);
  });
});

/** Gatewright in front of a peer that wants a header, which passes what it read on to a toy origin. */
async function throughPeer(
  version: "v1" | "v2",
  start: (peerPort: number, originPort: number) => Promise<void>,
): Promise<void> {
  const origin = await startToyUpstream({
    onRequest: (request) => toyResponse(200, request.field("x-told") ?? "nothing"),
  });
  onTestFinished(() => origin.close());
  const peerPort = await freePort();
  await start(peerPort, origin.port);
  const proxy = await startProxy({
    config: {
      listen: { port: 0, proxyProtocol: { from: ["127.0.0.0/8"] } },
      upstreams: { peer: { targets: [`http://127.0.0.1:${peerPort}`], proxyProtocol: version } },
    },
  });
  for (const [line, told] of [
    ["PROXY TCP4 192.0.2.7 198.51.100.1 56324 443", "192.0.2.7:56324"],
    ["PROXY TCP4 192.0.2.8 198.51.100.1 1024 443", "192.0.2.8:1024"],
    ["PROXY TCP6 2001:db8::7 2001:db8::1 4711 443", "2001:db8::7:4711"],
  ] as const) {
    const client = await connectRaw(proxy.port);
    await client.send(`${line}\r\n`);
    for (let i = 0; i < 2; i++) {
      await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
      const response = await client.response();
      expect([response.status, response.content.toString()]).toEqual([200, told]);
      expect(fieldOf(response, "connection")).toBeUndefined();
    }
    client.destroy();
  }
}

describe.each(["v1", "v2"] as const)("an upstream that wants a header, %s", (version) => {
  it.skipIf(!HAPROXY)("HAProxy (accept-proxy) learns who the client is", async () => {
    await throughPeer(version, (port, origin) =>
      haproxy(
        port,
        "accept-proxy\n  http-request set-header X-Told %[src]:%[src_port]",
        `server origin 127.0.0.1:${origin}`,
        "http",
      ),
    );
  });

  it.skipIf(!NGINX)("nginx (listen … proxy_protocol) learns who the client is", async () => {
    await throughPeer(version, (port, origin) =>
      nginx(
        port,
        `http { access_log off; server { listen 127.0.0.1:${port} proxy_protocol;
          location / { proxy_pass http://127.0.0.1:${origin};
            proxy_set_header X-Told $proxy_protocol_addr:$proxy_protocol_port; } } }`,
      ),
    );
  });
});
