import { describe, expect, it } from "vitest";

import { fieldsOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

/** Every redirect that is built in, by the prefix that leads to it. */
async function start() {
  return throughProxy({
    config: {
      routes: [
        { match: { path: "/old/*" }, redirect: "/*" },
        { match: { path: "/name/:name" }, redirect: { to: "/:name", status: 302 } },
      ],
      onRequest(request, ctx) {
        if (request.path.startsWith("/hook/")) {
          return ctx.redirect(decodeURIComponent(request.rawPath.slice("/hook".length)));
        }
        if (request.path.startsWith("/raw/"))
          return ctx.redirect(request.rawPath.slice("/raw".length));
        if (request.path === "/query") return ctx.redirect(request.query.get("to") ?? "/");
      },
    },
  });
}

const ATTACKS = [
  "%0d%0aSet-Cookie:%20x=1",
  "%0aSet-Cookie:%20x=1",
  "%0d%0a%0d%0a<script>",
  "%E5%98%8A%E5%98%8DSet-Cookie:x",
  "/evil.test/%2e%2e",
  "/evil.test",
  "\\evil.test",
  "/\\evil.test",
  "%5cevil.test",
  "%09/evil.test",
  "https:/evil.test",
];

describe.each(["/old/", "/name/", "/hook/", "/raw/"])("a redirect at %s (PUB-46)", (prefix) => {
  it.each(ATTACKS)(
    "made from `%s` stays one field on the own host (RFC 9110 §5.5)",
    async (attack) => {
      const { ask, proxy, upstream } = await start();
      const response = await ask(`GET ${prefix}${attack} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      expect(fieldsOf(response, "Set-Cookie")).toEqual([]);
      const locations = fieldsOf(response, "Location");
      if (response.status >= 400) {
        // Ambiguous paths are refused before any redirect.
        expect([400, 404, 500]).toContain(response.status);
        expect(locations).toEqual([]);
      } else if (response.status >= 300) {
        expect(locations).toHaveLength(1);
        expect(locations[0]).toMatch(/^[!-~]+$/);
        expect(new URL(locations[0] ?? "", "http://a.test/").host).toBe("a.test");
      } else {
        expect(upstream.requests).toHaveLength(1);
      }
      proxy.takeErrors();
    },
  );
});

describe("ctx.redirect to what a client names (PUB-46)", () => {
  it.each([
    ["/a b", "/a%20b"],
    ["/ä", "/%C3%A4"],
    ["/a\r\nSet-Cookie: x=1", "/a%0D%0ASet-Cookie:%20x=1"],
    ["//evil.test/x", "/evil.test/x"],
    ["/\\evil.test", "/evil.test"],
    ["\\\\evil.test", "/evil.test"],
  ])("sends %j as %s", async (to, location) => {
    const { get } = await start();
    const response = await get(`/query?to=${encodeURIComponent(to)}`);
    expect(response.status).toBe(302);
    expect(fieldsOf(response, "Location")).toEqual([location]);
  });

  it.each(["javascript:alert(1)", "data:text/html,x", "http://user@evil.test/", ""])(
    "does not send %j",
    async (to) => {
      const { get, proxy } = await start();
      const response = await get(`/query?to=${encodeURIComponent(to)}`);
      expect(response.status).toBe(500);
      expect(fieldsOf(response, "Location")).toEqual([]);
      expect(proxy.takeErrors()).toHaveLength(1);
    },
  );
});
