import type { GatewrightConfig, RouteConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import type { RawResponse } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

type Route = RouteConfig<string>;

/** Answers tell which fetch they came from. `reload` goes live with other routes. */
async function caching(routes: readonly Route[], config: GatewrightConfig<string> = {}) {
  let count = 0;
  const { get, proxy, upstream } = await throughProxy({
    onRequest: () => toyResponse(200, `n${++count}`, "Cache-Control: max-age=60"),
    config: { routes, ...config },
  });
  const upstreams = { api: { targets: [upstream.url] }, other: { targets: [upstream.url] } };
  return {
    proxy,
    get: async (target: string, ...lines: string[]): Promise<string> =>
      text(await get(target, ...lines)),
    reload: (next: readonly Route[], changed: GatewrightConfig<string> = {}) =>
      proxy.update({ upstreams, routes: next, ...changed }),
  };
}

const text = (response: RawResponse): string => response.content.toString();
const assets: Route = { match: { path: "/assets/*" }, upstream: "api", cache: true };
const rest: Route = { match: { path: "/*" }, upstream: "api", cache: true };

describe("a reload", () => {
  it("keeps what a route has stored, wherever it then stands in the list", async () => {
    const { get, reload, proxy } = await caching([assets, rest]);
    expect([await get("/assets/1"), await get("/1")]).toEqual(["n1", "n2"]);
    const added: Route = { match: { path: "/new" }, upstream: "other" };
    await reload([added, { ...assets, timeouts: { connect: "1s" } }, rest]);
    expect([await get("/assets/1"), await get("/1")]).toEqual(["n1", "n2"]);
    const { cache } = await proxy.running.status();
    expect(cache?.routes.map(({ route, entries }) => [route, entries])).toEqual([
      ["#2 /assets/*", 1],
      ["#3 /*", 1],
    ]);
  });

  it.each<[string, Route]>([
    ["another upstream", { ...rest, upstream: "other" }],
    ["another path at the upstream", { ...rest, rewrite: { addPrefix: "/v2" } }],
    ["another Host", { ...rest, host: "b.test" }],
    ["other request fields", { ...rest, headers: { request: { set: { "x-tenant": "b" } } } }],
    ["another match", { ...rest, match: { path: "/*", headers: { "x-a": /^1|$/ } } }],
    ["another key", { ...rest, cache: { key: (request) => request.path } }],
  ])("does not use what a route stored that asked for something else: %s", async (_name, route) => {
    const { get, reload } = await caching([rest]);
    expect([await get("/1"), await get("/1")]).toEqual(["n1", "n1"]);
    await reload([route]);
    expect(await get("/1", "X-A: 1")).toBe("n2");
  });

  it("takes a route with a function for a new one, unless the config names it", async () => {
    const when = (): boolean => true;
    const named: Route = { ...assets, name: "assets", match: { path: "/assets/*", when } };
    const { get, reload } = await caching([named, { ...rest, match: { path: "/*", when } }]);
    expect([await get("/assets/1"), await get("/1")]).toEqual(["n1", "n2"]);
    await reload([named, { ...rest, match: { path: "/*", when } }]);
    expect([await get("/assets/1"), await get("/1")]).toEqual(["n1", "n3"]);
  });

  it("lets a smaller store hold at once, and keeps nothing once no route caches", async () => {
    const { get, reload, proxy } = await caching([rest]);
    await get("/1");
    await get("/2");
    await reload([rest], { cache: { maxSize: "2kb" } });
    expect((await proxy.running.status()).cache).toMatchObject({ entries: 1, maxBytes: 2048 });
    expect([await get("/2"), await get("/1")]).toEqual(["n2", "n3"]);
    await reload([{ ...rest, cache: false }]);
    await reload([rest]);
    expect(await get("/1")).toBe("n4");
  });
});

describe("two routes", () => {
  it("never answer for each other, even if they look the same", async () => {
    const withField = (name: string): Route => ({
      match: { path: "/*", when: (request) => request.headers.has(name) },
      upstream: "api",
      cache: true,
    });
    const { get } = await caching([withField("x-a"), withField("x-b")]);
    expect([await get("/1", "X-A: 1"), await get("/1", "X-B: 1")]).toEqual(["n1", "n2"]);
    expect([await get("/1", "X-A: 1"), await get("/1", "X-B: 1")]).toEqual(["n1", "n2"]);
  });

  it("nor do two Hosts that a hook chooses for the same URL", async () => {
    const { get } = await caching([rest], {
      onRequest: (request, ctx) =>
        ctx.forward("api", { host: request.headers.get("x-tenant") ?? "none" }),
    });
    const tenant = (name: string): Promise<string> => get("/1", `X-Tenant: ${name}`);
    expect([await tenant("a"), await tenant("b")]).toEqual(["n1", "n2"]);
    expect([await tenant("a"), await tenant("b")]).toEqual(["n1", "n2"]);
  });
});
