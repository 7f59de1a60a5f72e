import {
  defineConfig,
  definePlugin,
  type ConfigInput,
  type GatewrightConfig,
} from "@gatewright/sdk";

/** What must compile, and what must not. A `@ts-expect-error` over a line without an error is an error itself. */

const targets = ["http://127.0.0.1:9000"];
const api = { targets };

// --- Forms of a config ---------------------------------------------------------------------------------------------

export const empty = defineConfig({});

export const object = defineConfig({
  upstreams: { api, web: { targets: [{ url: "http://127.0.0.1:9001", weight: 2 }] } },
  routes: [
    {
      match: { host: "*.example.com", path: ["/a", "/b/*"], method: ["GET", "POST"] },
      upstream: "api",
    },
    { match: { path: "/old" }, redirect: { to: "/new", status: 308 } },
    { name: "robots", match: { path: "/robots.txt" }, respond: { body: "User-agent: *" } },
    { match: { headers: { "x-a": /^b/, "x-c": true }, query: { q: "1" } }, upstream: "web" },
    { match: { when: (request) => request.headers.get("x") === "y" }, upstream: "web" },
  ],
  onRequest(request, ctx) {
    if (request.path === "/a") return ctx.forward("api", { responseHeadTimeout: "10s" });
    if (request.path === "/b") return ctx.redirect("/c", 308);
    if (request.path === "/d") return new Response("hello");
    if (request.path === "/e") return ctx.json({ a: 1 });
    if (request.path === "/f") return ctx.block("no");
    if (request.path === "/g") return ctx.drop();
    if (request.path === "/h") return { kind: "forward", upstream: "web" };
    return;
  },
  onResponse(response) {
    response.headers.set("x-served-by", "gatewright");
  },
});

export const fromFunction = defineConfig((env) => ({
  upstreams: { api },
  listen: { port: Number(env.env["PORT"] ?? 8080) },
  onRequest: (_request, ctx) => ctx.forward("api"),
}));

export const fromAsyncFunction = defineConfig(async ({ command, dir }) => {
  await Promise.resolve();
  return {
    upstreams: { api },
    dataDir: `${dir}/${command}`,
    routes: [{ upstream: "api" }],
  };
});

export const fromPromise = defineConfig(
  Promise.resolve({ upstreams: { api }, routes: [{ upstream: "api" as const }] }),
);

export const withFetch = defineConfig({
  upstreams: {
    app: { fetch: () => new Response("hello") },
    worker: {
      fetch: async (request: Request, _env: unknown, ctx: ExecutionContextLike) => {
        ctx.waitUntil(Promise.resolve());
        return new Response(request.url);
      },
    },
  },
  routes: [{ upstream: "app" }],
  onRequest: (request, ctx) => (request.method === "GET" ? ctx.forward("worker") : undefined),
});
interface ExecutionContextLike {
  waitUntil(promise: Promise<unknown>): void;
}

export const asyncHooks = defineConfig({
  upstreams: { api },
  async onRequest(request, ctx) {
    const body = await request.json();
    if (body === null) return ctx.respond(400);
    const answer = await ctx.fetch("api", { path: "/check", method: "POST" });
    await ctx.fetch("https://a.test/x");
    ctx.waitUntil(Promise.resolve());
    ctx.earlyHints("</a.css>; rel=preload");
    return answer.ok ? undefined : ctx.respond(403);
  },
  async onUpstreamResponse(response) {
    response.transform(async function* (chunks) {
      for await (const chunk of chunks) yield chunk;
      yield "end";
    });
  },
  onError: (error, ctx) =>
    error.code === "PROXY_UPSTREAM_CONNECT" ? ctx.forward("api") : undefined,
  onUpgrade: (_request, ctx) => ctx.block("closed"),
  onComplete(record, ctx) {
    ctx.log.info({ total: record.times.total }, "done");
  },
});

// What a config file exports is accepted as such, typed by hand too.
export const inputs: ConfigInput[] = [
  { upstreams: { api } },
  async () => ({}),
  Promise.resolve({}),
];
export const byHand = {
  upstreams: { api },
  routes: [{ upstream: "api" }],
} satisfies GatewrightConfig;
export const named: GatewrightConfig<"api"> = { upstreams: { api } };

// --- Names of upstreams --------------------------------------------------------------------------------------------

export const misspeltForward = defineConfig({
  upstreams: { api },
  // @ts-expect-error -- no upstream has this name
  onRequest: (_request, ctx) => ctx.forward("apii"),
});

export const misspeltForwardInFunction = defineConfig(() => ({
  upstreams: { api },
  // @ts-expect-error -- no upstream has this name
  onRequest: (_request, ctx) => ctx.forward("apii"),
}));

export const misspeltForwardInNestedFunction = defineConfig((env) =>
  defineConfig({
    upstreams: { api },
    listen: { port: Number(env.env["PORT"]) },
    // @ts-expect-error -- no upstream has this name
    onRequest: (_request, ctx) => ctx.forward("apii"),
  }),
);

export const misspeltInAsyncHook = defineConfig({
  upstreams: { api },
  async onRequest(_request, ctx) {
    await Promise.resolve();
    // @ts-expect-error -- no upstream has this name
    return ctx.forward("apii");
  },
});

export const misspeltFetch = defineConfig({
  upstreams: { api },
  async onRequest(_request, ctx) {
    // @ts-expect-error -- neither an upstream's name nor an absolute URL
    await ctx.fetch("apii");
  },
});

export const misspeltRoute = defineConfig({
  upstreams: { api },
  // @ts-expect-error -- no upstream has this name
  routes: [{ upstream: "apii" }],
});

// @ts-expect-error -- no upstream has this name
export const misspeltRouteInFunction = defineConfig(() => ({
  upstreams: { api },
  routes: [{ upstream: "apii" }],
}));

export const noUpstreams = defineConfig({
  // @ts-expect-error -- there is no upstream at all
  routes: [{ upstream: "api" }],
});

export const fallback = defineConfig({
  upstreams: { api },
  // @ts-expect-error -- no upstream has this name
  onError: (_error, ctx) => ctx.forward("apii"),
});

// --- Decisions where they do not belong ----------------------------------------------------------------------------

export const forwardInResponse = defineConfig({
  upstreams: { api },
  // @ts-expect-error -- the response is there already
  onResponse: (_response, ctx) => ctx.forward("api"),
});

export const challengeInResponse = defineConfig({
  // @ts-expect-error -- too late for a challenge
  onResponse: (_response, ctx) => ctx.challenge(),
});

export const challengeInError = defineConfig({
  // @ts-expect-error -- a failed request is not challenged
  onError: (_error, ctx) => ctx.challenge(),
});

export const decisionInUpstreamResponse = defineConfig({
  // @ts-expect-error -- changes the head only: what is stored is not decided here
  onUpstreamResponse: (_response, ctx) => ctx.respond(200),
});

export const wrongKind = defineConfig({
  // @ts-expect-error -- no such decision
  onRequest: () => ({ kind: "redirect", to: "/" }),
});

export const wrongReturn = defineConfig({
  // @ts-expect-error -- a hook decides, it does not answer with text
  onRequest: () => "hello",
});

// --- Values --------------------------------------------------------------------------------------------------------

export const units = defineConfig({
  upstreams: {
    api: { targets, idleTimeout: "60s", queueTimeout: 250, timeouts: { connect: "1.5s" } },
  },
  requestContent: { memory: "2mb" },
  limits: { head: 16_384, headTime: "10s" },
  drainTimeout: "5m",
});

export const wordyDuration = defineConfig({
  // @ts-expect-error -- "10s"
  drainTimeout: "10 seconds",
});

export const wordySize = defineConfig({
  // @ts-expect-error -- "1mb"
  requestContent: { memory: "1 megabyte" },
});

export const unknownKey = defineConfig({
  // @ts-expect-error -- no such option
  upstream: { api },
});

export const unknownRouteKey = defineConfig({
  upstreams: { api },
  // @ts-expect-error -- no such option
  routes: [{ path: "/a", upstream: "api" }],
});

export const wrongStatus = defineConfig({
  // @ts-expect-error -- no redirect
  routes: [{ redirect: { to: "/", status: 200 } }],
});

export const wrongFetch = defineConfig({
  // @ts-expect-error -- answers with text instead of a Response
  upstreams: { app: { fetch: () => "hello" } },
});

export const listenWithoutPort = defineConfig({
  // @ts-expect-error -- `port` is required
  listen: { host: "0.0.0.0" },
});

// --- Facades -------------------------------------------------------------------------------------------------------

export const facade = defineConfig({
  onRequest(request, ctx) {
    request.method = "POST";
    request.path = "/x";
    request.search = "?a=1";
    request.headers.append("x-a", 1);
    ctx.state["user"] = { id: 1 };
    ctx.score.add(1, "odd");
    // @ts-expect-error -- read-only
    request.url = "http://a.test/";
    // @ts-expect-error -- read-only
    ctx.id = "x";
    // @ts-expect-error -- read-only
    ctx.score.total = 0;
    // @ts-expect-error -- JSON is unknown until it has been checked
    void request.json().then((value) => value.id);
    const address: string = ctx.client.address;
    return address === "" ? ctx.drop() : undefined;
  },
});

// --- WAF -----------------------------------------------------------------------------------------------------------

export const waf = defineConfig({
  upstreams: { api },
  waf: {
    exclude: [{ path: "/cms/*", rules: ["sqli-structure", "xss-*", "own-rule"], tags: ["mine"] }],
    rules: [
      {
        id: "own-rule",
        message: "Mine",
        variables: ["ARGS:a", "&REQUEST_HEADERS"],
        transformations: ["trim"],
        operator: { detect: () => undefined },
      },
    ],
    onMatch(matches, request, ctx) {
      const [first] = matches;
      // @ts-expect-error -- read-only
      if (first !== undefined) first.points = 0;
      if (first?.phase === "content") return ctx.forward("api");
      return request.path === "/" ? ctx.block(first?.rule ?? "") : undefined;
    },
  },
  routes: [{ upstream: "api", waf: { mode: "flag", response: { threshold: 3 } } }, { waf: false }],
  async onRequest(_request, ctx) {
    const matches = await ctx.waf.inspect();
    // @ts-expect-error -- read-only
    ctx.waf.matches.length = 0;
    return matches.some(({ tags }) => tags.includes("attack-sqli")) ? ctx.drop() : undefined;
  },
});

export const wafMistakes = defineConfig({
  upstreams: { api },
  waf: {
    // @ts-expect-error -- no such mode
    mode: "on",
    rules: [
      {
        id: "own-rule",
        message: "Mine",
        // @ts-expect-error -- no such variable
        variables: ["ARG:a"],
        operator: { rx: /x/ },
      },
      // @ts-expect-error -- no such operator
      { id: "own-other", message: "Mine", variables: ["ARGS"], operator: { rex: /x/ } },
    ],
    // @ts-expect-error -- no decision
    onMatch: () => false,
  },
});

// --- Plugins -------------------------------------------------------------------------------------------------------

const stamp = definePlugin((options: { header: string; value?: string }) => ({
  name: "stamp",
  order: "pre",
  async setup(env) {
    const kept = await env.keep(
      "client",
      () => ({ close() {} }),
      (client) => client.close(),
    );
    return () => kept.close();
  },
  onResponse(response) {
    response.headers.set(options.header, options.value ?? "1");
  },
}));
const bare = definePlugin(() => ({ name: "bare" }));

export const plugins = defineConfig({
  plugins: [stamp({ header: "x-a" }), bare(), false, null, undefined, [bare()]],
});

// @ts-expect-error -- `header` is missing
stamp({});
// @ts-expect-error -- `header` is a text
stamp({ header: 1 });
// @ts-expect-error -- takes no options
bare({ header: "x" });
// @ts-expect-error -- a plugin has a name
definePlugin(() => ({ onRequest() {} }));
// @ts-expect-error -- no such order
definePlugin(() => ({ name: "x", order: "first" }));
export const factoryInsteadOfPlugin = defineConfig({
  // @ts-expect-error -- forgot to call it
  plugins: [stamp],
});
