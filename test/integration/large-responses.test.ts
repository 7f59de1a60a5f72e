/** Long contents arrive byte for byte, whatever the protocol, at any pace: their chunks' memory is freed on the way. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { createServer as createTlsServer, request as requestTls } from "node:https";
import type { AddressInfo } from "node:net";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it, onTestFinished } from "vitest";

import {
  PacedReader,
  patternDigest,
  piece,
  startPatternOrigin,
} from "../helpers/pattern-origin.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

const BYTES = 10 * 1024 * 1024;

type Open = (url: string) => Promise<Readable>;

const CLIENTS: [name: string, listen: object, open: Open][] = [
  [
    "HTTP/1.1",
    {},
    async (url) => {
      const { response } = await PacedReader.open(url);
      return response.removeAllListeners("data");
    },
  ],
  [
    "HTTP/1.1 over TLS",
    { tls: "dev" },
    async (url) => {
      const sent = requestTls(url, { rejectUnauthorized: false, agent: false }).end();
      return ((await once(sent, "response")) as [Readable])[0];
    },
  ],
  ["HTTP/2", { h2c: true }, openHttp2],
  ["HTTP/2 over TLS", { tls: "dev" }, openHttp2],
];

async function openHttp2(url: string): Promise<Readable> {
  const session = connectHttp2(url, { rejectUnauthorized: false });
  onTestFinished(() => session.destroy());
  const stream = session.request({ ":path": "/" });
  await once(stream, "response");
  return stream;
}

/** At full speed, but for a pause now and then. */
async function digestOf(content: Readable): Promise<string> {
  const hash = createHash("sha256");
  let bytes = 0;
  let pauseAt = 0;
  for await (const chunk of content) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes < pauseAt) continue;
    pauseAt = bytes + 3_000_000;
    await delay(20);
  }
  return hash.digest("hex");
}

/** The same content over TLS, which also digests what it is sent. */
async function startTlsOrigin(): Promise<string> {
  const fixture = (name: string): Buffer =>
    readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));
  const options = { cert: fixture("localhost.pem"), key: fixture("localhost.key") };
  const server = createTlsServer(options, (incoming, response) => {
    const hash = createHash("sha256");
    incoming.on("data", (chunk: Buffer) => hash.update(chunk));
    incoming.on("end", () => {
      if (incoming.method === "POST") {
        response.end(hash.digest("hex"));
        return;
      }
      for (let at = 0; at < BYTES;) {
        const chunk = piece(at, BYTES);
        at += chunk.length;
        response.write(chunk);
      }
      response.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function start(config: GatewrightConfig, listen: object): Promise<TestProxy> {
  return startProxy({ config: { ...config, listen: { port: 0, ...listen } } });
}

describe.each(CLIENTS)("a long response over %s", (_name, listen, open) => {
  it.each([
    ["at once", {}],
    ["by an upstream with retries", { retry: { attempts: 2 } }],
  ])("is whole, %s", async (_way, options) => {
    const origin = await startPatternOrigin(BYTES);
    onTestFinished(() => origin.close());
    const proxy = await start(
      { upstreams: { api: { targets: [origin.url], ...options } } },
      listen,
    );
    expect(await digestOf(await open(proxy.url))).toBe(patternDigest(BYTES));
  });

  it("leaves the memory of an app in this process alone", async () => {
    const page = new Uint8Array(64 * 1024).fill(7);
    const pages = (): Response =>
      new Response(
        new ReadableStream<Uint8Array>({
          start(controller) {
            for (let i = 0; i < 32; i++) controller.enqueue(page);
            controller.close();
          },
        }),
      );
    const proxy = await start({ upstreams: { app: { fetch: pages } } }, listen);
    const whole = createHash("sha256")
      .update(Buffer.alloc(32 * 64 * 1024, 7))
      .digest("hex");
    for (let i = 0; i < 2; i++) expect(await digestOf(await open(proxy.url))).toBe(whole);
    expect(page.byteLength).toBe(64 * 1024);
  });
});

describe("a target over TLS", () => {
  it.each(CLIENTS)("gives a long response whole over %s", async (_name, listen, open) => {
    const target = await startTlsOrigin();
    const upstreams = { api: { targets: [target], tls: { verify: false } } };
    const proxy = await start({ upstreams }, listen);
    expect(await digestOf(await open(proxy.url))).toBe(patternDigest(BYTES));
  });

  it("gets a long content whole from the spill file", async () => {
    const target = await startTlsOrigin();
    const upstreams = { api: { targets: [target], tls: { verify: false } } };
    const proxy = await start({ upstreams }, {});
    const pieces: Buffer[] = [];
    for (let at = 0; at < BYTES; at += (pieces.at(-1) as Buffer).length) {
      pieces.push(piece(at, BYTES));
    }
    const answer = await fetch(proxy.url, { method: "POST", body: Buffer.concat(pieces) });
    expect(await answer.text()).toBe(patternDigest(BYTES));
  });
});
