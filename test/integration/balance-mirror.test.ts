/** Mirrors, through the whole proxy. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { GatewrightConfig, MirrorConfig } from "@gatewright/sdk";

import { startProxy } from "../helpers/start-proxy.ts";
import { startToyUpstream, toyResponse, type ToyUpstream } from "../helpers/toy-upstream.ts";

let main: ToyUpstream;
let shadow: ToyUpstream;
/** What the shadow does with a request; nothing: it never answers. */
let answer: () => string | undefined;

beforeEach(async () => {
  answer = () => toyResponse(500, "ignored");
  main = await startToyUpstream({ onRequest: () => toyResponse(200, "main") });
  shadow = await startToyUpstream({ onRequest: () => answer() });
});

afterEach(() => Promise.all([main.close(), shadow.close()]));

function config(mirror: Partial<MirrorConfig> = {}): GatewrightConfig<string> {
  return {
    upstreams: {
      app: {
        targets: [main.url],
        mirror: { upstream: "shadow", ...mirror },
        headers: { request: { set: { authorization: "of the main one" } } },
      },
      shadow: { targets: [shadow.url], headers: { request: { remove: ["cookie"] } } },
    },
    routes: [{ match: { path: "/*" }, upstream: "app" }],
    onRequest(request) {
      // Reading it brings the content into memory.
      if (request.method === "POST" && request.headers.get("x-read") === "yes") {
        return request.text().then(() => undefined);
      }
      return undefined;
    },
  };
}

describe("a mirror", () => {
  it("gets a marked copy by its own rules, and its answer is ignored", async () => {
    const proxy = await startProxy({ config: config() });
    const response = await fetch(`${proxy.url}/a?b=c`, {
      headers: { cookie: "x=y", "x-mirrored-request": "forged" },
    });
    expect([response.status, await response.text()]).toEqual([200, "main"]);
    const [copy, original] = [await shadow.request(1), await main.request(1)];
    expect([copy.method, copy.target]).toEqual(["GET", "/a?b=c"]);
    expect(copy.fields.filter((text) => text.toLowerCase() === "x-mirrored-request")).toHaveLength(
      1,
    );
    expect(copy.field("x-mirrored-request")).toBe("1");
    expect(copy.field("authorization")).toBeUndefined();
    expect(copy.field("cookie")).toBeUndefined();
    expect(original.field("authorization")).toBe("of the main one");
    expect(original.field("cookie")).toBe("x=y");
    expect(copy.field("x-request-id")).toBe(original.field("x-request-id"));
  });

  it("gets content that is in memory", async () => {
    const proxy = await startProxy({ config: config() });
    const response = await fetch(proxy.url, {
      method: "POST",
      body: "content",
      headers: { "x-read": "yes" },
    });
    expect(await response.text()).toBe("main");
    expect((await shadow.request(1)).content.toString()).toBe("content");
    expect((await main.request(1)).content.toString()).toBe("content");
  });

  it("that never answers delays nothing, and holds no more than maxRequests", async () => {
    answer = () => undefined;
    const proxy = await startProxy({ config: config({ maxRequests: 2, timeout: "300ms" }) });
    for (let request = 0; request < 10; request++) {
      expect(await (await fetch(proxy.url)).text()).toBe("main");
    }
    await shadow.request(2);
    expect(shadow.requests.length).toBe(2);
    // Given up in time: there is room again.
    await shadow.openAtMost(0);
    await fetch(proxy.url).then((response) => response.text());
    await shadow.request(3);
  });

  it("that is down does no harm", async () => {
    await shadow.close();
    const proxy = await startProxy({ config: config() });
    for (let request = 0; request < 5; request++) {
      expect(await (await fetch(proxy.url)).text()).toBe("main");
    }
  });

  it("gets about its share", async () => {
    const proxy = await startProxy({ config: config({ share: 0.3 }) });
    for (let request = 0; request < 200; request++) await (await fetch(proxy.url)).text();
    // Binomial, 200 and 0.3: outside of this once in a million.
    expect(shadow.requests.length).toBeGreaterThan(28);
    expect(shadow.requests.length).toBeLessThan(93);
  });

  it("can be a route's", async () => {
    const { upstreams } = config();
    const { mirror: _, ...app } = (upstreams as NonNullable<typeof upstreams>)["app"] as Extract<
      NonNullable<typeof upstreams>[string],
      { targets: unknown }
    >;
    const proxy = await startProxy({
      config: {
        upstreams: { ...upstreams, app },
        routes: [
          { match: { path: "/m/*" }, upstream: "app", mirror: { upstream: "shadow" } },
          { match: { path: "/*" }, upstream: "app" },
        ],
      },
    });
    await (await fetch(`${proxy.url}/x`)).text();
    await (await fetch(`${proxy.url}/m/1`)).text();
    await shadow.request(1);
    expect(shadow.requests.map(({ target }) => target)).toEqual(["/m/1"]);
  });
});
