import { expect } from "vitest";

import { html, named, type Recipe } from "./recipe.ts";

const PURGE_KEY = "0123456789abcdef";
const UPLOAD = { authorization: "Bearer x", "content-type": "image/png" };

/** The application behind `cache-html`. */
let isDown = false;

export const content: Readonly<Record<string, Recipe>> = {
  "cache-html": {
    upstreams: {
      app: (request) => {
        const { pathname } = new URL(request.url);
        if (isDown) return new Response("sorry", { status: 503 });
        if (pathname === "/private") return html("yours", { "cache-control": "private" });
        return html(pathname);
      },
    },
    checks: [
      {
        does: "fetches a page once",
        ask: "GET /news?utm_source=mail",
        status: 200,
        answer: { "x-cache": "miss" },
        upstream: "app",
      },
      {
        does: "answers it from memory, whatever was said of campaigns",
        ask: "GET /news?gclid=1",
        status: 200,
        answer: { "x-cache": "hit" },
        text: "/news",
        upstream: null,
      },
      {
        does: "fetches it for who is logged in",
        ask: "GET /news",
        fields: { cookie: "session=1" },
        status: 200,
        answer: { "x-cache": "bypass" },
        upstream: "app",
      },
      {
        does: "stores nothing of the cart",
        ask: "GET /cart/",
        fields: { cookie: "session=1" },
        status: 200,
        answer: { "x-cache": null, "cache-status": null },
        upstream: "app",
      },
      {
        does: "answers a page that is a little old at once",
        ask: "GET /news",
        before: (proxy) => proxy.advance("20s"),
        status: 200,
        answer: { "x-cache": "stale" },
      },
      {
        does: "bridges an outage",
        ask: "GET /news",
        async before(proxy) {
          isDown = true;
          await proxy.advance("3h");
        },
        status: 200,
        answer: { "x-cache": "stale" },
        text: "/news",
      },
      {
        does: "stores nothing that is private",
        async run(proxy) {
          isDown = false;
          for (let i = 0; i < 2; i++) {
            expect((await proxy.fetch("/private")).headers.get("x-cache")).toBe("miss");
          }
        },
      },
    ],
  },

  "purge-by-tag": {
    env: { PURGE_KEY },
    page: { variables: () => ({ PURGE_KEY }) },
    upstreams: {
      shop: (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/list") return html("list", { "cache-tag": "product-7, list" });
        return html(pathname, { "x-product": pathname.split("/")[2] ?? "" });
      },
    },
    checks: [
      ...["/products/7", "/products/8", "/list"].map((path) => ({
        does: `fetches ${path} once`,
        ask: `GET ${path}`,
        status: 200,
        upstream: "shop",
      })),
      {
        does: "answers it from memory for long, without its tags",
        ask: "GET /list",
        before: (proxy) => proxy.advance("1h"),
        status: 200,
        answer: { "cache-tag": null },
        upstream: null,
      },
      {
        does: "purges what shows a product",
        ask: "POST /changed",
        fields: { authorization: `Bearer ${PURGE_KEY}` },
        content: '{"tags":["product-7"]}',
        status: 200,
        text: '{"purged":2}',
        upstream: null,
      },
      { does: "then fetches the page", ask: "GET /products/7", status: 200, upstream: "shop" },
      { does: "and the list", ask: "GET /list", status: 200, upstream: "shop" },
      { does: "keeps the others", ask: "GET /products/8", status: 200, upstream: null },
      {
        does: "takes orders from nobody else",
        ask: "POST /changed",
        fields: { authorization: "Bearer guess" },
        content: '{"tags":["shop"]}',
        status: 401,
      },
    ],
  },

  "rewrite-html": {
    upstreams: {
      app: (request) =>
        request.url.endsWith(".json")
          ? Response.json("http://old.internal/")
          : html('<body><a href="http://old.internal/cart">Cart</a><img src="/a.png"></body>'),
    },
    checks: [
      {
        does: "edits links, images and the body",
        ask: "GET /",
        status: 200,
        answer: { "content-length": null },
        text: '<body><p class="banner">New prices from Monday.</p><a href="/cart">Cart</a><img src="/a.png" loading="lazy"></body>',
      },
      {
        does: "leaves everything else alone",
        ask: "GET /a.json",
        status: 200,
        text: '"http://old.internal/"',
      },
    ],
  },

  uploads: {
    upstreams: { app: named("app"), files: named("files") },
    checks: [
      {
        does: "passes an upload on",
        ask: "PUT /files/a.png",
        fields: UPLOAD,
        content: "x".repeat(3_000_000),
        status: 200,
        upstream: "files",
        sees: { content: "x".repeat(3_000_000) },
      },
      {
        does: "wants a token",
        ask: "PUT /files/a.png",
        fields: { "content-type": "image/png" },
        content: "x",
        status: 401,
        upstream: null,
      },
      {
        does: "wants a picture",
        ask: "PUT /files/a.png",
        fields: { ...UPLOAD, "content-type": "text/html" },
        content: "x",
        status: 415,
        upstream: null,
      },
      {
        does: "takes small forms elsewhere",
        ask: "POST /form",
        content: "a=1",
        status: 200,
        upstream: "app",
      },
      {
        does: "and no large ones",
        ask: "POST /form",
        content: "x".repeat(3_000_000),
        status: 413,
        upstream: null,
      },
      { does: "serves files", ask: "GET /files/a.png", status: 200, upstream: "files" },
      {
        does: "takes four at a time",
        async run(proxy) {
          const endless = (): ReadableStream =>
            new ReadableStream({ pull: () => new Promise(() => {}) });
          const controller = new AbortController();
          const put = (): Promise<Response> =>
            proxy.fetch("/files/b.png", {
              method: "PUT",
              headers: UPLOAD,
              body: endless(),
              duplex: "half",
              signal: controller.signal,
            });
          const running = Array.from({ length: 4 }, () => put().catch(() => undefined));
          await proxy.settled();
          expect((await put()).status).toBe(429);
          controller.abort();
          await Promise.all(running);
        },
      },
    ],
  },
};
