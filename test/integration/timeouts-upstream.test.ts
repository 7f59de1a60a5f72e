/** The four time limits towards upstreams, through the whole proxy: code, status, target, and what they leave alone. */
import { once } from "node:events";
import { createServer, type ServerResponse, type IncomingMessage } from "node:http";
import { createServer as createHttp2Server, type Http2ServerRequest } from "node:http2";
import { connect, type AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import type { GatewrightConfig, UpstreamConfig, UpstreamTimeouts } from "@gatewright/sdk";
import { createTestClock, createTestProxy } from "gatewright/testing";
import { describe, expect, it, onTestFinished } from "vitest";

import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";
import { toy } from "../helpers/upstream-fixture.ts";

/** The first chunk at once, and what follows after these pauses. */
type Script = readonly (readonly [pauseMs: number, text: string])[];

const SILENT: Script = [
  [0, "begin "],
  [5000, "end"],
];

interface Origin {
  readonly config: UpstreamConfig;
  /** As logs call it. */
  readonly target: string;
}

type Start = (script: Script, type?: string) => Promise<Origin>;

async function writeScript(
  write: (text: string) => void,
  script: Script,
  isOver: () => boolean,
): Promise<void> {
  for (const [pauseMs, text] of script) {
    if (pauseMs > 0) await delay(pauseMs, undefined, { ref: false });
    if (isOver()) return;
    write(text);
  }
}

const http1: Start = async (script, type = "text/plain") => {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    response.setHeader("content-type", type);
    void writeScript(
      (text) => response.write(text),
      script,
      () => response.destroyed,
    ).then(() => response.end());
  });
  return listen(server, false);
};

const http2: Start = async (script, type = "text/plain") => {
  const server = createHttp2Server();
  server.on("request", (request: Http2ServerRequest) => {
    const { stream } = request;
    stream.on("error", () => {});
    stream.resume();
    stream.respond({ ":status": 200, "content-type": type });
    void writeScript(
      (text) => stream.write(text),
      script,
      () => stream.closed,
    ).then(() => {
      if (!stream.closed) stream.end();
    });
  });
  return listen(server, true);
};

const app: Start = async (script, type = "text/plain") => {
  const encoder = new TextEncoder();
  return {
    target: "api",
    config: {
      fetch() {
        let isOver = false;
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            const write = (text: string): void => controller.enqueue(encoder.encode(text));
            void writeScript(write, script, () => isOver).then(() => {
              if (!isOver) controller.close();
            });
          },
          cancel() {
            isOver = true;
          },
        });
        return new Response(body, { headers: { "content-type": type } });
      },
    },
  };
};

async function listen(
  server: ReturnType<typeof createServer> | ReturnType<typeof createHttp2Server>,
  isHttp2: boolean,
): Promise<Origin> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = { targets: [`http://${target}`], ...(isHttp2 ? { http2: true } : {}) };
  return { target, config };
}

async function proxyTo(
  origin: Origin,
  timeouts: UpstreamTimeouts,
  rest: GatewrightConfig<string> = {},
): Promise<TestProxy> {
  return startProxy({
    config: { ...rest, upstreams: { api: { ...origin.config, timeouts } as UpstreamConfig } },
  });
}

/** What came, and whether it came whole. */
async function read(response: Response): Promise<readonly [text: string, isWhole: boolean]> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
    }
    return [text, true];
  } catch {
    return [text, false];
  }
}

describe.each([
  ["HTTP/1.1", http1],
  ["HTTP/2", http2],
  ["an app", app],
] as const)("idle, from %s", (_name, start) => {
  it("cuts a response that falls silent; the log has the code and the target", async () => {
    const origin = await start(SILENT);
    const proxy = await proxyTo(origin, { idle: "150ms" });
    const began = performance.now();
    expect(await read(await fetch(proxy.url))).toEqual(["begin ", false]);
    const took = performance.now() - began;
    expect(took).toBeGreaterThanOrEqual(150);
    // At the latest half as late again, and a busy machine.
    expect(took).toBeLessThan(1500);
    const record = await proxy.accessed();
    expect([record.error, record.outcome, record.target]).toEqual([
      "PROXY_UPSTREAM_IDLE_TIMEOUT",
      "cut",
      origin.target,
    ]);
    expect(proxy.takeErrors()).toMatchObject([
      { code: "PROXY_UPSTREAM_IDLE_TIMEOUT", upstream: "api", target: origin.target },
    ]);
  });

  it("leaves alone what pauses for less than that, however long it takes in all", async () => {
    const origin = await start(Array.from({ length: 12 }, () => [60, "."] as const));
    const proxy = await proxyTo(origin, { idle: "300ms" });
    expect(await read(await fetch(proxy.url))).toEqual(["............", true]);
  });

  it.each(["text/event-stream", "text/event-stream; charset=utf-8", "application/grpc+proto"])(
    "leaves %s alone",
    async (type) => {
      const origin = await start(
        [
          [0, "a"],
          [500, "b"],
        ],
        type,
      );
      const proxy = await proxyTo(origin, { idle: "100ms" });
      expect(await read(await fetch(proxy.url))).toEqual(["ab", true]);
    },
  );

  it("is the route's, where it has one", async () => {
    const origin = await start([
      [0, "a"],
      [500, "b"],
    ]);
    const proxy = await proxyTo(
      origin,
      { idle: "100ms" },
      {
        routes: [
          { match: { path: "/slow" }, upstream: "api", timeouts: { idle: "10s" } },
          { match: { path: "/*" }, upstream: "api" },
        ],
      },
    );
    expect(await read(await fetch(`${proxy.url}/slow`))).toEqual(["ab", true]);
    expect(await read(await fetch(proxy.url))).toEqual(["a", false]);
    proxy.takeErrors();
  });
});

describe("idle", () => {
  it("does not run while the client takes nothing", async () => {
    const size = 8 * 1024 * 1024;
    const origin = await toy({
      onRequest: () => toyResponse(200, "x".repeat(size)),
    });
    const proxy = await startProxy({
      config: { upstreams: { api: { targets: [origin.url], timeouts: { idle: "100ms" } } } },
    });
    const socket = connect(proxy.port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    await once(socket, "readable");
    await delay(600);
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
    await once(socket, "close");
    expect(bytes).toBeGreaterThan(size);
    expect((await proxy.accessed()).outcome).toBe("complete");
  });

  it("does not run while the client is still sending, as a service that answers early waits for it", async () => {
    const origin = await toy({
      onHead: (_request, connection) =>
        void connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nbeg"),
      onRequest: () => "end",
    });
    const proxy = await startProxy({
      config: {
        upstreams: { api: { targets: [origin.url], timeouts: { idle: "100ms" } } },
        requestContent: { buffer: false },
      },
    });
    const socket = connect(proxy.port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\na");
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    await delay(500);
    socket.write("b");
    await once(socket, "close");
    expect(text.endsWith("\r\n\r\nbegend")).toBe(true);
  });

  it("does not run for an upgrade", async () => {
    const origin = await toy({
      onRequest: (_request, connection) => {
        connection.raw = true;
        connection.socket.on("data", (chunk: Buffer) => connection.send(chunk));
        return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
      },
    });
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: { targets: [origin.url], timeouts: { idle: "100ms", total: "200ms" } },
        },
      },
    });
    const socket = connect(proxy.port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    await once(socket, "data");
    await delay(500);
    socket.write("still there");
    const [echo] = (await once(socket, "data")) as [Buffer];
    expect(echo.toString()).toBe("still there");
  });
});

describe("responseHead", () => {
  it("is 504 and names the target", async () => {
    const origin = await toy({ onRequest: () => {} });
    const proxy = await startProxy({
      config: {
        upstreams: { api: { targets: [origin.url], timeouts: { responseHead: "100ms" } } },
      },
    });
    const response = await fetch(proxy.url);
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: "PROXY_UPSTREAM_HEAD_TIMEOUT" });
    expect(proxy.takeErrors()).toMatchObject([
      { code: "PROXY_UPSTREAM_HEAD_TIMEOUT", target: `127.0.0.1:${origin.port}` },
    ]);
  });
});

describe("connect", () => {
  it("is 504 and names the target, for a TLS handshake that nobody answers as well", async () => {
    const origin = await toy();
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: { targets: [`https://127.0.0.1:${origin.port}`], timeouts: { connect: "100ms" } },
        },
      },
    });
    const response = await fetch(proxy.url, { method: "POST", body: "x" });
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: "PROXY_UPSTREAM_CONNECT_TIMEOUT" });
    expect(proxy.takeErrors()).toMatchObject([
      { code: "PROXY_UPSTREAM_CONNECT_TIMEOUT", target: `127.0.0.1:${origin.port}` },
    ]);
  });
});

describe("total", () => {
  const clock = createTestClock();
  const slow = async (): Promise<Response> => {
    await clock.sleep("30s");
    return new Response("late");
  };

  it("is 504 before the head, and names the target", async () => {
    const origin = await toy({ onRequest: () => {} });
    const proxy = await startProxy({
      config: { upstreams: { api: { targets: [origin.url], timeouts: { total: "150ms" } } } },
    });
    const response = await fetch(proxy.url);
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({
      code: "PROXY_UPSTREAM_TOTAL_TIMEOUT",
      detail: "The upstream did not answer in time.",
    });
    await origin.openAtMost(0);
    expect(proxy.takeErrors()).toMatchObject([
      { code: "PROXY_UPSTREAM_TOTAL_TIMEOUT", target: `127.0.0.1:${origin.port}` },
    ]);
  });

  it.each([
    ["HTTP/1.1", http1],
    ["HTTP/2", http2],
    ["an app", app],
  ] as const)("cuts a response from %s that takes longer, silent or not", async (_name, start) => {
    const origin = await start(Array.from({ length: 60 }, () => [50, "."] as const));
    const proxy = await proxyTo(origin, { total: "300ms" });
    const [text, isWhole] = await read(await fetch(proxy.url));
    expect([text.length > 0, isWhole]).toEqual([true, false]);
    const record = await proxy.accessed();
    expect([record.error, record.target]).toEqual(["PROXY_UPSTREAM_TOTAL_TIMEOUT", origin.target]);
    proxy.takeErrors();
  });

  it("that passes without a head counts for the health of the target", async () => {
    const hangs = await toy({ onRequest: () => {} });
    const good = await toy({
      onRequest: () => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    });
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: {
            targets: [hangs.url, good.url],
            timeouts: { total: "150ms" },
            outliers: { consecutiveErrors: 1, baseTime: "1m" },
          },
        },
      },
    });
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) statuses.push((await fetch(proxy.url)).status);
    expect(statuses.filter((status) => status === 504)).toHaveLength(1);
    proxy.takeErrors();
  });

  it("is lifted by a route, and by an upstream, that says false", async () => {
    await using proxy = await createTestProxy(
      {
        timeouts: { total: "1s" },
        upstreams: {
          api: { targets: ["http://10.0.0.1:9000"] },
          free: { targets: ["http://10.0.0.2:9000"], timeouts: { total: false } },
        },
        routes: [
          { match: { path: "/events" }, upstream: "api", timeouts: { total: false } },
          { match: { path: "/free" }, upstream: "free" },
          { match: { path: "/*" }, upstream: "api" },
        ],
      },
      { clock, upstreams: { api: slow, free: slow } },
    );
    const paths = ["/events", "/free", "/"];
    const asked = paths.map(async (path) => (await proxy.fetch(path)).status);
    await proxy.advance("1m");
    expect(await Promise.all(asked)).toEqual([200, 200, 504]);
  });

  it("counts the time in the queue", async () => {
    const origin = await toy({
      onRequest: (request) => (request.target === "/hold" ? undefined : toyResponse(200, "ok")),
    });
    const proxy = await startProxy({
      config: {
        upstreams: { api: { targets: [origin.url], maxConnections: 1 } },
        routes: [
          { match: { path: "/hold" }, upstream: "api" },
          { match: { path: "/*" }, upstream: "api", timeouts: { total: "100ms" } },
        ],
      },
    });
    const client = new AbortController();
    const held = fetch(`${proxy.url}/hold`, { signal: client.signal }).catch(() => {});
    await origin.request(1);
    const response = await fetch(proxy.url);
    expect(await response.json()).toMatchObject({ code: "PROXY_UPSTREAM_TOTAL_TIMEOUT" });
    client.abort();
    await held;
    proxy.takeErrors();
  });

  it("covers all attempts", async () => {
    const origin = await toy({ onRequest: () => {} });
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: {
            targets: [origin.url],
            outliers: false,
            retry: { attempts: 10, perTryTimeout: "50ms", backoff: { base: 1, max: 1 } },
            timeouts: { total: "400ms" },
          },
        },
      },
    });
    const response = await fetch(proxy.url);
    expect(await response.json()).toMatchObject({ code: "PROXY_UPSTREAM_TOTAL_TIMEOUT" });
    const { attempts } = await proxy.accessed();
    expect(attempts).toBeGreaterThan(1);
    expect(attempts).toBeLessThan(9);
    proxy.takeErrors();
  });

  it("leaves no deadline behind a response that came in time", async () => {
    const origin = await toy();
    const proxy = await startProxy({
      config: { upstreams: { api: { targets: [origin.url], timeouts: { total: "100ms" } } } },
    });
    for (let i = 0; i < 5; i++) expect(await (await fetch(proxy.url)).text()).toBe("ok");
    await delay(250);
    expect(proxy.access.map(({ outcome }) => outcome)).toEqual(Array(5).fill("complete"));
    expect(origin.connections.length).toBe(1);
  });
});
