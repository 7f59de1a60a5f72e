import type { Context, GatewrightConfig, Plugin } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { connectRaw, fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const OTHERS = {
  one: { fetch: () => new Response("one") },
  two: { fetch: () => new Response("two") },
};

type Decide = (ctx: Context<string>) => ReturnType<NonNullable<Plugin["onRequest"]>>;

function hook(decide: Decide): NonNullable<Plugin["onRequest"]> {
  return (_request, ctx) => decide(ctx);
}

function plugin(name: string, decide: Decide, order?: "pre" | "post"): Plugin {
  return {
    name,
    api: 1,
    ...(order === undefined ? {} : { order }),
    onRequest: hook(decide),
  };
}

/** Both ways of returning: a value and a promise. */
const WAYS: readonly (readonly [name: string, wrap: (decide: Decide) => Decide])[] = [
  ["sync", (decide) => decide],
  [
    "async",
    (decide) => async (ctx) => {
      await Promise.resolve();
      return decide(ctx);
    },
  ],
];

describe.each(WAYS)("decisions of request hooks, %s", (_way, wrap) => {
  it("forward does not end the chain, and the last one wins", async () => {
    const seen: (string | undefined)[] = [];
    const { get, proxy } = await throughProxy({
      config: {
        upstreams: OTHERS,
        plugins: [
          plugin(
            "first",
            wrap((ctx) => ctx.forward("one")),
          ),
          plugin(
            "second",
            wrap((ctx) => void seen.push(ctx.upstream)),
          ),
        ],
        onRequest: hook(wrap((ctx) => ctx.forward("two"))),
      },
    });
    expect((await get("/")).content.toString()).toBe("two");
    expect(seen).toEqual(["one"]);
    expect((await proxy.accessed()).upstream).toBe("two");
  });

  it("a pre plugin that forwards cannot keep a later hook from refusing", async () => {
    const { get } = await throughProxy({
      config: {
        upstreams: OTHERS,
        plugins: [
          plugin(
            "shortcut",
            wrap((ctx) => ctx.forward("one")),
            "pre",
          ),
        ],
        onRequest: hook(wrap((ctx) => ctx.block("not you", 451))),
      },
    });
    expect((await get("/")).status).toBe(451);
  });

  it("respond ends it with the answer", async () => {
    const { get, upstream } = await throughProxy({
      config: {
        plugins: [
          plugin(
            "answers",
            wrap((ctx) => ctx.respond(418, "tea", { "x-a": "1", "set-cookie": ["a=1", "b=2"] })),
          ),
        ],
        onRequest: () => {
          throw new Error("never run");
        },
      },
    });
    const response = await get("/");
    expect(response.status).toBe(418);
    expect(response.content.toString()).toBe("tea");
    expect(fieldOf(response, "content-length")).toBe("3");
    expect(fieldsOf(response, "set-cookie")).toEqual(["a=1", "b=2"]);
    expect(upstream.connections).toHaveLength(0);
  });

  it("block ends it with 403, and the reason is for the log only", async () => {
    const { get, proxy } = await throughProxy({
      config: {
        plugins: [
          plugin(
            "blocks",
            wrap((ctx) => ctx.block("secret reason")),
          ),
        ],
        onRequest: () => {
          throw new Error("never run");
        },
      },
    });
    const response = await get("/");
    expect(response.status).toBe(403);
    expect(response.head + response.content.toString()).not.toContain("secret");
    expect(await proxy.accessed()).toMatchObject({
      status: 403,
      reason: "secret reason",
      error: "PROXY_BLOCKED",
    });
  });

  it("drop ends it without an answer", async () => {
    const { proxy, upstream } = await throughProxy({
      config: { onRequest: hook(wrap((ctx) => ctx.drop())) },
    });
    const client = await connectRaw(proxy.port);
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    expect((await client.readUntilClose()).bytes.length).toBe(0);
    expect(await proxy.accessed()).toMatchObject({ status: 0, outcome: "dropped" });
    expect(upstream.connections).toHaveLength(0);
  });

  it("json and redirect are answers", async () => {
    const { get } = await throughProxy({
      config: {
        onRequest(request, ctx) {
          return request.path === "/json"
            ? ctx.json({ a: "ä" }, 201, { "x-a": "1" })
            : ctx.redirect("/there?x=1", 307);
        },
      },
    });
    const json = await get("/json");
    expect([json.status, json.content.toString(), fieldOf(json, "content-type")]).toEqual([
      201,
      '{"a":"ä"}',
      "application/json",
    ]);
    const redirect = await get("/");
    expect([redirect.status, fieldOf(redirect, "location")]).toEqual([307, "/there?x=1"]);
  });

  it("challenge, which is switched off, fails with its name in the log", async () => {
    const { get, proxy } = await throughProxy({
      config: { onRequest: hook(wrap((ctx) => ctx.challenge())) },
    });
    expect((await get("/")).status).toBe(500);
    expect(proxy.takeErrors()).toMatchObject([
      { code: "PROXY_CAPABILITY_OFF", msg: expect.stringContaining("challenge") },
    ]);
  });
});

describe("decisions without a choice", () => {
  it("go to the only upstream, else are 404", async () => {
    const { get, proxy, upstream } = await throughProxy();
    expect((await get("/")).status).toBe(200);
    await proxy.update({
      upstreams: { api: { targets: [upstream.url] }, ...OTHERS },
      onRequest() {},
    });
    expect((await get("/")).status).toBe(404);
  });

  it("an upstream that does not exist is a 500 that names it, and its neighbour, in the log", async () => {
    const { get, proxy } = await throughProxy({
      config: {
        onRequest: (request, ctx) =>
          request.path === "/plain" ? { kind: "forward", upstream: "apii" } : ctx.forward("apii"),
      },
    });
    for (const target of ["/", "/plain"]) {
      const response = await get(target);
      expect([response.status, response.content.includes("apii")]).toEqual([500, false]);
      expect(proxy.takeErrors()).toMatchObject([
        { code: "PROXY_HOOK_DECISION", msg: expect.stringContaining("apii") },
      ]);
    }
  });
});

describe("decisions of response hooks", () => {
  const config = (
    onResponse: NonNullable<GatewrightConfig<string>["onResponse"]>,
  ): GatewrightConfig<string> => ({ onResponse });

  it("replace the upstream's response, whose connection is let go or used again", async () => {
    const { get, proxy } = await throughProxy({
      config: config((response, ctx) =>
        response.source === "upstream" ? ctx.respond(503, "replaced", { "x-a": "1" }) : undefined,
      ),
    });
    const response = await get("/");
    expect([response.status, response.content.toString(), fieldOf(response, "x-a")]).toEqual([
      503,
      "replaced",
      "1",
    ]);
    expect(await proxy.accessed()).toMatchObject({
      status: 503,
      outcome: "complete",
      upstream: "api",
    });
  });

  it("block and drop", async () => {
    const { get, proxy } = await throughProxy({
      config: config((_response, ctx) => ctx.block("leaks")),
    });
    expect((await get("/")).status).toBe(403);
    await proxy.update({
      onRequest: (_request, ctx) => ctx.respond(200),
      onResponse: (_response, ctx) => ctx.drop(),
    });
    const client = await connectRaw(proxy.port);
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    expect((await client.readUntilClose()).bytes.length).toBe(0);
  });

  it("may be a Response", async () => {
    const { get } = await throughProxy({
      config: config(async (response) =>
        response.status === 200
          ? new Response("web", { status: 202, headers: { "x-a": "1" } })
          : undefined,
      ),
    });
    const response = await get("/");
    expect([response.status, response.content.toString(), fieldOf(response, "x-a")]).toEqual([
      202,
      "web",
      "1",
    ]);
  });

  it("forward is a mistake there: 500", async () => {
    const { get, proxy } = await throughProxy({
      config: config((response) =>
        response.source === "error" ? undefined : ({ kind: "forward", upstream: "api" } as never),
      ),
    });
    expect((await get("/")).status).toBe(500);
    expect(proxy.takeErrors()).toMatchObject([{ code: "PROXY_HOOK_DECISION" }]);
  });
});

describe("answers of hooks", () => {
  it.each<
    [
      name: string,
      body: NonNullable<Parameters<Context["respond"]>[1]>,
      text: string,
      framing: string,
    ]
  >([
    ["text", "text ä", "text ä", "length"],
    ["bytes", new TextEncoder().encode("bytes"), "bytes", "length"],
    ["a buffer", new TextEncoder().encode("buffer").buffer as ArrayBuffer, "buffer", "length"],
    [
      "a web stream",
      new Response("web stream").body as ReadableStream<Uint8Array>,
      "web stream",
      "chunked",
    ],
    [
      "an async iterable",
      (async function* () {
        yield "a";
        yield new TextEncoder().encode("b");
      })(),
      "ab",
      "chunked",
    ],
  ])("may be %s", async (_name, body, text, framing) => {
    const { get } = await throughProxy({
      config: { onRequest: (_request, ctx) => ctx.respond(200, body) },
    });
    const response = await get("/");
    expect([response.content.toString(), response.framing]).toEqual([text, framing]);
  });

  it("that break off are cut", async () => {
    const { proxy } = await throughProxy({
      config: {
        onRequest: (_request, ctx) =>
          ctx.respond(
            200,
            (async function* () {
              yield "part";
              throw new Error("broke off");
            })(),
          ),
      },
    });
    await expect(fetch(proxy.url).then((response) => response.text())).rejects.toThrow();
    expect((await proxy.accessed()).outcome).toBe("cut");
    expect(JSON.stringify(proxy.takeErrors())).toContain("broke off");
  });
});
