import type { Context, GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { fieldOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const SECRET = "10.1.2.3 /srv/secret.ts";

const config: GatewrightConfig<string> = {
  upstreams: { dead: { targets: ["http://127.0.0.1:1"] } },
  routes: [{ match: { path: "/dead" }, upstream: "dead" }],
  onRequest(request, ctx) {
    if (request.path === "/throws") throw new Error(SECRET);
    if (request.path === "/blocks") return ctx.block(SECRET);
  },
};

const FAILURES: readonly (readonly [target: string, status: number, code: string])[] = [
  ["/nothing", 404, "PROXY_ROUTE_NOT_FOUND"],
  ["/dead", 502, "PROXY_UPSTREAM_CONNECT"],
  ["/throws", 500, "PROXY_HOOK_FAILED"],
  ["/blocks", 403, "PROXY_BLOCKED"],
  ["/a/../b", 400, "PROXY_REQUEST_PATH"],
];

describe("error answers", () => {
  it.each(FAILURES)(
    "%s: problem details with status, code and id, and nothing internal (RFC 9457)",
    async (target, status, code) => {
      const { get, proxy } = await throughProxy({ config });
      const response = await get(target, "Accept: application/json");
      expect(response.status).toBe(status);
      expect(fieldOf(response, "content-type")).toBe("application/problem+json");
      expect(fieldOf(response, "cache-control")).toBe("no-store");
      const problem = JSON.parse(response.content.toString()) as Record<string, unknown>;
      expect(problem).toMatchObject({ type: "about:blank", status, code });
      expect(problem["instance"]).toBe((await proxy.accessed()).id);
      expectNothingInternal(response.content.toString());
      proxy.takeErrors();
    },
  );

  it.each(FAILURES)("%s: a page for those who would rather have HTML", async (target, status) => {
    const { get, proxy } = await throughProxy({ config });
    const response = await get(target, "Accept: text/html,application/xhtml+xml,*/*;q=0.8");
    expect(response.status).toBe(status);
    expect(fieldOf(response, "content-type")).toBe("text/html; charset=utf-8");
    expect(response.content.toString()).toMatch(/^<!doctype html>/);
    expect(response.content.toString()).toContain((await proxy.accessed()).id);
    expectNothingInternal(response.content.toString());
    proxy.takeErrors();
  });

  it("are problem details for those who take anything", async () => {
    const { get } = await throughProxy({ config });
    for (const lines of [[], ["Accept: */*"], ["Accept: text/html;q=0"], ["Accept: ,;q"]]) {
      expect(fieldOf(await get("/nothing", ...lines), "content-type")).toBe(
        "application/problem+json",
      );
    }
  });

  it("have no content for HEAD, and its length", async () => {
    const { ask } = await throughProxy({ config });
    const response = await ask("HEAD /nothing HTTP/1.1\r\nHost: a.test\r\n\r\n", { head: true });
    expect(response.status).toBe(404);
    expect(Number(fieldOf(response, "content-length"))).toBeGreaterThan(50);
  });

  it("leave the connection usable", async () => {
    const { connect, proxy } = await throughProxy({ config });
    const client = await connect();
    for (const [target, status] of FAILURES) {
      await client.send(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      expect((await client.response()).status).toBe(status);
    }
    client.destroy();
    proxy.takeErrors();
  });
});

describe("capabilities that are switched off", () => {
  it.each<[name: string, use: (ctx: Context<string>) => unknown]>([
    ["cache", (ctx) => ctx.cache],
    ["waf", (ctx) => ctx.waf],
    ["tls", (ctx) => ctx.tls],
    ["limits", (ctx) => ctx.limits],
    ["limit", (ctx) => (ctx as unknown as { limit(name: string): void }).limit("x")],
    ["listed", (ctx) => (ctx as unknown as { listed(name: string): void }).listed("x")],
    ["challenge", (ctx) => ctx.challenge()],
  ])("ctx.%s throws with its name, and the request fails with 500", async (name, use) => {
    const messages: string[] = [];
    const { get, proxy } = await throughProxy({
      config: {
        onRequest(request, ctx) {
          if (request.path === "/throws") use(ctx);
          try {
            use(ctx);
          } catch (error) {
            messages.push((error as Error).message);
          }
        },
      },
    });
    expect((await get("/catches")).status).toBe(200);
    expect(messages[0]).toMatch(
      new RegExp(`^ctx\\.${name}(\\(\\))? needs .*, which is switched off$`),
    );
    const response = await get("/throws");
    expect(response.status).toBe(500);
    expect(response.content.toString()).not.toContain("switched off");
    expect(proxy.takeErrors()).toMatchObject([
      { code: "PROXY_CAPABILITY_OFF", hook: "config", msg: messages[0] },
    ]);
  });
});

function expectNothingInternal(content: string): void {
  expect(content).not.toMatch(/127\.0\.0\.1|10\.1\.2\.3|secret|ECONN|\.ts\b|node_modules|\bat /);
}
