import { describe, expect, it } from "vitest";

import { normalize } from "../../../runtime/config/normalize.ts";
import type { ResolvedConfig, UserConfig } from "../../../runtime/config/resolved-config.ts";
import { validate } from "../../../runtime/config/validate.ts";

function resolved(config: UserConfig, command: "dev" | "start" = "start"): ResolvedConfig {
  const result = validate(config);
  if (result.kind === "invalid") throw new Error(JSON.stringify(result.issues));
  return normalize(result.config, "/app/proxy.config.ts", command);
}

const app = { targets: ["http://127.0.0.1:9000"] };

describe("defaults", () => {
  const config = resolved({ upstreams: { app } });

  it("are those of the doc comments", () => {
    expect(config).toMatchObject({
      file: "/app/proxy.config.ts",
      dir: "/app",
      listen: [
        {
          host: "127.0.0.1",
          port: 8080,
          limits: {
            headBytes: 16_384,
            targetBytes: 8192,
            headTimeMs: 10_000,
            contentIdleMs: 60_000,
            keepAliveMs: 60_000,
            connections: 10_000,
            connectionsPerAddress: Infinity,
            pipelined: 16,
            concurrentStreams: 250,
            resets: 1000,
            controlFrames: 500,
            sendIdleMs: 60_000,
          },
        },
      ],
      admin: undefined,
      trustedProxies: { kind: "none" },
      requestContent: {
        buffer: true,
        memoryBytes: 1_048_576,
        maxBytes: 104_857_600,
        minRate: 500,
        minRateAfterMs: 10_000,
      },
      contentBudget: { memoryBytes: 268_435_456, diskBytes: 4_294_967_296 },
      responseContentMemory: 1_048_576,
      hookTimeoutMs: 30_000,
      timeouts: { connectMs: 10_000, responseHeadMs: 300_000 },
      upgrades: ["websocket"],
      trace: false,
      forwarded: {
        forwarded: true,
        xForwarded: true,
        via: expect.stringMatching(/^gatewright-[0-9a-f]{12}$/),
      },
      log: { level: "info", access: true, format: "auto", redact: [] },
      plugins: [],
      dataDir: "/app/.gatewright",
      retireAfterMs: 30_000,
      closeStreamsAfterMs: undefined,
      drainTimeoutMs: 30_000,
    });
    expect(config.upstreams.get("app")).toMatchObject({
      kind: "network",
      name: "app",
      targets: [
        {
          scheme: "http",
          hostname: "127.0.0.1",
          port: 9000,
          authority: "127.0.0.1:9000",
          weight: 1,
        },
      ],
      maxConnections: 100,
      maxQueue: 1000,
      queueTimeoutMs: 30_000,
      idleTimeoutMs: 60_000,
      http2: false,
      maxStreams: 100,
      host: "preserve",
      timeouts: { connectMs: 10_000, responseHeadMs: 300_000 },
    });
  });

  it("give an admin listener only to dev", () => {
    expect(resolved({ upstreams: { app } }, "dev").admin).toEqual({
      host: "127.0.0.1",
      port: 9901,
      anyPort: true,
      token: undefined,
      hosts: [],
    });
    expect(resolved({ upstreams: { app }, admin: false }, "dev").admin).toBeUndefined();
    expect(resolved({ upstreams: { app }, admin: {} }).admin).toMatchObject({
      port: 9901,
      anyPort: false,
    });
  });

  it("keep the Via pseudonym over reloads", () => {
    expect(resolved({ upstreams: { app } }).forwarded.via).toBe(config.forwarded.via);
    expect(
      resolved({ upstreams: { app }, forwarded: { via: false } }).forwarded.via,
    ).toBeUndefined();
    expect(resolved({ upstreams: { app }, forwarded: { via: "edge" } }).forwarded.via).toBe("edge");
  });
});

describe("targets", () => {
  it.each([
    ["http://a.test", { scheme: "http", hostname: "a.test", port: 80, authority: "a.test" }],
    ["https://A.test/", { scheme: "https", hostname: "a.test", port: 443, authority: "a.test" }],
    ["https://a.test:8443", { port: 8443, authority: "a.test:8443" }],
    ["http://[::1]:9001", { hostname: "::1", port: 9001, authority: "[::1]:9001" }],
    ["http://a.test:80", { port: 80, authority: "a.test" }],
  ])("%s", (url, target) => {
    const upstream = resolved({ upstreams: { app: { targets: [url] } } }).upstreams.get("app");
    expect(upstream).toMatchObject({ targets: [target] });
  });

  it("take an app as it is", () => {
    const own = { fetch: () => new Response() };
    const upstream = resolved({ upstreams: { app: own } }).upstreams.get("app");
    expect(upstream).toMatchObject({ kind: "fetch", host: "preserve" });
    expect(upstream?.kind === "fetch" && upstream.app).toBe(own);
    expect(Object.isFrozen(own)).toBe(false);
  });
});

describe("routes", () => {
  const routeOf = (route: NonNullable<UserConfig["routes"]>[number]) =>
    resolved({ upstreams: { app }, routes: [{ upstream: "app" }, { upstream: "app" }, route] })
      .routes[2];

  it.each([
    [
      { match: { method: "GET", host: "a.test", path: "/api/*" }, upstream: "app" },
      "#3 GET a.test/api/*",
    ],
    [{ match: { path: ["/a", "/b"] }, upstream: "app" }, "#3 /a|…"],
    [{ match: { when: () => true }, upstream: "app" }, "#3 when(…)"],
    [{ upstream: "app" }, "#3 any"],
    [{ name: "mine", upstream: "app" }, "mine"],
  ])("are named by position and match: %#", (route, name) => {
    expect(routeOf(route)?.name).toBe(name);
  });

  it("have patterns in the form in which requests are compared", () => {
    expect(
      routeOf({
        match: {
          host: ["A.Test", "*.MÜNCHEN.test", "[::0001]"],
          path: ["/café", "/a%2Fb"],
          headers: { "X-A": true },
        },
        upstream: "app",
      })?.match,
    ).toMatchObject({
      hosts: ["a.test", "*.xn--mnchen-3ya.test", "[::1]"],
      paths: ["/caf%C3%A9", "/a%2Fb"],
      methods: [],
      fields: [["x-a", true]],
      when: undefined,
    });
  });

  it("have one action", () => {
    expect(routeOf({ redirect: "/new" })?.action).toEqual({
      kind: "redirect",
      to: "/new",
      status: 308,
    });
    expect(routeOf({ redirect: { to: "/new", status: 302 } })?.action).toMatchObject({
      status: 302,
    });
    expect(routeOf({ match: { path: "/x" } })?.action).toEqual({ kind: "none" });
    expect(routeOf({ respond: { body: "é" } })?.action).toEqual({
      kind: "respond",
      status: 200,
      fields: ["content-type", "text/plain; charset=utf-8"],
      body: new TextEncoder().encode("é"),
    });
    expect(
      routeOf({
        respond: {
          status: 204,
          headers: { "Content-Type": "a/b", "set-cookie": ["a", "b"], n: 1 },
        },
      })?.action,
    ).toMatchObject({
      fields: ["Content-Type", "a/b", "set-cookie", "a", "set-cookie", "b", "n", "1"],
    });
  });

  it("have prefixes without a slash at the end, and only the time limits they name", () => {
    expect(
      routeOf({ upstream: "app", rewrite: { stripPrefix: "/api/", addPrefix: "/" } })?.rewrite,
    ).toEqual({
      stripPrefix: "/api",
      addPrefix: undefined,
      replace: undefined,
    });
    expect(routeOf({ upstream: "app", timeouts: { connect: "1s" } })?.timeouts).toEqual({
      connectMs: 1000,
    });
  });
});

it("puts plugins in running order, lists within lists opened", () => {
  const plugin = (name: string, order?: "pre" | "post") =>
    ({ name, api: 1, ...(order === undefined ? {} : { order }) }) as const;
  const { plugins } = resolved({
    upstreams: { app },
    plugins: [plugin("z", "post"), false, [plugin("a"), plugin("first", "pre")], plugin("b"), null],
  });
  expect(plugins.map(({ name }) => name)).toEqual(["first", "a", "b", "z"]);
});

it("passes the upstream's own time limits over the global ones", () => {
  const { upstreams } = resolved({
    timeouts: { connect: "1s", responseHead: "2s" },
    upstreams: { app: { ...app, timeouts: { responseHead: "3s" } } },
  });
  expect(upstreams.get("app")).toMatchObject({
    timeouts: { connectMs: 1000, responseHeadMs: 3000 },
  });
});

it("is frozen to the bottom, and leaves the user's objects alone", () => {
  const user: UserConfig = {
    listen: [{ port: 1 }],
    upstreams: { app },
    routes: [
      {
        match: { path: "/a", query: { a: /b/ } },
        upstream: "app",
        headers: { request: { set: { a: "b" } } },
      },
    ],
    headers: { response: { remove: ["server"] } },
    trustedProxies: ["10.0.0.0/8"],
    admin: { hosts: ["A.test"] },
    onRequest() {},
  };
  const config = resolved(user);
  const seen = new Set<unknown>();
  const check = (value: unknown): void => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    if (value instanceof RegExp || value instanceof Uint8Array) return;
    seen.add(value);
    expect(Object.isFrozen(value)).toBe(true);
    for (const inner of value instanceof Map ? value.values() : Object.values(value)) check(inner);
  };
  check(config);
  expect(seen.size).toBeGreaterThan(20);
  expect(() => (config.upstreams as Map<string, unknown>).set("x", 1)).toThrow(TypeError);
  expect(Object.isFrozen(user)).toBe(false);
  expect(Object.isFrozen(user.routes)).toBe(false);
});
