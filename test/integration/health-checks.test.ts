import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

import type { GatewrightConfig, HealthCheckConfig, NetworkUpstream } from "@gatewright/sdk";
import { describe, expect, it, onTestFinished } from "vitest";

import { http2Origin } from "../helpers/http2-origin.ts";
import type { LogLine } from "../helpers/log-lines.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";
import { startToyUpstream, toyResponse } from "../helpers/toy-upstream.ts";
import { toy } from "../helpers/upstream-fixture.ts";

/** Quick, so that the test is. */
const OFTEN = { interval: 40, downInterval: 40, jitter: 0 } as const;

function configWith(api: Partial<NetworkUpstream>, targets: string[]): GatewrightConfig<string> {
  return { upstreams: { api: { targets, ...api } } };
}

function changed(proxy: TestProxy, from: string, to: string): Promise<LogLine> {
  return proxy.log.line((line) => line["from"] === from && line["to"] === to);
}

async function get(proxy: TestProxy, path = "/"): Promise<number> {
  const response = await fetch(new URL(path, proxy.url));
  await response.arrayBuffer();
  return response.status;
}

describe("TCP check", () => {
  const healthCheck: HealthCheckConfig = { type: "tcp", ...OFTEN };

  it("closes idle connections to a target that takes none any more, and brings it back", async () => {
    const origin = await toy();
    const other = await toy();
    const proxy = await startProxy({
      config: configWith({ healthCheck }, [origin.url, other.url]),
    });
    await get(proxy);
    await get(proxy);
    const [idle] = origin.connections;
    // Takes no new ones; the old one stays open.
    origin.server.close();
    const down = await changed(proxy, "up", "down");
    expect(down).toMatchObject({ upstream: "api", target: origin.url });
    expect(down["reason"]).toContain("ECONNREFUSED");
    await idle?.closed;
    for (let i = 0; i < 4; i++) expect(await get(proxy)).toBe(200);
    expect(other.requests).toHaveLength(5);

    const again = await startToyUpstream({ port: origin.port });
    onTestFinished(() => again.close());
    await changed(proxy, "down", "up");
    await get(proxy);
    await get(proxy);
    expect(again.requests).toHaveLength(1);
    expect(proxy.log.lines.filter((line) => line["from"] !== undefined)).toHaveLength(2);
  });

  it("has an idle connection make room for it at maxConnections", async () => {
    const origin = await toy();
    const proxy = await startProxy({
      config: configWith({ healthCheck, maxConnections: 1 }, [origin.url]),
    });
    await get(proxy);
    const [idle] = origin.connections;
    await origin.connection(2);
    await idle?.closed;
    // The check has given its place back.
    expect(await get(proxy)).toBe(200);
    expect(proxy.log.lines.filter((line) => line["from"] !== undefined)).toEqual([]);
  });
});

describe("HTTP check", () => {
  it("asks as configured, judges status and content, and takes the target out and back", async () => {
    const sick = { status: 200, content: '{"state":"ok"}' };
    const origin = await toy({
      onRequest: ({ target }) =>
        target === "/healthz?full=1"
          ? toyResponse(sick.status, sick.content)
          : toyResponse(200, "page"),
    });
    const other = await toy({
      onRequest: () => toyResponse(200, '{"state":"ok"}'),
    });
    const proxy = await startProxy({
      config: configWith(
        {
          healthCheck: {
            type: "http",
            path: "/healthz?full=1",
            method: "POST",
            host: "health.internal",
            headers: { "X-Check": "yes" },
            expectedStatus: [200, [204, 206]],
            expectedBody: /"state":"(ok|warm)"/,
            ...OFTEN,
          },
        },
        [origin.url, other.url],
      ),
    });
    const request = await origin.request(1);
    expect(request.head.split("\r\n")).toEqual([
      "POST /healthz?full=1 HTTP/1.1",
      "Host: health.internal",
      "User-Agent: gatewright-health-check",
      "X-Check: yes",
      "Connection: close",
      ...request.head.split("\r\n").slice(5),
    ]);
    sick.status = 503;
    expect((await changed(proxy, "up", "down"))["reason"]).toBe("health check: it answered 503");
    const pages = (): number => origin.requests.filter(({ target }) => target === "/").length;
    for (let i = 0; i < 4; i++) expect(await get(proxy)).toBe(200);
    expect(pages()).toBe(0);
    sick.status = 204;
    sick.content = "";
    await origin.request(origin.requests.length + 2);
    sick.status = 200;
    sick.content = '{"state":"warm"}';
    await changed(proxy, "down", "up");
    await get(proxy);
    await get(proxy);
    expect(pages()).toBe(1);
    sick.content = '{"state":"lost"}';
    const lost = await proxy.log.line(
      (line) => line["reason"] === "health check: its content is not the expected one",
    );
    expect(lost["to"]).toBe("down");
    expect(origin.violations).toEqual([]);
  });

  it("counts towards maxConnections: it waits while every connection is at work", async () => {
    let release: (() => void) | undefined;
    const origin = await toy({
      onRequest: ({ target }, connection) => {
        if (target !== "/held") return toyResponse(200, "ok");
        release = () => void connection.send(toyResponse(200, "held"));
        return undefined;
      },
    });
    const other = await toy();
    const healthCheck: HealthCheckConfig = { type: "http", path: "/check", ...OFTEN };
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: { targets: [origin.url], healthCheck, maxConnections: 1 },
          other: { targets: [other.url], healthCheck },
        },
        routes: [{ upstream: "api" }],
      },
    });
    await origin.request(1);
    const answer = get(proxy, "/held");
    while (release === undefined) await new Promise((resolve) => setImmediate(resolve));
    const connections = origin.connections.length;
    await other.request(other.requests.length + 6);
    expect(origin.connections).toHaveLength(connections);
    release();
    expect(await answer).toBe(200);
    await origin.connection(connections + 1);
  });

  it("gives up after its time limit and closes its connection", async () => {
    const origin = await toy({ onRequest: () => undefined });
    const other = await toy();
    const proxy = await startProxy({
      config: configWith(
        { healthCheck: { type: "http", timeout: 60, unhealthyThreshold: 1, ...OFTEN } },
        [origin.url, other.url],
      ),
    });
    const down = await changed(proxy, "up", "down");
    expect(down["reason"]).toBe("health check: no answer within 60 ms");
    await origin.connections[0]?.closed;
  });

  it("reads no more of the content than maxBody", async () => {
    const origin = await toy({ onRequest: () => toyResponse(200, `${"x".repeat(2000)}ok`) });
    const other = await toy();
    const proxy = await startProxy({
      config: configWith(
        {
          healthCheck: {
            type: "http",
            expectedBody: "ok",
            maxBody: "1kb",
            unhealthyThreshold: 1,
            ...OFTEN,
          },
        },
        [origin.url, other.url],
      ),
    });
    expect((await changed(proxy, "up", "down"))["target"]).toBe(origin.url);
  });

  it("speaks HTTP/2 where the upstream does", async () => {
    let status = 200;
    const origin = await http2Origin({
      onRequest: ({ stream }) => {
        stream.respond({ ":status": status });
        stream.end("fine");
      },
    });
    const other = await http2Origin({
      onRequest: ({ stream }) => {
        stream.respond({ ":status": 200 });
        stream.end("fine");
      },
    });
    const proxy = await startProxy({
      config: configWith(
        {
          http2: true,
          healthCheck: { type: "http", path: "/healthz", expectedBody: "fine", ...OFTEN },
        },
        [origin.url, other.url],
      ),
    });
    expect((await origin.arrived(1)).path).toBe("/healthz");
    status = 500;
    expect((await changed(proxy, "up", "down"))["reason"]).toBe("health check: it answered 500");
    status = 200;
    await changed(proxy, "down", "up");
  });

  it("begins with a PROXY header of our own where the upstream's connections do", async () => {
    const texts: string[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (bytes) => {
        texts.push(bytes.toString("latin1"));
        socket.end(toyResponse(200, "ok"));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    await startProxy({
      config: configWith({ proxyProtocol: "v1", healthCheck: { type: "http", ...OFTEN } }, [
        `http://127.0.0.1:${port}`,
      ]),
    });
    while (texts.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(texts[0]?.startsWith("PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n")).toBe(true);
  });
});

describe("function check", () => {
  it("decides, and another one of the next generation takes over what is known", async () => {
    const one = await toy();
    const two = await toy();
    const targets = [one.url, two.url];
    const asked: string[] = [];
    const check = (name: string) => ({
      type: "function" as const,
      unhealthyThreshold: 1,
      check: (target: { key: string }) => {
        asked.push(name);
        return target.key !== one.url;
      },
      ...OFTEN,
    });
    const proxy = await startProxy({
      config: configWith({ healthCheck: check("first") }, targets),
    });
    await changed(proxy, "up", "down");
    await proxy.update(configWith({ healthCheck: check("second") }, targets));
    asked.length = 0;
    while (asked.length < 4) await new Promise((resolve) => setImmediate(resolve));
    expect(new Set(asked)).toEqual(new Set(["second"]));
    for (let i = 0; i < 4; i++) await get(proxy);
    expect(one.requests).toEqual([]);
    // No word of it in between: it has been down all the time.
    expect(proxy.log.lines.filter((line) => line["from"] !== undefined)).toHaveLength(1);
    await proxy.update(configWith({ healthCheck: false }, targets));
    await changed(proxy, "down", "up");
  });

  it("may stand alone, and a mistake in it takes nobody down for good", async () => {
    const origin = await toy();
    const proxy = await startProxy({
      config: configWith(
        {
          healthCheck: {
            type: "function",
            unhealthyThreshold: 1,
            check: () => {
              throw new Error("typo");
            },
            ...OFTEN,
          },
        },
        [origin.url],
      ),
    });
    expect((await changed(proxy, "up", "down"))["reason"]).toContain("typo");
    // The only target: health is not believed.
    expect(await get(proxy)).toBe(200);
    await proxy.update(configWith({ healthCheck: () => true }, [origin.url]));
  });
});

describe("circuit breaker", () => {
  it("answers 503 at once while it is open, and lets the target come back", async () => {
    let status = 503;
    const origin = await toy({ onRequest: () => toyResponse(status, "") });
    const proxy = await startProxy({
      config: {
        admin: { port: 0 },
        ...configWith(
          { healthCheck: false, breaker: { consecutiveErrors: 3, openFor: 100, successes: 1 } },
          [origin.url],
        ),
      },
    });
    for (let i = 0; i < 3; i++) expect(await get(proxy)).toBe(503);
    const response = await fetch(proxy.url);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.text()).toContain("PROXY_UPSTREAM_UNAVAILABLE");
    expect(origin.requests).toHaveLength(3);
    proxy.takeErrors();
    const page = await (await fetch(`${proxy.adminUrl}/api/status`)).text();
    expect(page).toMatch(/"state": "(?:open|half-open)"/);
    await changed(proxy, "open", "half-open");
    status = 200;
    expect(await get(proxy)).toBe(200);
    await changed(proxy, "half-open", "up");
  });
});
