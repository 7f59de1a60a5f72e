import { defineConfig } from "@gatewright/sdk";
import { makeContext, makePluginEnv, makeRequest, runHook } from "@gatewright/sdk/testing";
import { createTestProxy } from "gatewright/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import apiKey, { digestOf } from "./index.ts";

const KEYS = { shop: digestOf("open"), "back office": digestOf("sesame") };

describe("one request", () => {
  const plugin = apiKey({ keys: KEYS, paths: ["/api/"] });

  it("with a key goes on, without the key and with the client's name", async () => {
    const headers = { "X-API-Key": "sesame", "x-api-client": "root" };
    const request = makeRequest("/api/orders", { headers });
    const ctx = makeContext();
    expect(await runHook(plugin, "onRequest", request, ctx)).toBeUndefined();
    expect(request.headers.get("x-api-client")).toBe("back%20office");
    expect(request.headers.has("x-api-key")).toBe(false);
    expect(ctx.state["apiClient"]).toBe("back office");
  });

  it.each([
    ["no key", {}],
    ["an unknown key", { "x-api-key": "guess" }],
    ["a digest for a key", { "x-api-key": KEYS.shop }],
  ])("with %s is refused and looks suspicious", async (_name, headers) => {
    const ctx = makeContext();
    const request = makeRequest("/api/orders", { headers });
    const decision = await runHook(plugin, "onRequest", request, ctx);
    expect(decision).toMatchObject({ kind: "respond", status: 401 });
    expect(ctx.score.total).toBe(1);
  });

  it("for anything else needs none, yet cannot name its client", async () => {
    const request = makeRequest("/public", { headers: { "x-api-client": "root" } });
    expect(await runHook(plugin, "onRequest", request, makeContext())).toBeUndefined();
    expect(request.headers.has("x-api-client")).toBe(false);
  });
});

it("says which key of the config is none", () => {
  expect(() => apiKey({ keys: { shop: "open" } })).toThrow('keys["shop"] is no SHA-256');
});

describe("its counts", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
  afterEach(() => void vi.useRealTimers());

  it("outlive reloads, and no timer and no listener outlives it", async () => {
    const env = makePluginEnv();
    const listeners = () => process.eventNames().map((name) => process.listenerCount(name));
    const before = listeners();
    const generations = [apiKey({ keys: KEYS }), apiKey({ keys: KEYS })];
    const disposers = [];
    for (const plugin of generations) {
      disposers.push(await plugin.setup?.(env));
      const request = makeRequest("/", { headers: { "x-api-key": "open" } });
      await runHook(plugin, "onRequest", request, makeContext());
    }
    vi.advanceTimersByTime(60_000);
    expect(env.logs).toMatchObject([{ fields: { requests: { shop: 2 } } }]);
    for (const dispose of disposers) await dispose?.();
    await env.dispose();
    expect(vi.getTimerCount()).toBe(0);
    expect(listeners()).toEqual(before);
  });
});

it("works in a proxy", async () => {
  const config = defineConfig({
    upstreams: { api: { targets: ["http://127.0.0.1:9000"] } },
    plugins: [apiKey({ keys: KEYS })],
  });
  await using proxy = await createTestProxy(config, {
    upstreams: { api: (request) => new Response(request.headers.get("x-api-client")) },
  });
  const response = await proxy.fetch("/", { headers: { "x-api-key": "open" } });
  expect(await response.text()).toBe("shop");
  expect((await proxy.fetch("/")).status).toBe(401);
  expect(proxy.upstreamCalls).toHaveLength(1);
});
