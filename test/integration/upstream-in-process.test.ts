import { Hono } from "hono";
import { describe, expect, it } from "vitest";

import { fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { askRaw, getRequest } from "../helpers/through-proxy.ts";

describe("a Hono app as an upstream", () => {
  const app = new Hono();
  app.get("/hello/:name", (c) => c.text(`hello ${c.req.param("name")} ${c.req.query("q") ?? ""}`));
  app.post("/json", async (c) => c.json({ got: await c.req.json<unknown>() }, 201));
  app.get("/cookies", (c) => {
    c.header("set-cookie", "a=1", { append: true });
    c.header("set-cookie", "b=2", { append: true });
    return c.body(null, 204);
  });
  app.get("/host", (c) => c.text(`${c.req.url} ${c.req.header("x-forwarded-for") ?? ""}`));
  app.get("/fails", () => {
    throw new Error("secret of the app");
  });

  it("is mounted unchanged", async () => {
    const proxy = await startProxy({ config: { upstreams: { app } } });
    const hello = await askRaw(proxy.port, getRequest("/hello/w%C3%B6rld?q=1"));
    expect([hello.status, hello.content.toString()]).toEqual([200, "hello wörld 1"]);
    const json = await askRaw(
      proxy.port,
      'POST /json HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n0\r\n\r\n',
    );
    expect([json.status, json.content.toString()]).toEqual([201, '{"got":{"a":1}}']);
    const cookies = await askRaw(proxy.port, getRequest("/cookies"));
    expect([cookies.status, ...fieldsOf(cookies, "set-cookie")]).toEqual([204, "a=1", "b=2"]);
    expect((await askRaw(proxy.port, getRequest("/host"))).content.toString()).toBe(
      "http://a.test/host 127.0.0.1",
    );
    expect((await askRaw(proxy.port, getRequest("/nothing"))).status).toBe(404);
    const head = await askRaw(proxy.port, "HEAD /hello/x HTTP/1.1\r\nHost: a.test\r\n\r\n", {
      head: true,
    });
    expect(head.status).toBe(200);
    expect((await proxy.accessed()).upstream).toBe("app");
  });
});

describe("a Workers-style module as an upstream", () => {
  it("gets request, env and context, keeps `this`, and its waitUntil outlives the response", async () => {
    const later = Promise.withResolvers<string>();
    const worker = {
      prefix: "worker",
      async fetch(
        request: Request,
        env: Record<string, unknown>,
        ctx: { waitUntil(promise: Promise<unknown>): void; passThroughOnException(): void },
      ) {
        ctx.passThroughOnException();
        const { waitUntil } = ctx;
        waitUntil(Promise.resolve().then(() => later.resolve(typeof env)));
        return new Response(`${this.prefix} ${request.method} ${await request.text()}`, {
          headers: { "x-url": request.url },
        });
      },
    };
    const proxy = await startProxy({ config: { upstreams: { worker } } });
    const response = await askRaw(
      proxy.port,
      "PUT /a//b?c HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc",
    );
    expect(response.content.toString()).toBe("worker PUT abc");
    expect(fieldOf(response, "x-url")).toBe("http://a.test/a//b?c");
    expect(await later.promise).toBe("object");
  });

  it("streams, and learns through its signal that the client is gone", async () => {
    const aborted = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<void>();
    const proxy = await startProxy({
      config: {
        upstreams: {
          app: {
            fetch(request) {
              request.signal.addEventListener("abort", () => aborted.resolve());
              const stream = new ReadableStream<Uint8Array>({
                start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
                cancel: () => cancelled.resolve(),
              });
              return new Response(stream);
            },
          },
        },
      },
    });
    const controller = new AbortController();
    const response = await fetch(proxy.url, { signal: controller.signal });
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("first");
    controller.abort();
    await Promise.all([aborted.promise, cancelled.promise]);
    expect((await proxy.accessed()).outcome).toBe("aborted");
  });

  it.each<[name: string, fetch: () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("secret");
      },
    ],
    ["rejects", () => Promise.reject(new Error("secret"))],
    ["returns no Response", () => "secret"],
    [
      "returns a Response that was read",
      async () => {
        const response = new Response("secret");
        await response.text();
        return response;
      },
    ],
    ["returns Response.error()", () => Response.error()],
  ])("that %s is a 502 without its details", async (_name, run) => {
    const proxy = await startProxy({
      config: { upstreams: { app: { fetch: run as () => Response } } },
    });
    const response = await askRaw(proxy.port, getRequest("/"));
    expect(response.status).toBe(502);
    expect(response.content.toString()).not.toContain("secret");
    expect(proxy.takeErrors()).toMatchObject([{ code: "PROXY_UPSTREAM_HANDLER" }]);
  });
});
