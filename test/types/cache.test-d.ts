import { defineConfig, type CacheView, type PurgeSelection } from "@gatewright/sdk";

/** What of the cache must compile, and what must not. */

const api = { targets: ["http://127.0.0.1:9000"] };

// --- Options -------------------------------------------------------------------------------------------------------

export const options = defineConfig({
  upstreams: { api },
  cache: { maxSize: "1gb", maxEntry: 1_000_000, ttl: "1m", staleIfError: "1h" },
  routes: [
    { match: { path: "/a/*" }, upstream: "api", cache: true },
    { match: { path: "/b/*" }, upstream: "api", cache: false },
    {
      match: { path: "/c/*" },
      upstream: "api",
      cache: {
        ttl: 500,
        key: (request) => [request.headers.get("x-shop") ?? "", request.path],
        vary: ["x-device"],
        methods: ["GET"],
        statuses: [200, 404],
        ignoreQuery: ["utm_source"],
        tags: ["c"],
        staleWhileRevalidate: "30s",
        errorStatuses: [500],
        heuristic: false,
        setCookie: "strip",
      },
    },
  ],
});

export const wrong = defineConfig({
  upstreams: { api },
  routes: [
    // @ts-expect-error -- the size of the store is the top level's
    { match: { path: "/a" }, upstream: "api", cache: { maxSize: "1gb" } },
    // @ts-expect-error -- a duration has a unit
    { match: { path: "/b" }, upstream: "api", cache: { ttl: "5 minutes" } },
    // @ts-expect-error -- only GET and HEAD
    { match: { path: "/c" }, upstream: "api", cache: { methods: ["POST"] } },
    // @ts-expect-error -- the key must not wait
    { match: { path: "/d" }, upstream: "api", cache: { key: async () => "k" } },
    // @ts-expect-error -- a known policy
    { match: { path: "/e" }, upstream: "api", cache: { setCookie: "keep" } },
    // @ts-expect-error -- a misspelt option
    { match: { path: "/f" }, upstream: "api", cache: { swr: "1m" } },
  ],
});

// --- ctx.cache -----------------------------------------------------------------------------------------------------

export const hooks = defineConfig({
  upstreams: { api },
  routes: [{ upstream: "api", cache: true }],
  onRequest(request, ctx) {
    if (request.headers.has("x-editor")) ctx.cache.bypass();
    const counts: number[] = [
      ctx.cache.purge({ url: request.url }),
      ctx.cache.purge({ prefix: "https://a.test/news/", soft: true }),
      ctx.cache.purge({ tag: "a" }),
      ctx.cache.invalidate({ tag: ["a", "b"] }),
      ctx.cache.invalidate({ all: true }),
    ];
    return ctx.json(counts);
  },
  onUpstreamResponse(_response, ctx) {
    ctx.cache.tag("a", "b");
    ctx.cache.ttl("1m");
  },
  onResponse(response, ctx) {
    const status: "hit" | "stale" | "revalidated" | "miss" | "joined" | "bypass" | undefined =
      ctx.cache.status;
    response.headers.set("x-cache", status ?? "none");
  },
  onComplete(record) {
    const why: string | undefined = record.notStored;
    void why;
  },
});

export function misuse(cache: CacheView): void {
  // @ts-expect-error -- `tag`, of one or several
  cache.purge({ tags: ["a"] });
  // @ts-expect-error -- one of the four
  cache.purge({});
  // @ts-expect-error -- everything is said as `all: true`
  cache.purge({ all: false });
  // @ts-expect-error -- the selection is not optional
  cache.invalidate();
  // @ts-expect-error -- tags are texts
  cache.tag(1);
  // @ts-expect-error -- a duration has a unit
  cache.ttl("soon");
  // @ts-expect-error -- it is not for hooks to say
  cache.status = "hit";
}

export const selections: readonly PurgeSelection[] = [
  { url: "https://a.test/" },
  { prefix: "https://a.test/", soft: true },
  { tag: "a" },
  { tag: ["a"] },
  { all: true },
];
