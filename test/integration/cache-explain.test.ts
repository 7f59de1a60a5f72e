import type { RouteCacheConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { runCommand } from "../../runtime/cli.ts";
import { createConfigProject } from "../helpers/config-project.ts";
import { simulateProxy, type SimulatedProxy } from "../helpers/simulated-proxy.ts";

function caching(cache: RouteCacheConfig | true = true, config = {}): Promise<SimulatedProxy> {
  return simulateProxy({
    upstreams: { app: { fetch: () => new Response("x") } },
    routes: [
      { match: { path: "/off/*" }, upstream: "app" },
      { upstream: "app", cache },
    ],
    ...config,
  });
}

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly fields?: readonly string[];
  readonly response?: { status: number; fields: readonly string[] };
}

/** Text and reasons of one step. */
async function step(proxy: SimulatedProxy, phase: string, asked: Asked): Promise<string> {
  const { path = "/a", ...rest } = asked;
  const steps = await proxy.explain({ fields: [], ...rest, url: `http://a.test${path}` });
  const found = steps.find((one) => one.phase === phase);
  return found === undefined ? "" : [found.text, ...found.details].join("\n");
}

describe("explain, before the fetch", () => {
  it("says what the store is asked for, and what holds for the answer", async () => {
    const proxy = await caching({
      ttl: "30s",
      staleWhileRevalidate: "1m",
      staleIfError: "1h",
      ignoreQuery: ["utm"],
      vary: ["X-Device"],
      key: () => "k",
      tags: ["news"],
      statuses: [200],
    });
    expect(await step(proxy, "cache", { path: "/a?utm=1&b=2" })).toBe(
      [
        "asked for http://a.test/a?b=2",
        "ignored: utm",
        "variants by x-device",
        "and by what the route's key function says",
        "fresh for as long as the response says, else 30 s (ttl)",
        "stale-while-revalidate 60 s",
        "stale-if-error 3600 s",
        "only statuses 200",
        "tags: news",
      ].join("\n"),
    );
  });

  it.each<[string, Asked]>([
    ["the route has no `cache`", { path: "/off/a" }],
    ["only GET and HEAD are; where POST succeeds, http://a.test/a is purged", { method: "POST" }],
    ["only GET and HEAD are", { method: "OPTIONS" }],
    ["If-Match", { fields: ["If-Match", '"1"'] }],
    ["no-cache", { fields: ["Cache-Control", "no-cache"] }],
    ["504 on a miss", { fields: ["Cache-Control", "only-if-cached"] }],
    ["the request says no-store", { fields: ["Cache-Control", "no-store"] }],
    ["a part is cut from a stored whole", { fields: ["Range", "bytes=0-1"] }],
    ["Authorization: stored only with", { fields: ["Authorization", "Bearer x"] }],
    ["HEAD stores nothing", { method: "HEAD" }],
    ["10 % of the age of Last-Modified", {}],
  ])("says %j", async (text, asked) => {
    expect(await step(await caching(), "cache", asked)).toContain(text);
  });

  it("says that a hook bypasses it, and nothing at all where no route caches", async () => {
    const bypassed = await caching(true, {
      onRequest: (_request: unknown, ctx: { cache: { bypass(): void } }) => ctx.cache.bypass(),
    });
    expect(await step(bypassed, "cache", {})).toContain("bypassed by a hook");
    const off = await simulateProxy({ upstreams: { app: { fetch: () => new Response() } } });
    expect(await step(off, "cache", {})).toBe("");
  });
});

describe("explain with the head of an answer", () => {
  const answer = (...fields: string[]) => ({ status: 200, fields });
  it.each<[string, Asked]>([
    ["stored, fresh for 60 s", { response: answer("Cache-Control", "max-age=60") }],
    ["fresh for 50 s", { response: answer("Cache-Control", "max-age=60", "Age", "10") }],
    ["10 s old when it comes", { response: answer("Cache-Control", "max-age=60", "Age", "10") }],
    [
      "(10 % of the age of Last-Modified)",
      { response: answer("Last-Modified", "Sat, 01 Dec 2029 00:00:00 GMT") },
    ],
    ["never used without asking", { response: answer("Cache-Control", "no-cache", "ETag", '"1"') }],
    ["stored as stale", { response: answer("ETag", '"1"') }],
    ["never answered when stale", { response: answer("Cache-Control", "s-maxage=9") }],
    [
      "for 30 s answered while it is fetched",
      { response: answer("Cache-Control", "max-age=1, stale-while-revalidate=30") },
    ],
    [
      "for 40 s answered where the upstream fails",
      { response: answer("Cache-Control", "max-age=1, stale-if-error=40") },
    ],
    ["tags: a, b", { response: answer("Cache-Control", "max-age=1", "Cache-Tag", "a, b") }],
    [
      "requests with the same Accept",
      { response: answer("Cache-Control", "max-age=1", "Vary", "Accept") },
    ],
    ["not stored: it says no-store", { response: answer("Cache-Control", "no-store") }],
    ["not stored: it says private", { response: answer("Cache-Control", "private") }],
    ["has Set-Cookie", { response: answer("Cache-Control", "max-age=9", "Set-Cookie", "a=b") }],
    ["varies by everything", { response: answer("Cache-Control", "max-age=9", "Vary", "*") }],
    ["varies by", { response: answer("Cache-Control", "max-age=9", "Vary", "X-Forwarded-For") }],
    ["neither how long it is fresh", { response: answer() }],
    ["its status is none", { response: { status: 500, fields: [] } }],
    ["its status is none", { response: { status: 206, fields: ["Cache-Control", "max-age=9"] } }],
    ["longer than `maxEntry`", { response: answer("ETag", '"1"', "Content-Length", "99999999") }],
    [
      "the request has Authorization",
      {
        fields: ["Authorization", "Bearer x"],
        response: answer("Cache-Control", "max-age=9"),
      },
    ],
    ["only answers to GET", { method: "HEAD", response: answer("Cache-Control", "max-age=9") }],
    ["no part in this request", { method: "POST", response: answer() }],
  ])("says %j", async (text, asked) => {
    expect(await step(await caching(), "store", asked)).toContain(text);
  });

  it("judges by the request as the client sent it, not by what a rule adds for the upstream", async () => {
    const proxy = await caching(true, {
      headers: { request: { set: { authorization: "Bearer ours" } } },
    });
    const response = answer("Cache-Control", "max-age=60");
    expect(await step(proxy, "store", { response })).toContain("stored, fresh for 60 s");
  });

  it("counts in no figure and stores nothing", async () => {
    const proxy = await caching();
    await step(proxy, "store", { response: answer("Cache-Control", "max-age=60") });
    expect((await proxy.ask("/a")).record.cache).toBe("miss");
  });
});

describe("gatewright explain", () => {
  it("takes the answer's head from --response and --status", async () => {
    await using project = await createConfigProject({
      "proxy.config.ts": `export default { upstreams: { app: { fetch: () => new Response("x") } }, routes: [{ upstream: "app", cache: true }] };`,
    });
    const explain = async (...args: string[]) => {
      const printed = { out: "", err: "" };
      const code = await runCommand(
        ["explain", "GET", "/a", ...args],
        {
          out: (line) => void (printed.out += `${line}\n`),
          err: (line) => void (printed.err += `${line}\n`),
          outColor: false,
          errColor: false,
        },
        project.dir,
      );
      return { code, ...printed };
    };
    const stored = await explain("--response", "Cache-Control: max-age=5", "--response", "Age: 1");
    expect(stored).toMatchObject({ code: 0, err: "" });
    expect(stored.out).toContain("● stored, fresh for 4 s");
    expect((await explain("--status", "404")).out).toContain("not stored: it says neither");
    expect((await explain()).out).not.toContain("store ");
    expect(await explain("--status", "99")).toMatchObject({ code: 2 });
    expect((await explain("--response", "nonsense")).err).toContain("--response 'name: value'");
  });
});
