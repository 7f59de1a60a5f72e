import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: import.meta.dirname });
});

afterAll(async () => {
  await proxy?.stop();
});

async function get(
  path: string,
  headers: Record<string, string> = {},
): Promise<{ text: string; cache: string | null; status: string | null }> {
  const response = await fetch(`${proxy.url}${path}`, { headers });
  const text = await response.text();
  return {
    text,
    cache: response.headers.get("x-cache"),
    status: response.headers.get("cache-status"),
  };
}

describe("the proxy", () => {
  it("answers assets from the store, for as long as they say", async () => {
    expect((await get("/assets/site.css")).cache).toBe("miss");
    const hit = await get("/assets/site.css");
    expect([hit.cache, hit.text]).toEqual(["hit", "body { color: teal }\n"]);
    expect(hit.status).toMatch(/^gatewright; hit; ttl=315\d+$/);
  });

  it("fetches a product once, whatever campaign leads to it", async () => {
    const first = await get("/products/1?utm_source=a");
    const second = await get("/products/1?utm_source=b");
    expect([first.cache, second.text]).toEqual(["miss", first.text]);
    expect(["hit", "stale"]).toContain(second.cache);
  });

  it("purges a product by its tag, and no other one", async () => {
    const [seven, eight] = [await get("/products/7"), await get("/products/8")];
    const changed = await fetch(`${proxy.url}/changed?product=7`, {
      method: "POST",
      headers: { "x-key": "back office" },
    });
    expect(await changed.json()).toEqual({ purged: 1 });
    const after = await get("/products/7");
    expect([after.cache, after.text === seven.text]).toEqual(["miss", false]);
    expect(["hit", "stale"]).toContain((await get("/products/8")).cache);
    expect(eight.cache).toBe("miss");
    expect((await fetch(`${proxy.url}/changed?product=7`, { method: "POST" })).status).toBe(403);
  });

  it("fetches the basket each time, and everything for an editor", async () => {
    const baskets = [await get("/basket"), await get("/basket")];
    expect(baskets[0]?.text).not.toBe(baskets[1]?.text);
    expect(baskets[0]?.cache).toBe("none");
    await get("/products/9");
    expect((await get("/products/9", { "x-editor": "ada" })).cache).toBe("bypass");
  });
});
