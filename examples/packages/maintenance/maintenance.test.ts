import { createTestProxy, type TestProxy } from "gatewright/testing";
import { describe, expect, it } from "vitest";

import maintenance, { type MaintenanceOptions } from "./index.ts";

function start(options?: MaintenanceOptions): Promise<TestProxy> {
  return createTestProxy({
    plugins: [maintenance(options)],
    upstreams: { app: { fetch: () => new Response("app") } },
  });
}

describe("while it is on", () => {
  it("people see a page, programs a reason, both with Retry-After", async () => {
    await using proxy = await start();
    const page = await proxy.fetch("/", { headers: { accept: "text/html,*/*" } });
    expect(page.status).toBe(503);
    expect(page.headers.get("retry-after")).toBe("600");
    expect(page.headers.get("cache-control")).toBe("no-store");
    expect(await page.text()).toContain("Back soon");
    const json = await proxy.fetch("/api");
    expect(json.status).toBe(503);
    expect(await json.json()).toEqual({ error: "under maintenance" });
    expect(proxy.upstreamCalls).toEqual([]);
  });

  it.each(["198.51.100.7", "2001:db8:1::5"])("%s on the list is served", async (address) => {
    await using proxy = await start({ allow: ["198.51.100.0/24", "2001:db8:1::/48"] });
    expect((await proxy.fetch("/", { client: { address } })).status).toBe(200);
    expect((await proxy.fetch("/", { client: { address: "203.0.113.1" } })).status).toBe(503);
  });

  it("excepted paths are served", async () => {
    await using proxy = await start({ except: ["/health"] });
    expect((await proxy.fetch("/health")).status).toBe(200);
  });

  it("an end that is known is told (RFC 9110 §10.2.3)", async () => {
    await using proxy = await start({ retryAfter: new Date("2030-01-02T03:04:05Z") });
    const response = await proxy.fetch("/");
    expect(response.headers.get("retry-after")).toBe("Wed, 02 Jan 2030 03:04:05 GMT");
  });
});

it("follows a function from request to request", async () => {
  let on = false;
  await using proxy = await start({ on: () => on });
  expect((await proxy.fetch("/")).status).toBe(200);
  on = true;
  expect((await proxy.fetch("/")).status).toBe(503);
});

it.each(["10.0.0.0/33", "office", "10.0.0.0/8/8", "::/129", ""])(
  "refuses %j in `allow`",
  (range) => {
    expect(() => maintenance({ allow: [range] })).toThrow("expected an address or a range");
  },
);
