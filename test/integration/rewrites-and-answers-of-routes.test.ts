import type { RouteConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const all = (rewrite: RouteConfig["rewrite"]): RouteConfig<string>[] => [
  { match: { path: "/*" }, upstream: "api", ...(rewrite === undefined ? {} : { rewrite }) },
];

describe("a route's rewrite", () => {
  it.each<[rewrite: RouteConfig["rewrite"], sent: string, forwarded: string]>([
    [{ stripPrefix: "/api" }, "/api/users?x=%2f&y", "/users?x=%2f&y"],
    [{ stripPrefix: "/api" }, "/api", "/"],
    [{ stripPrefix: "/api" }, "/api?x", "/?x"],
    [{ stripPrefix: "/api" }, "/apix", "/apix"],
    [{ stripPrefix: "/api" }, "//api//x", "/x"],
    [{ stripPrefix: "/api" }, "/%61pi/x", "/x"],
    [{ addPrefix: "/v2" }, "/users", "/v2/users"],
    [{ stripPrefix: "/api", addPrefix: "/v2/" }, "/api/users", "/v2/users"],
    [{ replace: { pattern: /^\/users\/(\d+)/, with: "/u-$1" } }, "/users/42/x?a", "/u-42/x?a"],
    [{ replace: { pattern: /o/g, with: "0" } }, "/foo/boo", "/f00/b00"],
    [{ replace: { pattern: /^\/a/, with: "/a?b#c d" } }, "/a?q", "/a%3Fb%23c%20d?q"],
    [{ stripPrefix: "/a", replace: { pattern: /^.*$/, with: "" } }, "/a/b", "/"],
  ])("%o makes of %s %s", async (rewrite, sent, forwarded) => {
    const { get, upstream } = await throughProxy({ config: { routes: all(rewrite) } });
    expect((await get(sent)).status).toBe(200);
    expect((await upstream.request(1)).target).toBe(forwarded);
  });

  it("runs on what a hook assigned", async () => {
    const { get, upstream } = await throughProxy({
      config: {
        routes: all({ addPrefix: "/v2" }),
        onRequest(request) {
          request.path = "/new path";
          request.search = "?a=b c";
          request.method = "PUT";
        },
      },
    });
    await get("/old?x");
    const { method, target } = await upstream.request(1);
    expect([method, target]).toEqual(["PUT", "/v2/new%20path?a=b%20c"]);
  });

  it("does not change the route that was matched", async () => {
    const { get, upstream } = await throughProxy({
      config: {
        routes: [
          { name: "one", match: { path: "/one" }, upstream: "api" },
          { name: "two", match: { path: "/two" }, respond: { status: 204 } },
        ],
        onRequest(request, ctx) {
          request.path = "/two";
          request.headers.set("x-route", ctx.route?.name ?? "");
        },
      },
    });
    expect((await get("/one")).status).toBe(200);
    const { target, field } = await upstream.request(1);
    expect([target, field("x-route")]).toEqual(["/two", "one"]);
  });
});

describe("a route's redirect", () => {
  it.each<
    [
      redirect: NonNullable<RouteConfig["redirect"]>,
      path: string,
      sent: string,
      status: number,
      location: string,
    ]
  >([
    ["/users/:id", "/u/:id", "/u/42?a=b", 308, "/users/42?a=b"],
    [{ to: "/new/*", status: 301 }, "/old/*", "/old/x/y", 301, "/new/x/y"],
    ["https://b.test/:id/*", "/:id/*", "/a/b/c?d", 308, "https://b.test/a/b/c?d"],
    ["/x?fixed=1", "/old", "/old?a=b", 308, "/x?fixed=1"],
    ["/:unknown", "/old", "/old", 308, "/:unknown"],
  ])("%o from %s", async (redirect, path, sent, status, location) => {
    const { get, upstream } = await throughProxy({
      config: { routes: [{ match: { path }, redirect }] },
    });
    const response = await get(sent);
    expect(response.status).toBe(status);
    expect(fieldsOf(response, "Location")).toEqual([location]);
    expect(fieldOf(response, "Content-Length")).toBe("0");
    expect(upstream.connections).toHaveLength(0);
  });
});

describe("a route's own answer", () => {
  const config = {
    routes: [
      {
        match: { path: "/robots.txt" },
        respond: {
          status: 203,
          headers: { "content-type": "text/x-robots", "set-cookie": ["a=1", "b=2"] },
          body: "näh",
        },
      },
    ],
  } as const;

  it("is sent with its status, fields and length, to HEAD without content", async () => {
    const { get, ask } = await throughProxy({ config });
    const response = await get("/robots.txt");
    expect(response.status).toBe(203);
    expect(response.content.toString()).toBe("näh");
    expect(fieldOf(response, "content-type")).toBe("text/x-robots");
    expect(fieldOf(response, "content-length")).toBe("4");
    expect(fieldsOf(response, "set-cookie")).toEqual(["a=1", "b=2"]);
    const head = await ask("HEAD /robots.txt HTTP/1.1\r\nHost: a.test\r\n\r\n", { head: true });
    expect([head.status, fieldOf(head, "content-length")]).toEqual([203, "4"]);
  });

  it("passes onResponse, with its source", async () => {
    const seen: string[] = [];
    const { get } = await throughProxy({
      config: {
        ...config,
        onResponse(response) {
          seen.push(response.source);
          response.headers.set("x-seen", "1");
        },
      },
    });
    expect(fieldOf(await get("/robots.txt"), "x-seen")).toBe("1");
    expect(seen).toEqual(["route"]);
  });
});
