import { readFileSync, globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import type { Context, ProxyRequest, ProxyResponse } from "@gatewright/sdk";
import { definePlugin } from "@gatewright/sdk";
import {
  makeContext,
  makePluginEnv,
  makeRequest,
  makeResponse,
  runHook,
} from "@gatewright/sdk/testing";
import { createTestProxy } from "gatewright/testing";
import { describe, expect, it } from "vitest";

const SDK = fileURLToPath(new URL("../../../sdk/", import.meta.url));

/** What an operation gives or throws, in a form that can be compared. */
async function outcomeOf(run: () => unknown): Promise<unknown> {
  try {
    const value = await run();
    if (value instanceof Uint8Array) return [...value];
    if (value instanceof Response) return [value.status, [...value.headers], await value.text()];
    if (value instanceof Request) return [value.method, value.url, await value.text()];
    return typeof value === "function" ? "function" : value;
  } catch (error) {
    const { name, message } = error as Error;
    const { code } = error as { code?: string };
    return { thrown: code === undefined ? name : code, message };
  }
}

const URL_ASKED = "https://Shop.test:8443/a%7Eb//c;v=1/%e2%82%ac?q=1&q=2";
const HEADERS: [string, string][] = [
  ["X-One", "1"],
  ["x-two", "a"],
  ["X-Two", "b"],
  ["Cookie", 'id=7; q="x y"'],
  ["Content-Type", "application/json"],
];

type RequestOperation = (request: ProxyRequest, ctx: Context) => unknown;

const ON_REQUEST: Readonly<Record<string, RequestOperation>> = {
  url: (request) => request.url,
  host: (request) => request.host,
  path: (request) => request.path,
  rawPath: (request) => request.rawPath,
  search: (request) => request.search,
  query: (request) => request.query.getAll("q"),
  method: (request) => request.method,
  "another method": (request) => ((request.method = "PATCH"), request.method),
  CONNECT: (request) => (request.method = "CONNECT"),
  "no method": (request) => (request.method = "a b"),
  "another path": (request) => ((request.path = "/ä b?c%2f"), request.path),
  "a relative path": (request) => (request.path = "x"),
  "another query": (request) => ((request.search = "a=ü&b=%20"), [request.search, request.url]),
  "no query": (request) => ((request.search = ""), [request.search, [...request.query]]),
  "a missing field": (request) => request.headers.get("x-none"),
  "joined lines": (request) => request.headers.get("X-TWO"),
  "all lines": (request) => request.headers.getAll("x-two"),
  "Content-Length": (request) => request.headers.get("content-length"),
  Host: (request) => request.headers.get("host"),
  "set in place": (request) => (request.headers.set("x-TWO", 5), own(request.headers)),
  append: (request) => (request.headers.append("X-One", "2"), own(request.headers)),
  delete: (request) => (request.headers.delete("x-two"), own(request.headers)),
  "a value with white space": (request) => (
    request.headers.set("x-a", " \t b "),
    request.headers.get("x-a")
  ),
  "a line break": (request) => request.headers.set("x-a", "a\r\nb: c"),
  "no byte": (request) => request.headers.set("x-a", "日本"),
  "no name": (request) => request.headers.set("bad name", "1"),
  "no value": (request) => request.headers.set("x-a", undefined as never),
  "a field of the connection": (request) => request.headers.set("Transfer-Encoding", "chunked"),
  "the length": (request) => request.headers.append("content-length", 5),
  "a second Host": (request) => request.headers.append("host", "b.test"),
  "no Host": (request) => request.headers.delete("Host"),
  "a bad Host": (request) => request.headers.set("host", "a@b"),
  "deleting no name": (request) => request.headers.delete("a b"),
  cookie: (request) => [request.cookie("id"), request.cookie("q"), request.cookie("none")],
  hasContent: (request) => request.hasContent,
  text: (request) => request.text(),
  "text twice": async (request) => [await request.text(), await request.text()],
  json: (request) => request.json(),
  bytes: (request) => request.bytes(),
  formData: (request) => request.formData().then(String),
  "another content": async (request) => {
    request.setBody("ä");
    return [await request.text(), own(request.headers)];
  },
  "no content": async (request) => {
    request.setBody(null);
    return [request.hasContent, await request.text(), own(request.headers)];
  },
  "an object as content": (request) => request.setBody({ a: 1 } as never),
  toWeb: (request) => {
    request.path = "/new";
    return request.toWeb();
  },

  forward: (_request, ctx) => ctx.forward("api", { host: "target" }),
  "forward nowhere": (_request, ctx) => ctx.forward("nowhere"),
  respond: (_request, ctx) => ctx.respond(201, "made", { "x-a": "1" }),
  "respond 100": (_request, ctx) => ctx.respond(100),
  ctxJson: (_request, ctx) => ctx.json({ a: 1 }, 202),
  "json with fields": (_request, ctx) => ctx.json(1, 200, [["x-a", "1"]]),
  "json with a type": (_request, ctx) => ctx.json(1, 200, { "Content-Type": "a/b" }),
  "json of nothing": (_request, ctx) => ctx.json(undefined),
  redirect: (_request, ctx) => ctx.redirect("/new path?ä", 308),
  "redirect away": (_request, ctx) => ctx.redirect("https://b.test/x y"),
  "redirect to another host, disguised": (_request, ctx) => ctx.redirect("/\\evil.test"),
  "redirect to //": (_request, ctx) => ctx.redirect("//evil.test/x"),
  "redirect to a script": (_request, ctx) => ctx.redirect("javascript:alert(1)"),
  "redirect to a user": (_request, ctx) => ctx.redirect("https://a@b.test/"),
  "redirect to a name": (_request, ctx) => ctx.redirect("https://müller.test:8443/x"),
  "redirect 200": (_request, ctx) => ctx.redirect("/x", 200 as never),
  challenge: (_request, ctx) => ctx.challenge("strict"),
  "challenge by no policy": (_request, ctx) => ctx.challenge("none"),
  block: (_request, ctx) => ctx.block("why", 451),
  "block without a reason": (_request, ctx) => ctx.block(undefined as never),
  "block 200": (_request, ctx) => ctx.block("why", 200),
  drop: (_request, ctx) => ctx.drop(),
  "fetch a file": (_request, ctx) => ctx.fetch("file:///etc/passwd" as never),
  fetch: (_request, ctx) => ctx.fetch("https://id.test/me"),
  score: (_request, ctx) => {
    ctx.score.add(2, "looks odd", "odd");
    return [ctx.score.total, ctx.score.entries];
  },
  "score without a number": (_request, ctx) => ctx.score.add(Number.NaN, "x"),
  "score without a reason": (_request, ctx) => ctx.score.add(1, ""),
  limit: (_request, ctx) => ctx.limit("few", "key").allowed,
  "limit used up": (_request, ctx) => [0, 1, 2].map(() => ctx.limit("few", "other").allowed),
  listed: (_request, ctx) => [ctx.listed("bad"), ctx.list("bad").has("203.0.113.9")],
  "list change": (_request, ctx) => {
    const list = ctx.list("bad");
    return [list.add("198.51.100.1"), list.has("198.51.100.1"), list.remove("198.51.100.1")];
  },
  "no such list": (_request, ctx) => ctx.listed("none"),
  "early hints": (_request, ctx) => ctx.earlyHints("</a.css>\r\n"),
  cache: (_request, ctx) => ctx.cache.status,
  waf: (_request, ctx) => ctx.waf,
  tls: (_request, ctx) => ctx.tls,
  limits: (_request, ctx) => ctx.limits,
  client: (_request, ctx) => ctx.client,
  route: (_request, ctx) => ctx.route,
  generation: (_request, ctx) => [ctx.generation, ctx.upstream],
};

/** Without what only a proxy adds to a request. */
function own(headers: ProxyRequest["headers"]): [string, string][] {
  return [...headers].filter(
    ([name]) => !/^(?:forwarded|x-forwarded-.*|via|x-request-id|host)$/i.test(name),
  );
}

describe("a request and a context of a test", async () => {
  const outcomes = new Map<string, unknown>();
  const proxy = await createTestProxy(
    {
      upstreams: { api: { targets: ["http://10.0.0.1"] }, web: { targets: ["http://10.0.0.2"] } },
      rateLimits: { few: { key: ["ip"], limit: 2, window: "1m", scope: "named" } },
      blocklists: { bad: { ranges: ["203.0.113.9"], mode: "score" } },
      challenge: { when: () => false, policies: { strict: {} } },
      routes: [{ name: "all", match: { path: "/*" }, upstream: "api" }],
      async onRequest(request, ctx) {
        const name = request.headers.get("x-operation") as string;
        request.headers.delete("x-operation");
        const run = ON_REQUEST[name] as RequestOperation;
        outcomes.set(name, await outcomeOf(() => run(request, ctx)));
        return ctx.respond(204);
      },
    },
    { upstreams: { "https://id.test": () => new Response("ada", { headers: { "x-id": "1" } }) } },
  );
  for (const name of Object.keys(ON_REQUEST)) {
    await proxy.fetch(URL_ASKED, {
      method: "POST",
      headers: [...HEADERS, ["x-operation", name]],
      body: '{"a":1}',
    });
  }
  await proxy.close();

  it.each(Object.keys(ON_REQUEST))("do what those of the proxy do: %s", async (name) => {
    const request = makeRequest(URL_ASKED, {
      method: "POST",
      headers: HEADERS,
      body: '{"a":1}',
    });
    const ctx = makeContext({
      client: { servername: "shop.test" },
      route: { name: "all", params: { "*": "a~b/c/%E2%82%AC" } },
      upstreams: ["api", "web"],
      limits: { few: 2 },
      lists: { bad: ["203.0.113.9"] },
      challenge: ["strict"],
      fetch: () => new Response("ada", { headers: { "x-id": "1", "content-length": "3" } }),
    });
    expect(outcomes.has(name)).toBe(true);
    expect(await outcomeOf(() => (ON_REQUEST[name] as RequestOperation)(request, ctx))).toEqual(
      outcomes.get(name),
    );
  });

  it("refuse paths that no hook sees", () => {
    for (const path of ["/a/../b", "/%2e%2e/b", "/a%zz", "/a\\b", "a"]) {
      expect(() => makeRequest(path)).toThrow("answered 400");
    }
  });
});

const ON_RESPONSE: Readonly<Record<string, (response: ProxyResponse) => unknown>> = {
  status: (response) => [response.status, response.ok, response.source, response.hasContent],
  "another status": (response) => ((response.status = 404), [response.status, response.ok]),
  "no status": (response) => (response.status = 99),
  text: (response) => response.text(),
  toWeb: async (response) => {
    const web = await response.toWeb();
    return [web.status, web.headers.get("content-encoding"), await web.text()];
  },
  cookies: (response) => {
    response.headers.append("set-cookie", "b=2");
    return response.headers.getSetCookie();
  },
  "another content": async (response) => {
    response.setBody("new");
    return [await response.text(), [...response.headers].filter(([name]) => name !== "date")];
  },
  "no transform": (response) => response.transform("x" as never),
};

describe("a response of a test", async () => {
  const fields: [string, string][] = [
    ["content-encoding", "gzip"],
    ["etag", '"v1"'],
    ["set-cookie", "a=1"],
    ["x-a", "1"],
  ];
  const outcomes = new Map<string, unknown>();
  const proxy = await createTestProxy(
    {
      upstreams: { api: { targets: ["http://10.0.0.1"] } },
      async onResponse(response, ctx) {
        const name = ctx.state["name"] as string;
        const run = ON_RESPONSE[name] as (response: ProxyResponse) => unknown;
        outcomes.set(name, await outcomeOf(() => run(response)));
      },
      onRequest(request, ctx) {
        ctx.state["name"] = request.headers.get("x-operation");
      },
    },
    { upstreams: { api: () => new Response(gzipSync("hello"), { headers: fields }) } },
  );
  for (const name of Object.keys(ON_RESPONSE)) {
    await proxy.fetch("/", { headers: { "x-operation": name, "accept-encoding": "gzip" } });
  }
  await proxy.close();

  it.each(Object.keys(ON_RESPONSE))("does what that of the proxy does: %s", async (name) => {
    const response = makeResponse(gzipSync("hello"), { headers: fields });
    const run = ON_RESPONSE[name] as (response: ProxyResponse) => unknown;
    expect(outcomes.has(name)).toBe(true);
    expect(await outcomeOf(() => run(response))).toEqual(outcomes.get(name));
  });

  it("shows what the client would get: all edits, in their order, chunk by chunk", async () => {
    const sizes: number[] = [];
    const response = makeResponse("x".repeat(100_000));
    response.transform(async function* (chunks) {
      for await (const chunk of chunks) {
        sizes.push(chunk.byteLength);
        yield chunk;
      }
      yield "one";
    });
    response.transform(async function* (chunks) {
      yield* chunks;
      yield "two";
    });
    expect((await response.sentText()).slice(99_999)).toBe("xonetwo");
    expect(sizes).toEqual([65_536, 34_464]);
    response.setBody("plain");
    expect(await response.sentText()).toBe("plain");
  });
});

describe("makeContext", () => {
  it("has a request: the one that is given, that of a path, or one for /", () => {
    expect(makeContext().request.path).toBe("/");
    expect(makeContext({ request: "/a?b" }).request.search).toBe("?b");
    const request = makeRequest("https://a.test/", { method: "POST" });
    expect(makeContext({ request }).request).toBe(request);
  });

  it("says of what is absent that it is switched off, as the proxy does", () => {
    const ctx = makeContext();
    for (const [use, option] of [
      [() => ctx.limit("a"), "rateLimits"],
      [() => ctx.listed("a"), "blocklists"],
      [() => ctx.challenge(), "challenge"],
      [() => ctx.cache, "cache"],
      [() => ctx.waf, "waf"],
    ] as const) {
      expect(use).toThrow(expect.objectContaining({ code: "PROXY_CAPABILITY_OFF" }));
      expect(use).toThrow(`\`${option}\`, which is switched off`);
    }
  });

  it("keeps what the hook did", async () => {
    const ctx = makeContext({ cache: "miss", limits: { login: () => OUTCOME }, fetch: () => OK });
    ctx.log.warn({ user: "ada" }, "odd");
    ctx.log.info("plain");
    ctx.cache.tag("a", "b");
    ctx.cache.ttl("1m");
    ctx.cache.bypass();
    expect(ctx.cache.invalidate({ tag: "a" })).toBe(1);
    expect(ctx.limit("login", ["ada"])).toBe(OUTCOME);
    ctx.compression.off();
    ctx.earlyHints(["</a.css>"]);
    ctx.waitUntil(Promise.resolve().then(() => ctx.log.debug("late")));
    expect(await ctx.fetch("https://id.test/", { method: "POST" })).toBe(OK);
    await ctx.settled();
    expect(ctx.seen).toMatchObject({
      logs: [
        { level: "warn", fields: { user: "ada" }, message: "odd" },
        { level: "info", fields: {}, message: "plain" },
        { level: "debug", message: "late" },
      ],
      cache: {
        bypassed: true,
        tags: ["a", "b"],
        ttl: "1m",
        purges: [{ tag: "a", soft: true }],
      },
      limits: [{ name: "login", key: ["ada"] }],
      fetches: [{ target: "https://id.test/", init: { method: "POST" } }],
      earlyHints: ["</a.css>"],
      compressionOff: true,
    });
    ctx.waitUntil(Promise.reject(new Error("lost")));
    await expect(ctx.settled()).rejects.toThrow("lost");
  });

  it("shows the figures it was given", async () => {
    const ctx = makeContext({
      upstreams: { api: { active: 3 } },
      load: { requestsPerSecond: 50 },
      waf: { matches: [MATCH] },
    });
    expect(ctx.upstreams["api"]).toMatchObject({ name: "api", active: 3, queued: 0 });
    expect(ctx.load).toMatchObject({ requestsPerSecond: 50, p95Ms: 0 });
    expect(ctx.waf).toMatchObject({ mode: "block", points: 5 });
    expect(await ctx.waf.inspect()).toEqual([MATCH]);
    expect(() => ctx.forward("web")).toThrow("known: api");
    await expect(makeContext().fetch("https://a.test/")).rejects.toThrow("give makeContext a");
  });
});

const OK = new Response("ok");
const OUTCOME = { allowed: false, remaining: 0, retryAfterMs: 500 };
const MATCH = {
  rule: "sqli-structure",
  message: "",
  severity: "critical",
  tags: [],
  points: 5,
  place: "ARGS_GET:q",
  text: "",
  phase: "head",
} as const;

describe("runHook", () => {
  const plugin = definePlugin(() => ({
    name: "guard",
    onRequest: (request, ctx) => (request.path === "/no" ? ctx.block("no") : undefined),
    onResponse: (() => false) as never,
    onUpstreamResponse: (() => ({ kind: "drop" })) as never,
  }))();

  it("gives what the hook decides", async () => {
    const ctx = makeContext();
    expect(await runHook(plugin, "onRequest", makeRequest("/no"), ctx)).toEqual({
      kind: "block",
      reason: "no",
    });
    expect(await runHook(plugin, "onRequest", makeRequest("/"), ctx)).toBeUndefined();
  });

  it("refuses what the proxy would answer with 500", async () => {
    const asked = (name: "onResponse" | "onUpstreamResponse") =>
      runHook(plugin, name, makeResponse(), makeContext());
    await expect(asked("onResponse")).rejects.toThrow("onResponse returned false");
    await expect(asked("onUpstreamResponse")).rejects.toThrow("may return nothing");
    await expect(runHook({}, "onRequest", makeRequest(), makeContext())).rejects.toThrow(
      "no onRequest",
    );
  });
});

describe("makePluginEnv", () => {
  it("keeps values until it is disposed of, as generations do", async () => {
    const events: string[] = [];
    const env = makePluginEnv();
    const keep = () =>
      env.keep(
        "db",
        () => (events.push("made"), "db"),
        (value) => void events.push(`${value} closed`),
      );
    expect(await Promise.all([keep(), keep()])).toEqual(["db", "db"]);
    env.log.info("set up");
    expect(env.logs).toHaveLength(1);
    await env.dispose();
    expect(events).toEqual(["made", "db closed"]);
    expect(() => env.dataDir).toThrow("dataDir");
  });
});

describe("the SDK", () => {
  it("imports nothing but its own files, not even from Node", () => {
    const files = globSync("**/*.ts", { cwd: SDK, exclude: ["node_modules/**", "dist/**"] });
    const foreign = files.flatMap((file) =>
      [...readFileSync(`${SDK}${file}`, "utf8").matchAll(/^(?:import|export) .*from "([^"]+)"/gm)]
        .map(([, from]) => from as string)
        .filter((from) => !/^\.\.?\/[a-z-]+\.ts$/.test(from)),
    );
    expect(files.length).toBeGreaterThan(20);
    expect(foreign).toEqual([]);
    const manifest = JSON.parse(readFileSync(`${SDK}package.json`, "utf8")) as object;
    expect(Object.keys(manifest).filter((key) => /dependencies/i.test(key))).toEqual([]);
  });
});
