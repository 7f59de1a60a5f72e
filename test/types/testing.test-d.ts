/** What must compile with `gatewright/testing` and `@gatewright/sdk/testing`, and what must not. */
import { defineConfig, definePlugin } from "@gatewright/sdk";
import { makeContext, makeRequest, makeResponse, runHook } from "@gatewright/sdk/testing";
import { createTestProxy } from "gatewright/testing";
import { Hono } from "hono";

const app = new Hono();
const config = defineConfig({
  upstreams: { api: { targets: ["http://a.test"] } },
  onRequest: (_request, ctx) => ctx.forward("api"),
});

export const proxies = [
  createTestProxy(config, { upstreams: { api: app } }),
  createTestProxy(config, {
    upstreams: { api: { fetch: (request) => new Response(request.url) } },
  }),
  createTestProxy(config, { upstreams: { api: async (request) => new Response(request.body) } }),
  createTestProxy(config, {
    upstreams: { api: { "http://a.test": (_request, { target }) => new Response(target) } },
  }),
  createTestProxy(() => ({ upstreams: { app } })),
  createTestProxy(defineConfig(async () => ({ upstreams: { app } }))),
  createTestProxy(new URL("proxy.config.ts", import.meta.url)),
  // @ts-expect-error no config
  createTestProxy(5),
  // @ts-expect-error a fake that answers with text
  createTestProxy(config, { upstreams: { api: () => "text" } }),
  // @ts-expect-error targets are named by their URLs
  createTestProxy(config, { upstreams: { api: { one: () => new Response() } } }),
  // @ts-expect-error no clock
  createTestProxy(config, { clock: 5 }),
];

const plugin = definePlugin(() => ({ name: "guard", onRequest: (_request, ctx) => ctx.drop() }))();
const ctx = makeContext({ upstreams: ["api"], limits: { login: 1 }, cache: "hit" });

export const hooks = [
  runHook(plugin, "onRequest", makeRequest("/"), ctx),
  runHook(plugin, "onResponse", makeResponse("text"), ctx),
  // @ts-expect-error a hook that there is not
  runHook(plugin, "onRequests", makeRequest("/"), ctx),
  // @ts-expect-error a request for a response's hook
  runHook(plugin, "onResponse", makeRequest("/"), ctx),
  // @ts-expect-error no status of the cache
  makeContext({ cache: "maybe" }),
];
