import { definePlugin } from "@gatewright/sdk";
import { createTestProxy, type TestProxy } from "gatewright/testing";
import { describe, expect, it } from "vitest";

import cors, { type CorsOptions } from "./index.ts";

const APP = "https://app.example";

function start(options: CorsOptions): Promise<TestProxy> {
  const fields = { "access-control-allow-origin": "*", vary: "Accept-Encoding" };
  return createTestProxy({
    plugins: [cors(options)],
    upstreams: { api: { fetch: () => new Response("data", { headers: fields }) } },
  });
}

function preflight(origin: string, method: string, headers?: string): RequestInit {
  return {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": method,
      ...(headers === undefined ? {} : { "access-control-request-headers": headers }),
    },
  };
}

describe("a request", () => {
  it("of a named origin may be read, with cookies where the config says so", async () => {
    await using proxy = await start({ origins: [APP], credentials: true, exposed: ["etag"] });
    const { headers } = await proxy.fetch("/", { headers: { origin: APP } });
    expect(headers.get("access-control-allow-origin")).toBe(APP);
    expect(headers.get("access-control-allow-credentials")).toBe("true");
    expect(headers.get("access-control-expose-headers")).toBe("etag");
    expect(headers.get("vary")).toMatch(/Accept-Encoding, Origin/);
  });

  it.each([["https://evil.example"], ["https://app.example.evil.example"], ["null"]])(
    "of %s may not, whatever the upstream says, and caches keep it apart",
    async (origin) => {
      await using proxy = await start({ origins: [APP] });
      const { headers } = await proxy.fetch("/", { headers: { origin } });
      expect(headers.has("access-control-allow-origin")).toBe(false);
      expect(headers.get("vary")).toContain("Origin");
    },
  );

  it("that a gate refuses is one whose status the page may read", async () => {
    await using proxy = await createTestProxy({
      plugins: [cors({ origins: [APP], credentials: true })],
      upstreams: { api: { fetch: () => new Response("data") } },
      rateLimits: { once: { key: "ip", limit: 1, window: "1h" } },
      waf: {},
    });
    const attack = await proxy.fetch("/?q=1'+or+1=1--+-", { headers: { origin: APP } });
    const tooMany = await proxy.fetch("/", { headers: { origin: APP } });
    const foreign = await proxy.fetch("/", { headers: { origin: "https://evil.example" } });
    expect([attack.status, tooMany.status, foreign.status]).toEqual([403, 429, 429]);
    for (const { headers } of [attack, tooMany]) {
      expect(headers.get("access-control-allow-origin")).toBe(APP);
      expect(headers.get("access-control-allow-credentials")).toBe("true");
    }
    expect(foreign.headers.has("access-control-allow-origin")).toBe(false);
    expect(foreign.headers.get("vary")).toContain("Origin");
  });

  it("of anybody may be read with a star, the same for all", async () => {
    await using proxy = await start({ origins: "*" });
    const { headers } = await proxy.fetch("/", { headers: { origin: "https://x.example" } });
    expect(headers.get("access-control-allow-origin")).toBe("*");
    expect(headers.get("vary")).not.toContain("Origin");
  });
});

describe("a preflight", () => {
  it("is answered without asking the upstream", async () => {
    await using proxy = await start({ origins: (origin) => origin === APP, headers: ["X-Key"] });
    const response = await proxy.fetch("/", preflight(APP, "PUT", "x-key"));
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe(APP);
    expect(response.headers.get("access-control-allow-methods")).toContain("PUT");
    expect(response.headers.get("access-control-allow-headers")).toBe("x-key");
    expect(response.headers.get("access-control-max-age")).toBe("600");
    expect(proxy.upstreamCalls).toEqual([]);
  });

  it.each([
    ["an origin", preflight("https://evil.example", "GET")],
    ["a method", preflight(APP, "PURGE")],
    ["a field", preflight(APP, "GET", "x-secret")],
  ])("for %s that is not named is refused without a word of permission", async (_what, init) => {
    await using proxy = await start({ origins: [APP] });
    const response = await proxy.fetch("/", init);
    expect(response.status).toBe(403);
    expect(response.headers.has("access-control-allow-origin")).toBe(false);
  });

  it("is none without Access-Control-Request-Method: OPTIONS goes to the upstream", async () => {
    await using proxy = await start({ origins: [APP] });
    const response = await proxy.fetch("/", { method: "OPTIONS", headers: { origin: APP } });
    expect(await response.text()).toBe("data");
  });
});

it("answers a preflight before a plugin that asks for a token", async () => {
  const guard = definePlugin(() => ({
    name: "guard",
    order: "pre",
    onRequest: (_request, ctx) => ctx.block("no token", 401),
  }));
  await using proxy = await createTestProxy({
    upstreams: { api: { fetch: () => new Response("data") } },
    plugins: [cors({ origins: [APP] }), guard()],
  });
  const headers = { origin: APP, "access-control-request-method": "PUT" };
  const preflight = await proxy.fetch("/", { method: "OPTIONS", headers });
  expect(preflight.status).toBe(204);
  const call = await proxy.fetch("/", { method: "PUT", headers: { origin: APP } });
  expect([call.status, call.headers.get("access-control-allow-origin")]).toEqual([401, APP]);
});

it("refuses a config that would open everything to every site", () => {
  expect(() => cors({ origins: "*", credentials: true })).toThrow("credentials");
});

it.each(["https://app.example/", "app.example", "https://APP.example"])(
  "says how the origin %s is to be written",
  (origin) => {
    expect(() => cors({ origins: [origin] })).toThrow("no origin");
  },
);
