import { brotliDecompressSync } from "node:zlib";

import { describe, expect, it, onTestFinished } from "vitest";

import { runCommand } from "../../runtime/cli.ts";
import type { ProxyStatus } from "../../runtime/inspect/status.ts";
import { createConfigProject } from "../helpers/config-project.ts";
import { fieldOf, type RawResponse } from "../helpers/raw-client.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";
import { toy } from "../helpers/upstream-fixture.ts";

const text = (response: RawResponse): string => response.content.toString();

/** Each answer tells which fetch it came from; the tag is the path's first segment. */
async function cachingProxy(routes: object[] = [{ upstream: "api", cache: true }], config = {}) {
  let count = 0;
  const through = await throughProxy({
    onRequest: (request) => {
      count += 1;
      const [, tag = ""] = request.target.split("/");
      return toyResponse(
        200,
        `n${count} ${"words ".repeat(400)}`,
        "Cache-Control: max-age=60",
        "Content-Type: text/plain",
        `Cache-Tag: ${tag}, all`,
      );
    },
    config: { routes, admin: { port: 0 }, ...config },
  });
  const which = async (target: string, ...lines: string[]): Promise<string> =>
    text(await through.get(target, ...lines)).split(" ", 1)[0] ?? "";
  return { ...through, which };
}

function purgeApi({ proxy }: Pick<ThroughProxy, "proxy">) {
  return async (selection: unknown): Promise<[number, unknown]> => {
    const response = await fetch(`${proxy.adminUrl}/api/cache/purge`, {
      method: "POST",
      body: JSON.stringify(selection),
    });
    return [response.status, await response.json()];
  };
}

/** `gatewright purge …` in this process. */
async function purgeCommand(args: readonly string[], cwd?: string) {
  const printed = { out: "", err: "" };
  const code = await runCommand(
    ["purge", ...args],
    {
      out: (line) => void (printed.out += `${line}\n`),
      err: (line) => void (printed.err += `${line}\n`),
      outColor: false,
      errColor: false,
    },
    cwd,
  );
  return { code, ...printed };
}

describe("POST /api/cache/purge", () => {
  it("removes by URL, prefix, tag and all, says how many, and leaves the rest", async () => {
    const through = await cachingProxy();
    const { which } = through;
    const purge = purgeApi(through);
    const paths = ["/a/1", "/a/2", "/b/1", "/b/1?x"];
    for (const path of paths) await which(path);
    expect(await purge({ url: "http://A.test:80/a/1" })).toEqual([200, { purged: 1 }]);
    expect(await Promise.all(paths.map((path) => which(path)))).toEqual(["n5", "n2", "n3", "n4"]);
    expect(await purge({ prefix: "http://a.test/b/" })).toEqual([200, { purged: 2 }]);
    expect(await purge({ tag: "a" })).toEqual([200, { purged: 2 }]);
    expect(await purge({ all: true })).toEqual([200, { purged: 0 }]);
    await which("/a/1");
    await which("/b/1");
    expect(await purge({ tag: ["a", "b", "all"] })).toEqual([200, { purged: 2 }]);
  });

  it("refuses what is misspelt, with 409 where nothing caches", async () => {
    const through = await cachingProxy();
    await through.which("/a/1");
    const [status, problem] = await purgeApi(through)({ tags: ["a"] });
    expect([status, problem]).toMatchObject([400, { detail: expect.stringContaining("tags") }]);
    expect(await through.which("/a/1")).toBe("n1");
    const none = await cachingProxy([{ upstream: "api" }]);
    expect((await purgeApi(none)({ all: true }))[0]).toBe(409);
  });

  it("removes the coded variants with the response that they are of", async () => {
    const through = await cachingProxy();
    const { get, which } = through;
    const coded = async (): Promise<string> => {
      const response = await get("/a/1", "Accept-Encoding: br");
      expect(fieldOf(response, "content-encoding")).toBe("br");
      return brotliDecompressSync(response.content).toString().split(" ", 1)[0] ?? "";
    };
    expect([await which("/a/1"), await coded(), await coded()]).toEqual(["n1", "n1", "n1"]);
    expect(await purgeApi(through)({ tag: "a" })).toEqual([200, { purged: 1 }]);
    expect([await coded(), await which("/a/1")]).toEqual(["n2", "n2"]);
    expect((await through.proxy.running.status()).cache?.entries).toBe(1);
  });

  it("removes all variants that Vary tells apart", async () => {
    let count = 0;
    const through = await throughProxy({
      onRequest: () => toyResponse(200, `n${++count}`, "Cache-Control: max-age=60", "Vary: X-A"),
      config: { routes: [{ upstream: "api", cache: true }], admin: { port: 0 } },
    });
    const ask = async (value: string) => text(await through.get("/a", `X-A: ${value}`));
    expect([await ask("1"), await ask("2"), await ask("1")]).toEqual(["n1", "n2", "n1"]);
    expect(await purgeApi(through)({ url: "http://a.test/a" })).toEqual([200, { purged: 2 }]);
    expect([await ask("1"), await ask("2")]).toEqual(["n3", "n4"]);
  });

  it("with soft keeps them as stale: the upstream is asked, and they bridge its failures", async () => {
    let fails = false;
    const through = await throughProxy({
      onRequest: (request) => {
        if (fails) return toyResponse(503, "down");
        return request.field("if-none-match") === undefined
          ? toyResponse(200, "x", "Cache-Control: max-age=60, stale-if-error=60", 'ETag: "1"')
          : 'HTTP/1.1 304 x\r\nETag: "1"\r\n\r\n';
      },
      config: { routes: [{ upstream: "api", cache: true }], admin: { port: 0 } },
    });
    const { get, upstream } = through;
    const purge = purgeApi(through);
    await get("/a");
    expect(await purge({ all: true, soft: true })).toEqual([200, { purged: 1 }]);
    expect(text(await get("/a"))).toBe("x");
    expect(upstream.requests.map((one) => one.field("if-none-match"))).toEqual([undefined, '"1"']);
    await purge({ tag: "none", soft: true });
    await purge({ all: true, soft: true });
    fails = true;
    expect(text(await get("/a"))).toBe("x");
  });

  it("also holds for what is on its way: a purge during the fetch keeps it out of the store", async () => {
    const through = await throughProxy({
      onRequest: () => undefined,
      config: { routes: [{ upstream: "api", cache: { tags: ["t"] } }], admin: { port: 0 } },
    });
    const { get, upstream } = through;
    const first = get("/a");
    await upstream.request(1);
    expect(await purgeApi(through)({ tag: "t" })).toEqual([200, { purged: 0 }]);
    (await upstream.connection(1)).send(toyResponse(200, "old", "Cache-Control: max-age=60"));
    expect(text(await first)).toBe("old");
    void get("/a").catch(() => {});
    await upstream.request(2);
  });
});

describe("ctx.cache.purge", () => {
  it("takes what the admin port takes, and refuses what is misspelt: it never comes to mean everything", async () => {
    type Cache = { purge(of: unknown): number; invalidate(of: unknown): number };
    const selections: Record<string, unknown> = {
      "/tag": { tag: "a" },
      "/list": { tag: ["a", "b"] },
      "/typo": { tags: ["a"] },
      "/none": undefined,
    };
    const { which, get, proxy } = await cachingProxy(undefined, {
      onRequest: (
        request: { path: string },
        ctx: { cache: Cache; json(value: unknown): unknown },
      ) =>
        request.path in selections
          ? ctx.json(ctx.cache.purge(selections[request.path]))
          : request.path === "/soft"
            ? ctx.json(ctx.cache.invalidate({ tag: "all" }))
            : undefined,
    });
    await which("/a/1");
    for (const path of ["/typo", "/none"]) expect((await get(path)).status).toBe(500);
    expect(proxy.takeErrors().map((line) => JSON.stringify(line))).toEqual([
      expect.stringContaining("tags is not one of url, prefix, tag, all"),
      expect.stringContaining("a purge is an object"),
    ]);
    expect(await which("/a/1")).toBe("n1");
    expect(text(await get("/soft"))).toBe("1");
    expect(text(await get("/tag"))).toBe("1");
    await which("/a/1");
    await which("/b/1");
    expect(text(await get("/list"))).toBe("2");
  });
});

describe("gatewright purge", () => {
  it("asks the admin port that the config names, and prints what was reached", async () => {
    const through = await cachingProxy();
    await using project = await createConfigProject({
      "proxy.config.ts": `export default { admin: { port: ${new URL(through.proxy.adminUrl ?? "").port} }, upstreams: { api: { targets: ["http://127.0.0.1:1"] } } };`,
    });
    for (const path of ["/a/1", "/a/2", "/b/1"]) await through.which(path);
    expect(await purgeCommand(["--tag", "a", "--tag", "b", "--soft"], project.dir)).toEqual({
      code: 0,
      out: "made stale 3 stored responses\n",
      err: "",
    });
    expect(await purgeCommand(["--url", "http://a.test/a/1"], project.dir)).toEqual({
      code: 0,
      out: "purged 1 stored response\n",
      err: "",
    });
    expect(await purgeCommand(["--all", "--json"], project.dir)).toEqual({
      code: 0,
      out: '{"purged":2}\n',
      err: "",
    });
  });

  it.each([
    [[], "exactly one of"],
    [["--all", "--tag", "a"], "exactly one of"],
    [["--all", "--admin", "9901"], "not an http or https URL"],
  ])("ends with 2 for %j", async (args, problem) => {
    const { code, err } = await purgeCommand(args);
    expect([code, err]).toEqual([2, expect.stringContaining(problem)]);
  });

  it("ends with 2 for a selection that the proxy refuses, and says why", async () => {
    const { proxy } = await cachingProxy();
    const { code, err } = await purgeCommand(["--url", "/a", "--admin", String(proxy.adminUrl)]);
    expect([code, err]).toEqual([2, expect.stringContaining("url is an absolute URL")]);
  });

  it("ends with 1 where nothing caches, and where no proxy runs: with what to do", async () => {
    const { proxy } = await cachingProxy([{ upstream: "api" }]);
    const admin = String(proxy.adminUrl);
    const off = await purgeCommand(["--all", "--admin", admin]);
    expect([off.code, off.err]).toEqual([1, expect.stringContaining("No route")]);
    await proxy.close();
    const gone = await purgeCommand(["--all", "--admin", admin]);
    expect(gone.code).toBe(1);
    expect(gone.err).toContain(`no proxy answers at ${admin} (ECONNREFUSED)`);
    expect(gone.err).toContain("admin: { port: 9901 }");
  });

  it("says that a config without a fixed admin port needs --admin", async () => {
    await using project = await createConfigProject({
      "proxy.config.ts": `export default { admin: { port: 0 }, upstreams: { api: { targets: ["http://127.0.0.1:1"] } } };`,
    });
    const { code, err } = await purgeCommand(["--all"], project.dir);
    expect([code, err]).toEqual([2, expect.stringContaining("--admin URL")]);
  });

  it("sends the token of the environment", async () => {
    const admin = await toy({ onRequest: () => toyResponse(401, "{}") });
    process.env["GATEWRIGHT_ADMIN_TOKEN"] = "0123456789abcdef";
    onTestFinished(() => void delete process.env["GATEWRIGHT_ADMIN_TOKEN"]);
    const { code, err } = await purgeCommand(["--all", "--admin", admin.url]);
    expect(admin.requests.map((one) => one.field("authorization"))).toEqual([
      "Bearer 0123456789abcdef",
    ]);
    expect([code, err]).toEqual([1, expect.stringContaining("GATEWRIGHT_ADMIN_TOKEN")]);
  });
});

describe("the status", () => {
  it("has the cache's size, entries and how each route's requests were answered", async () => {
    const through = await cachingProxy([
      { name: "assets", match: { path: "/a/*" }, upstream: "api", cache: true },
      { name: "rest", upstream: "api", cache: { tags: ["rest"] } },
    ]);
    for (const path of ["/a/1", "/a/1", "/a/1", "/b/1"]) await through.which(path);
    await through.get("/a/1", "Cache-Control: no-cache");
    await through.proxy.accessed(() => through.proxy.access.length === 5);
    const response = await fetch(`${through.proxy.adminUrl}/api/status`);
    const { cache } = (await response.json()) as ProxyStatus;
    expect(cache).toMatchObject({ entries: 2, maxBytes: 256 * 1024 ** 2, hitRatio: 0.4 });
    const none = { hit: 0, stale: 0, revalidated: 0, joined: 0, miss: 0, bypass: 0 };
    expect(cache?.routes).toEqual([
      {
        route: "assets",
        entries: 1,
        bytes: expect.any(Number),
        requests: { ...none, hit: 2, miss: 2 },
        hitRatio: 0.5,
      },
      {
        route: "rest",
        entries: 1,
        bytes: expect.any(Number),
        requests: { ...none, miss: 1 },
        hitRatio: 0,
      },
    ]);
    expect(cache?.routes.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(cache?.bytes);
    const page = await (await fetch(`${through.proxy.adminUrl}/`)).text();
    expect(page).toContain("<h2>Cache</h2>");
    expect(page).toContain("50.0 %");
  });
});
