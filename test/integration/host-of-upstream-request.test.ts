import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { throughProxy } from "../helpers/through-proxy.ts";

async function hostSeen(
  config: GatewrightConfig<string>,
  api: object = {},
  request = "GET / HTTP/1.1\r\nHost: A.test:81\r\n\r\n",
): Promise<[host: string | undefined, target: string, forwardedHost: string | undefined]> {
  const { ask, upstream } = await throughProxy({ config, api });
  await ask(request);
  const { field, target } = await upstream.request(1);
  const host = field("host");
  return [
    host === `127.0.0.1:${upstream.port}` ? "the target's" : host,
    target,
    field("x-forwarded-host"),
  ];
}

const route = (options: object): GatewrightConfig<string> => ({
  routes: [{ match: { path: "/*" }, upstream: "api", ...options }],
});

describe("the Host that an upstream sees", () => {
  it.each<[name: string, expected: string, config: GatewrightConfig<string>, api?: object]>([
    ["the client's by default", "A.test:81", {}],
    ["the client's by choice", "A.test:81", route({}), { host: "preserve" }],
    ["the target's", "the target's", {}, { host: "target" }],
    ["a text", "fixed.test", {}, { host: "fixed.test" }],
    [
      "the route's over the upstream's",
      "route.test",
      route({ host: "route.test" }),
      { host: "target" },
    ],
    [
      "the forward's over the route's",
      "hook.test",
      {
        ...route({ host: "route.test" }),
        onRequest: (_request, ctx) => ctx.forward("api", { host: "hook.test" }),
      },
    ],
    [
      "what a hook sets",
      "set.test:8080",
      { onRequest: (request) => request.headers.set("host", "set.test:8080") },
    ],
  ])("is %s", async (_name, expected, config, api) => {
    const [host, , forwardedHost] = await hostSeen(config, api);
    expect(host).toBe(expected);
    expect(forwardedHost).toBe("A.test:81");
  });

  it("is of the absolute-form target, not of Host (RFC 9112 §3.2.2)", async () => {
    expect(
      await hostSeen({}, {}, "GET http://b.test:82/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    ).toEqual(["b.test:82", "/x?y", "b.test:82"]);
  });

  it("is the target's for HTTP/1.0 without Host", async () => {
    expect(await hostSeen({}, {}, "GET /x HTTP/1.0\r\n\r\n")).toEqual([
      "the target's",
      "/x",
      undefined,
    ]);
  });

  it("routes by the absolute-form's host", async () => {
    const { ask } = await throughProxy({
      config: {
        routes: [
          { match: { host: "b.test" }, respond: { status: 200, body: "b" } },
          { match: { host: "a.test" }, respond: { status: 200, body: "a" } },
        ],
      },
    });
    const response = await ask("GET http://B.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    expect(response.content.toString()).toBe("b");
  });
});
