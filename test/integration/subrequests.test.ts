import { brotliCompressSync, gzipSync } from "node:zlib";

import type { Context, GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";
import { toy } from "../helpers/upstream-fixture.ts";

type Hook = NonNullable<GatewrightConfig<string>["onRequest"]>;

const hook = (run: (ctx: Context<string>) => ReturnType<Hook>): GatewrightConfig<string> => ({
  onRequest: (_request, ctx) => run(ctx),
});

describe("ctx.fetch", () => {
  it("by an upstream's name goes through its pool", async () => {
    const { get, upstream } = await throughProxy({
      config: {
        async onRequest(_request, ctx) {
          for (let i = 0; i < 3; i++) {
            const response = await ctx.fetch("api", {
              path: `/sub/${i}?a=b c`,
              method: "PUT",
              headers: { "X-A": "1" },
              body: "content",
            });
            expect([response.status, await response.text()]).toEqual([200, "ok"]);
          }
        },
      },
    });
    expect((await get("/main")).status).toBe(200);
    expect(upstream.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
      "PUT /sub/0?a=b%20c",
      "PUT /sub/1?a=b%20c",
      "PUT /sub/2?a=b%20c",
      "GET /main",
    ]);
    const first = upstream.requests[0];
    expect(first?.content.toString()).toBe("content");
    expect([first?.field("x-a"), first?.field("content-length"), first?.field("host")]).toEqual([
      "1",
      "7",
      `127.0.0.1:${upstream.port}`,
    ]);
    // One after the other, all over one connection; the client's request too.
    expect(upstream.connections).toHaveLength(1);
    expect(first?.field("x-request-id")).toBe(upstream.requests[3]?.field("x-request-id"));
  });

  it("by URL reaches other hosts", async () => {
    const other = await toy({ onRequest: ({ target }) => toyResponse(200, `other ${target}`) });
    const { get, upstream } = await throughProxy({
      config: hook(async (ctx) => {
        const text = await (await ctx.fetch(`http://127.0.0.1:${other.port}/a?b`)).text();
        const again = await (await ctx.fetch(new URL("/c", other.url))).text();
        return ctx.respond(200, `${text}, ${again}`);
      }),
    });
    expect((await get("/")).content.toString()).toBe("other /a?b, other /c");
    expect(upstream.connections).toHaveLength(0);
    expect(other.connections).toHaveLength(1);
    expect(other.requests[0]?.field("host")).toBe(`127.0.0.1:${other.port}`);
  });

  it.each([
    ["gzip", gzipSync("decoded")],
    ["br", brotliCompressSync("decoded")],
  ] as const)(
    "decodes %s, so that the Response can be returned as it is",
    async (coding, bytes) => {
      const { get } = await throughProxy({
        onRequest: () =>
          Buffer.concat([
            Buffer.from(
              `HTTP/1.1 203 N\r\nContent-Encoding: ${coding}\r\nContent-Length: ${bytes.length}\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nSet-Cookie: c=3\r\nKeep-Alive: timeout=5\r\n\r\n`,
            ),
            bytes,
          ]),
        config: hook((ctx) => ctx.fetch("api", { headers: { "accept-encoding": "gzip, br" } })),
      });
      const response = await get("/");
      expect([response.status, response.content.toString()]).toEqual([203, "decoded"]);
      expect(fieldsOf(response, "set-cookie")).toEqual(["a=1", "b=2", "c=3"]);
      expect(fieldOf(response, "content-encoding")).toBeUndefined();
      expect(fieldOf(response, "keep-alive")).toBeUndefined();
    },
  );

  it("rejects where the upstream cannot be reached, and the hook may go on", async () => {
    const { get } = await throughProxy({
      config: {
        upstreams: { dead: { targets: ["http://127.0.0.1:1"] } },
        onRequest: async (_request, ctx) => {
          try {
            await ctx.fetch("dead");
          } catch (error) {
            return ctx.respond(200, (error as { code: string }).code);
          }
        },
      },
    });
    expect((await get("/")).content.toString()).toBe("PROXY_UPSTREAM_CONNECT");
  });

  it("rejects where the answer breaks off while it is read", async () => {
    const { get } = await throughProxy({
      onRequest: (_request, to) => to.finish("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
      config: hook(async (ctx) => {
        const response = await ctx.fetch("api");
        return ctx.respond(
          200,
          await response.text().then(
            () => "whole",
            () => "broken",
          ),
        );
      }),
    });
    expect((await get("/")).content.toString()).toBe("broken");
  });

  it("waits for an answer that comes in pieces without keeping anybody else from running", async () => {
    const { get } = await throughProxy({
      onRequest: (_request, to) => {
        to.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nha");
        setTimeout(() => to.send("lf a"), 20);
        setTimeout(() => to.send("nd"), 40);
      },
      config: hook(async (ctx) => ctx.respond(200, await (await ctx.fetch("api")).text())),
    });
    expect((await get("/")).content.toString()).toBe("half and");
  });

  it.each([
    ["small", 20],
    ["large", 300_000],
  ])("whose %s answer nobody reads holds no connection after its request", async (_name, size) => {
    const { get, upstream } = await throughProxy({
      onRequest: () => toyResponse(200, "x".repeat(size)),
      api: { maxConnections: 2, queueTimeout: 2000 },
      config: hook(async (ctx) => {
        const { status } = await ctx.fetch("api");
        return ctx.respond(status, "allowed");
      }),
    });
    for (let i = 0; i < 10; i++) expect((await get("/")).status).toBe(200);
    expect(upstream.requests).toHaveLength(10);
    expect(upstream.connections.length).toBe(size < 1000 ? 1 : 10);
  });

  it("in work that outlives the request may be read after it, however large", async () => {
    const size = 300_000;
    const read = Promise.withResolvers<number>();
    const sent = Promise.withResolvers<void>();
    const { get } = await throughProxy({
      onRequest: () => toyResponse(200, "x".repeat(size)),
      config: {
        async onRequest(_request, ctx) {
          const first = await ctx.fetch("api");
          ctx.waitUntil(
            sent.promise.then(async () => {
              const second = await ctx.fetch("api");
              read.resolve((await first.text()).length + (await second.text()).length);
            }),
          );
          return ctx.respond(204);
        },
      },
    });
    expect((await get("/")).status).toBe(204);
    await new Promise((resolve) => setImmediate(resolve));
    sent.resolve();
    expect(await read.promise).toBe(2 * size);
  });

  it("that is read too late says why it cannot be", async () => {
    let late: Response | undefined;
    const { get, upstream } = await throughProxy({
      onRequest: () => toyResponse(200, "x".repeat(300_000)),
      config: hook(async (ctx) => {
        late = await ctx.fetch("api");
        return ctx.respond(204);
      }),
    });
    await get("/");
    await upstream.openAtMost(0);
    await expect(late?.text()).rejects.toThrow("ctx.waitUntil");
  });

  it("takes only http(s) URLs and known names", async () => {
    const { get } = await throughProxy({
      config: hook(async (ctx) => {
        const codes: string[] = [];
        for (const target of ["apii", "file:///etc/passwd", "ftp://a.test/", "/path"]) {
          await ctx.fetch(target).then(
            () => codes.push("?"),
            (error: { code: string }) => codes.push(error.code),
          );
        }
        return ctx.json(codes);
      }),
    });
    expect(JSON.parse((await get("/")).content.toString())).toEqual(
      Array(4).fill("PROXY_HOOK_DECISION"),
    );
  });

  it("ends by the hook's own signal", async () => {
    const { get, upstream } = await throughProxy({
      onRequest: () => undefined,
      config: hook(async (ctx) => {
        const controller = new AbortController();
        const fetched = ctx.fetch("api", { signal: controller.signal });
        setTimeout(() => controller.abort(new Error("enough")), 20);
        return ctx.respond(
          200,
          await fetched.then(
            () => "?",
            (error: Error) => error.message,
          ),
        );
      }),
    });
    expect((await get("/")).content.toString()).toBe("enough");
    await upstream.openAtMost(0);
  });

  it("does not run hooks or routes: no loop", async () => {
    let runs = 0;
    const { get } = await throughProxy({
      config: hook(async (ctx) => {
        runs += 1;
        await (await ctx.fetch("api")).text();
      }),
    });
    await get("/");
    expect(runs).toBe(1);
  });

  it("reaches an upstream in this process too", async () => {
    const { get } = await throughProxy({
      config: {
        upstreams: {
          app: {
            fetch: async (request) =>
              new Response(
                `${request.method} ${new URL(request.url).pathname} ${await request.text()}`,
              ),
          },
        },
        onRequest: (_request, ctx) => ctx.fetch("app", { path: "/x", method: "POST", body: "y" }),
      },
    });
    expect((await get("/")).content.toString()).toBe("POST /x y");
  });
});

describe("ctx.waitUntil", () => {
  it("keeps work alive after the response, and logs what it rejects with", async () => {
    const { get, proxy, upstream } = await throughProxy({
      config: {
        onRequest(request, ctx) {
          if (request.path === "/fails") ctx.waitUntil(Promise.reject(new Error("later")));
          else
            ctx.waitUntil(ctx.fetch("api", { path: "/later" }).then((response) => response.text()));
          return ctx.respond(204);
        },
      },
    });
    expect((await get("/")).status).toBe(204);
    expect((await get("/fails")).status).toBe(204);
    await proxy.log.line(
      ({ level, msg }) => level === "error" && String(msg).includes("waitUntil"),
    );
    expect(proxy.takeErrors()).toHaveLength(1);
    void upstream;
  });

  it("lets work that does not hang on the request end after it", async () => {
    const done = Promise.withResolvers<string>();
    const gate = Promise.withResolvers<void>();
    const { get } = await throughProxy({
      config: {
        onRequest(_request, ctx) {
          ctx.waitUntil(gate.promise.then(() => done.resolve("done")));
          return ctx.respond(204);
        },
      },
    });
    expect((await get("/")).status).toBe(204);
    gate.resolve();
    expect(await done.promise).toBe("done");
  });
});
