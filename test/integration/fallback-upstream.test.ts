import type { GatewrightConfig, ProxyErrorView } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { fieldOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

const DEAD = { targets: ["http://127.0.0.1:1"] };

function config(more: GatewrightConfig<string> = {}): GatewrightConfig<string> {
  return {
    upstreams: { dead: DEAD },
    routes: [{ match: { path: "/*" }, upstream: "dead" }],
    onError: (error, ctx) => (error.source === "upstream" ? ctx.forward("api") : undefined),
    ...more,
  };
}

describe("onError", () => {
  it("sends the request to another upstream while no head is out", async () => {
    const { get, upstream, proxy } = await throughProxy({ config: config() });
    const response = await get("/x?y", "X-A: 1");
    expect([response.status, response.content.toString()]).toEqual([200, "ok"]);
    const { target, field } = await upstream.request(1);
    expect([target, field("x-a"), field("host")]).toEqual(["/x?y", "1", "a.test"]);
    expect(await proxy.accessed()).toMatchObject({
      status: 200,
      upstream: "api",
      error: undefined,
    });
    expect(proxy.takeErrors()).toMatchObject([{ code: "PROXY_UPSTREAM_CONNECT" }]);
  });

  it("sends content that a hook has read again", async () => {
    const { ask, upstream, proxy } = await throughProxy({
      config: config({
        async onRequest(request) {
          await request.text();
        },
      }),
    });
    await ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello");
    expect((await upstream.request(1)).content.toString()).toBe("hello");
    proxy.takeErrors();
  });

  it("sends content that no attempt has touched", async () => {
    const { ask, upstream, proxy } = await throughProxy({ config: config() });
    const response = await ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello");
    expect(response.status).toBe(200);
    expect((await upstream.request(1)).content.toString()).toBe("hello");
    proxy.takeErrors();
  });

  it("cannot send content again that was streamed away: the error stands, and the log says why", async () => {
    const { ask, upstream, proxy } = await throughProxy({
      onHead: (_request, connection) =>
        void connection.socket.once("data", () => connection.reset()),
      config: {
        upstreams: { other: { fetch: () => new Response("other") } },
        routes: [{ match: { path: "/*" }, upstream: "api" }],
        requestContent: { buffer: false },
        onError: (_error, ctx) => ctx.forward("other"),
      },
    });
    const response = await ask(
      `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 200000\r\n\r\n${"x".repeat(200_000)}`,
    );
    expect(response.status).toBe(502);
    expect(upstream.requests).toHaveLength(0);
    await proxy.log.line(
      ({ msg, level }) => level === "warn" && String(msg).includes("cannot be sent again"),
    );
    proxy.takeErrors();
  });

  it("gets one fallback for each request", async () => {
    const seen: string[] = [];
    const { get, proxy } = await throughProxy({
      config: config({
        upstreams: { dead: DEAD, worse: DEAD },
        onError(error, ctx) {
          seen.push(error.code);
          return ctx.forward("worse");
        },
      }),
    });
    expect((await get("/")).status).toBe(502);
    expect(seen).toEqual(["PROXY_UPSTREAM_CONNECT", "PROXY_UPSTREAM_CONNECT"]);
    proxy.takeErrors();
  });

  it("may answer, refuse or drop instead", async () => {
    const { get, proxy } = await throughProxy({
      config: config({
        onError: (_error, ctx) => ctx.respond(503, "later", { "retry-after": "5" }),
      }),
    });
    const response = await get("/");
    expect([
      response.status,
      response.content.toString(),
      fieldOf(response, "retry-after"),
    ]).toEqual([503, "later", "5"]);
    proxy.takeErrors();
    await proxy.update({
      ...config({ upstreams: { dead: DEAD }, onError: (_error, ctx) => ctx.block("down", 429) }),
    });
    expect((await get("/")).status).toBe(429);
    proxy.takeErrors();
  });

  it("keeps the fields that its error's status needs, unless it gives them or changes the status", async () => {
    let answer: NonNullable<GatewrightConfig["onError"]>;
    const { get, proxy } = await throughProxy({
      config: {
        rateLimits: { few: { key: "ip", limit: 1, window: "1m" } },
        onError: (error, ctx) => answer(error, ctx),
      },
    });
    expect((await get("/")).status).toBe(200);
    const answered = async (by: typeof answer) => {
      answer = by;
      const response = await get("/");
      expect(response.content.toString()).toBe("slow down");
      return [response.status, fieldOf(response, "retry-after")];
    };
    const limited = [429, expect.stringMatching(/^\d\d$/)];
    expect(await answered((_error, ctx) => ctx.respond(429, "slow down"))).toEqual(limited);
    expect(await answered(() => new Response("slow down", { status: 429 }))).toEqual(limited);
    const own = { "retry-after": "7" };
    expect(await answered((_error, ctx) => ctx.respond(429, "slow down", own))).toEqual([429, "7"]);
    const changed = await answered((_error, ctx) => ctx.respond(503, "slow down"));
    expect(changed).toEqual([503, undefined]);
    proxy.takeErrors();
  });

  it("knows the request, also where a gate refused it before any other hook", async () => {
    const { get, proxy } = await throughProxy({
      config: {
        rateLimits: { few: { key: "ip", limit: 1, window: "1m" } },
        onError(error, ctx) {
          const { request } = ctx;
          const { method, path, search } = request;
          const accept = request.headers.get("accept");
          return ctx.json({ code: error.code, method, path, search, accept }, error.status);
        },
      },
    });
    expect((await get("/")).status).toBe(200);
    const { content } = await get("/a%2Db?q", "Accept: x/y");
    expect(JSON.parse(content.toString())).toEqual({
      code: "PROXY_RATE_LIMITED",
      method: "GET",
      path: "/a-b",
      search: "?q",
      accept: "x/y",
    });
    proxy.takeErrors();
  });

  it("sees 404s and hooks' failures too, and never the cause's details", async () => {
    const seen: ProxyErrorView[] = [];
    const { get, proxy } = await throughProxy({
      config: {
        routes: [{ match: { path: "/known" }, respond: { status: 200 } }],
        upstreams: { other: DEAD },
        onRequest(request) {
          if (request.path === "/throws") throw new Error("boom");
        },
        onError: (error) => void seen.push(error),
      },
    });
    expect((await get("/unknown")).status).toBe(404);
    expect((await get("/throws")).status).toBe(500);
    expect(seen).toMatchObject([
      { code: "PROXY_ROUTE_NOT_FOUND", status: 404, source: "config", retryable: false },
      { code: "PROXY_HOOK_FAILED", status: 500, source: "hook", retryable: false },
    ]);
    proxy.takeErrors();
  });

  it("that fails itself does not change the answer", async () => {
    const { get, proxy } = await throughProxy({
      config: config({
        onError() {
          throw new Error("error in onError");
        },
      }),
    });
    expect((await get("/")).status).toBe(502);
    expect(JSON.stringify(proxy.takeErrors())).toContain("error in onError");
  });

  it("does not run where the head is out: the message is cut", async () => {
    let ran = false;
    const { proxy } = await throughProxy({
      onRequest: (_request, to) => to.finish("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
      config: { onError: () => void (ran = true) },
    });
    await expect(fetch(proxy.url).then((response) => response.text())).rejects.toThrow();
    expect(ran).toBe(false);
    proxy.takeErrors();
  });

  it("a fallback's response passes the response hooks", async () => {
    const { get, proxy } = await throughProxy({
      onRequest: () => toyResponse(200, "ok"),
      config: config({ onResponse: (response) => response.headers.set("x-hook", response.source) }),
    });
    expect(fieldOf(await get("/"), "x-hook")).toBe("upstream");
    proxy.takeErrors();
  });
});

describe("content that a hook gave", () => {
  it("is cancelled where no upstream takes it", async () => {
    const cancelled = Promise.withResolvers<void>();
    const { get } = await throughProxy({
      config: {
        plugins: [
          {
            name: "gives",
            api: 1,
            onRequest: (request) =>
              request.setBody(new ReadableStream({ cancel: () => cancelled.resolve() })),
          },
        ],
        onRequest: (_request, ctx) => ctx.block("after all"),
      },
    });
    expect((await get("/")).status).toBe(403);
    await cancelled.promise;
  });
});
