import { defineConfig } from "@gatewright/sdk";

import { shop } from "./shop.ts";

export default defineConfig({
  listen: { port: 8080 },
  upstreams: { shop: { fetch: shop } },

  // What holds for every route that caches. Nothing is stored where no route asks for it.
  cache: { maxSize: "64mb", staleIfError: "1h" },

  routes: [
    // The shop says itself for how long: Cache-Control: max-age=31536000.
    { match: { path: "/assets/*" }, upstream: "shop", cache: true },
    {
      name: "products",
      match: { path: "/products/*" },
      upstream: "shop",
      // It says nothing of these: fresh for two seconds, then for a minute answered at once and fetched behind it.
      cache: {
        ttl: "2s",
        staleWhileRevalidate: "1m",
        ignoreQuery: ["utm_source", "utm_campaign"],
        tags: ["products"],
      },
    },
    // No `cache`: the basket is always fetched.
    { match: { path: "/basket" }, upstream: "shop" },
  ],

  onRequest(request, ctx) {
    // The shop's back office tells what has changed: POST /changed?product=7
    if (request.path === "/changed" && request.method === "POST") {
      if (request.headers.get("x-key") !== "back office") return ctx.block("no key");
      return ctx.json({
        purged: ctx.cache.purge({ tag: `product-${request.query.get("product")}` }),
      });
    }
    // Editors see what customers will see.
    if (request.headers.has("x-editor")) ctx.cache.bypass();
  },

  onUpstreamResponse(response, ctx) {
    // Runs once for each fetch, and is part of what is stored.
    const product = response.headers.get("x-product");
    if (product !== null) ctx.cache.tag(`product-${product}`);
  },

  onResponse(response, ctx) {
    // Runs for each client: "hit", "stale", "miss" …
    response.headers.set("x-cache", ctx.cache.status ?? "none");
  },
});
