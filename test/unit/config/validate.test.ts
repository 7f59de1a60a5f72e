import { describe, expect, it } from "vitest";

import { isLaterKey, knownKeysAt } from "../../../runtime/config/known-keys.ts";
import { formatPath } from "../../../runtime/config/option-path.ts";
import { configSchema } from "../../../runtime/config/schema.ts";
import { validate } from "../../../runtime/config/validate.ts";

const app = { targets: ["http://127.0.0.1:1"] };

/** Paths of the issues of a config with one upstream and these keys. */
function issuesOf(keys: object): string[] {
  const result = validate({ upstreams: { app }, ...keys });
  return result.kind === "valid" ? [] : result.issues.map((issue) => formatPath(issue.path));
}

describe("known keys", () => {
  it("are those of the schema", () => {
    expect([...knownKeysAt([])].toSorted()).toEqual(Object.keys(configSchema.shape).toSorted());
  });

  it.each<[PropertyKey[], object]>([
    [["admin"], { admin: { zz: 1 } }],
    [["listen"], { listen: { port: 1, zz: 1 } }],
    [["listen", 0], { listen: [{ port: 1, zz: 1 }] }],
    [["upstreams", "app"], { upstreams: { app: { ...app, zz: 1 } } }],
    [
      ["upstreams", "app", "targets", 0],
      { upstreams: { app: { targets: [{ url: "http://a", zz: 1 }] } } },
    ],
    [["upstreams", "app", "timeouts"], { upstreams: { app: { ...app, timeouts: { zz: 1 } } } }],
    [["routes", 0], { routes: [{ upstream: "app", zz: 1 }] }],
    [["routes", 0, "match"], { routes: [{ upstream: "app", match: { zz: 1 } }] }],
    [["routes", 0, "rewrite"], { routes: [{ upstream: "app", rewrite: { zz: 1 } }] }],
    [["routes", 0, "redirect"], { routes: [{ redirect: { to: "/", zz: 1 } }] }],
    [["routes", 0, "respond"], { routes: [{ respond: { zz: 1 } }] }],
    [
      ["routes", 0, "headers", "request"],
      { routes: [{ upstream: "app", headers: { request: { zz: {} } } }] },
    ],
    [["requestContent"], { requestContent: { zz: 1 } }],
    [["headers"], { headers: { zz: 1 } }],
    [["limits"], { limits: { zz: 1 } }],
    [["timeouts"], { timeouts: { zz: 1 } }],
    [["forwarded"], { forwarded: { zz: 1 } }],
    [["log"], { log: { zz: 1 } }],
  ])("are told at %j when a key is unknown", (path, keys) => {
    const result = validate({ upstreams: { app }, ...keys });
    const issue =
      result.kind === "invalid" ? result.issues.find((one) => one.path.at(-1) === "zz") : undefined;
    expect(issue?.path).toEqual([...path, "zz"]);
    expect(issue?.expected).toBe(`one of ${knownKeysAt(path).join(", ")}`);
  });

  it("are never keys of later versions", () => {
    for (const key of knownKeysAt([])) expect(isLaterKey([], key)).toBe(false);
    for (const key of knownKeysAt(["routes", 0]))
      expect(isLaterKey(["routes", 0], key)).toBe(false);
  });
});

describe("what is taken", () => {
  it.each<[string, object]>([
    [
      "undefined for every key",
      Object.fromEntries(
        Object.keys(configSchema.shape)
          .filter((key) => key !== "upstreams")
          .map((key) => [key, undefined]),
      ),
    ],
    ["port 0 twice", { listen: [{ port: 0 }, { port: 0 }] }],
    ["the same port on two hosts", { listen: [{ port: 1 }, { port: 1, host: "::1" }] }],
    [
      "an admin listener off loopback with a token",
      { admin: { host: "::", token: "x".repeat(16) } },
    ],
    ["no admin", { admin: false }],
    ["hops", { trustedProxies: 2 }],
    [
      "the PROXY protocol from balancers and to an upstream",
      {
        listen: { port: 1, proxyProtocol: { from: ["10.0.0.0/8", "::1"] } },
        upstreams: { app: { targets: ["http://a.test"], proxyProtocol: "v2" } },
      },
    ],
    [
      "an app with keys of its own",
      {
        upstreams: {
          app: { fetch() {}, targets: 5, zz: 1 },
        },
      },
    ],
    ["a route without action when there is one upstream", { routes: [{ match: { path: "/a" } }] }],
    [
      "a header rule of Via and X-Forwarded-For",
      { headers: { request: { remove: ["via", "x-forwarded-for"] } } },
    ],
    ["a tab in a value", { headers: { request: { set: { a: "b\tc" } } } }],
    [
      "a redirect to an address with parameters",
      { routes: [{ match: { path: "/a/:id" }, redirect: "https://a.test/:id" }] },
    ],
    [
      "a global flag in a replacement",
      { routes: [{ upstream: "app", rewrite: { replace: { pattern: /a/g, with: "" } } }] },
    ],
    [
      "pairs and Headers as fields of an answer",
      {
        routes: [
          { respond: { headers: [["a", "b"]] } },
          { respond: { headers: new Headers({ a: "b" }) } },
        ],
      },
    ],
  ])("%s", (_what, keys) => {
    expect(issuesOf(keys)).toEqual([]);
  });
});

describe("what is refused", () => {
  it.each<[object, string]>([
    [{ listen: [] }, "listen"],
    [{ routes: {} }, "routes"],
    [{ upstreams: [] }, "upstreams"],
    [{ trustedProxies: -1 }, "trustedProxies"],
    [{ trustedProxies: "10.0.0.0/8" }, "trustedProxies"],
    [{ admin: true }, "admin"],
    [{ admin: { host: "192.0.2.1", token: "x".repeat(15) } }, "admin.token"],
    [{ listen: { port: 1 }, admin: { port: 1 } }, "admin"],
    [{ plugins: {} }, "plugins"],
    [{ upgrades: ["H2C"] }, "upgrades[0]"],
    [{ closeStreamsAfter: "26d" }, "closeStreamsAfter"],
    [{ headers: { response: { set: { a: "b\u0000" } } } }, "headers.response.set.a"],
    [{ headers: { response: { remove: ["Keep-Alive"] } } }, "headers.response.remove[0]"],
    [{ routes: [{ upstream: "app", host: "a/b" }] }, "routes[0].host"],
    [{ routes: [{ upstream: "app", host: "a@b" }] }, "routes[0].host"],
    [{ routes: [{ respond: { status: 100 } }] }, "routes[0].respond.status"],
    [{ routes: [{ respond: { headers: { a: "b\r\nc" } } }] }, "routes[0].respond.headers.a"],
    [{ routes: [{ respond: { headers: [["a b", "c"]] } }] }, "routes[0].respond.headers[0][0]"],
    [{ routes: [{ redirect: "https://" }] }, "routes[0].redirect"],
    [{ routes: [{ redirect: "/a\r\nb" }] }, "routes[0].redirect"],
    [{ routes: [{ redirect: "javascript:alert(1)" }] }, "routes[0].redirect"],
    [{ forwarded: { via: "a b" } }, "forwarded.via"],
    [{ upstreams: { app: { targets: ["http://a"], http2: "h2c" } } }, "upstreams.app.http2"],
    [{ upstreams: { app: { targets: ["http://a"], maxStreams: 9 } } }, "upstreams.app.maxStreams"],
    [
      { upstreams: { app: { targets: ["http://a"], http2: true, maxStreams: 0 } } },
      "upstreams.app.maxStreams",
    ],
    [
      { upstreams: { app: { targets: ["http://a"], http2: true, proxyProtocol: "v1" } } },
      "upstreams.app.proxyProtocol",
    ],
    [{ listen: { port: 1, proxyProtocol: true } }, "listen.proxyProtocol"],
    [{ listen: { port: 1, proxyProtocol: {} } }, "listen.proxyProtocol.from"],
    [{ listen: { port: 1, proxyProtocol: { from: [] } } }, "listen.proxyProtocol.from"],
    [{ listen: { port: 1, proxyProtocol: { from: ["a"] } } }, "listen.proxyProtocol.from[0]"],
    [
      { upstreams: { app: { targets: ["http://a"], proxyProtocol: 2 } } },
      "upstreams.app.proxyProtocol",
    ],
  ])("%j at %s", (keys, path) => {
    expect(issuesOf(keys)).toEqual([path]);
  });

  it.each([null, 5, "x", [], undefined])("a config that is %j", (value) => {
    expect(validate(value).kind).toBe("invalid");
  });
});

it("does not call a plugin's names twice the same for different names", () => {
  const plugin = (name: string): object => ({ name, api: 1 });
  expect(issuesOf({ plugins: [plugin("a"), plugin("b")] })).toEqual([]);
  expect(issuesOf({ plugins: [plugin("a"), [false, plugin("a")]] })).toEqual(["plugins[1][1]"]);
});
