import { describe, expect, it } from "vitest";

import { fieldOf } from "../helpers/raw-client.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";

function start(): Promise<ThroughProxy> {
  return throughProxy({
    config: {
      plugins: [
        {
          name: "guard",
          api: 1,
          onRequest(request, ctx) {
            if (/^\/admin(\/|$)/.test(request.path)) return ctx.block("no admins here");
          },
        },
      ],
      routes: [
        { name: "route-admin", match: { path: "/route-admin/*" }, respond: { status: 403 } },
        { name: "all", match: { path: "/*" }, upstream: "api" },
      ],
    },
  });
}

/** Target sent, status, target that the upstream gets. */
const PASSED: readonly (readonly [target: string, forwarded: string])[] = [
  ["//cms/x", "//cms/x"],
  ["///", "///"],
  ["/a?u=//b.test/c", "/a?u=//b.test/c"],
  ["/a?x=%2e%2e%2f&y=..%5c;z", "/a?x=%2e%2e%2f&y=..%5c;z"],
  ["/a??b=1?", "/a??b=1?"],
  ["/%7Euser/%61", "/%7Euser/%61"],
  ["/a;v=1/b", "/a;v=1/b"],
];

const REFUSED = [
  "/api/..%2fadmin",
  "/api/%2e%2e/admin",
  "/api/../admin",
  "/api/%252e%252e%252fadmin",
  "/api\\..\\admin",
  "/api/;/admin",
  "/api/..;/admin",
  "/api/.%2e/admin",
  "/api/%c0%ae%c0%ae/admin",
  "/%zz",
  "/%",
  "/a%00b",
  "/x#y",
  "/a%2Fb",
  "/admin%2fx",
  "/admin%5Cx",
];

const ADMIN = [
  "/admin",
  "/admin/",
  "//admin",
  "/%61dmin",
  "///admin//x",
  "/admin;x=1",
  "/admin;x/y",
  "/%2561dmin",
];

describe("paths that could be read in two ways (PUB-52)", () => {
  it.each(PASSED)("%s goes to the configured upstream byte for byte", async (target, forwarded) => {
    const { get, upstream } = await start();
    expect((await get(target)).status).toBe(200);
    const request = await upstream.request(1);
    expect(request.target).toBe(forwarded);
    expect(request.field("Host")).toBe("a.test");
  });

  it.each(REFUSED)(
    "%s is refused with 400, and reaches nobody (RFC 3986 §6.2.2)",
    async (target) => {
      const { get, upstream } = await start();
      const response = await get(target);
      expect(response.status).toBe(400);
      expect(fieldOf(response, "Content-Type")).toBe("application/problem+json");
      expect(upstream.connections).toHaveLength(0);
    },
  );

  it.each(ADMIN)(
    "%s is guarded by a hook and by a route as /admin is, or passes as another path",
    async (target) => {
      const { get, upstream } = await start();
      const byHook = await get(target);
      const byRoute = await get(
        target.replace("admin", "route-admin").replace("61dmin", "72oute-admin"),
      );
      if (target === "/%2561dmin") {
        // One decoding away from /%61dmin: no server decodes twice where it routes.
        expect(byHook.status).toBe(200);
        expect(upstream.requests[0]?.target).toBe(target);
      } else {
        expect([byHook.status, byRoute.status]).toEqual([403, 403]);
        expect(upstream.connections).toHaveLength(0);
      }
    },
  );

  it.each(["/a%2fb", "/@scope%2Fname", "/a%5Cb"])(
    "%s passes byte for byte where the config keeps encoded slashes",
    async (target) => {
      const { get, upstream } = await throughProxy({
        config: { paths: { encodedSlash: "keep" } },
      });
      expect((await get(target)).status).toBe(200);
      expect((await upstream.request(1)).target).toBe(target);
    },
  );

  it("are never a way to another host, in any form", async () => {
    const { ask, upstream } = await start();
    const response = await ask("GET http://b.test//cms/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n");
    expect(response.status).toBe(200);
    const request = await upstream.request(1);
    expect([request.target, request.field("Host")]).toEqual(["//cms/x?y", "b.test"]);
  });
});
