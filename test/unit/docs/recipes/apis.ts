import { expect } from "vitest";

import { named, pages, type Recipe } from "./recipe.ts";

const KEY = { "x-api-key": "key-of-acme" };
const FREE = { "x-api-key": "key-of-ada" };
const APP = { origin: "https://app.example" };

export const apis: Readonly<Record<string, Recipe>> = {
  "api-gateway": {
    upstreams: {
      orders: () => new Response("orders", { headers: { server: "x", "x-powered-by": "y" } }),
      users: named("users"),
    },
    checks: [
      {
        does: "sends a customer's request to the service, without version and key",
        ask: "POST /v1/orders/7?a=1",
        fields: { ...KEY, "x-customer": "root" },
        content: "{}",
        status: 200,
        answer: { server: null, "x-powered-by": null },
        upstream: "orders",
        sees: { path: "/orders/7?a=1", fields: { "x-customer": "acme", "x-api-key": null } },
      },
      { does: "serves users", ask: "GET /v1/users/1", fields: KEY, status: 200, upstream: "users" },
      {
        does: "knows no other method",
        ask: "DELETE /v1/users/1",
        fields: KEY,
        status: 404,
        text: /"error":"PROXY_ROUTE_NOT_FOUND"/,
        upstream: null,
      },
      {
        does: "refuses who has no key",
        ask: "GET /v1/orders/7",
        status: 401,
        text: /^\{"error":"PROXY_BLOCKED","request":"[^"]+"\}$/,
        upstream: null,
      },
      { does: "answers health checks itself", ask: "GET /health", status: 200, text: "ok\n" },
      { does: "knows no other path", ask: "GET /internal", fields: KEY, status: 404 },
      {
        does: "refuses large content",
        ask: "POST /v1/orders",
        fields: KEY,
        content: "x".repeat(1_100_000),
        status: 413,
        text: /"error":"PROXY_CONTENT_TOO_LARGE"/,
        upstream: null,
      },
    ],
  },

  subrequests: {
    upstreams: {
      app: (request) => new Response(`user ${request.headers.get("x-user")}`),
      prices: pages({ "/7": () => Response.json(12), "/8": () => Response.json(9) }),
      stock: pages({ "/7": () => Response.json(3) }),
      sessions: (request) => {
        const cookie = request.headers.get("cookie") ?? "";
        if (cookie.includes("session=broken")) return new Response(null, { status: 500 });
        if (!cookie.includes("session=1")) return new Response(null, { status: 401 });
        return new Response("ok", { headers: { "x-user": "ada" } });
      },
    },
    checks: [
      {
        does: "makes one answer of two services",
        ask: "GET /api/products/7",
        status: 200,
        text: '{"price":12,"stock":3}',
      },
      {
        does: "does without the one that is optional",
        ask: "GET /api/products/8",
        status: 200,
        text: '{"price":9,"stock":null}',
      },
      { does: "says what does not exist", ask: "GET /api/products/9", status: 404 },
      {
        does: "tells the application who it is",
        ask: "GET /account",
        fields: { cookie: "session=1", "x-user": "root" },
        status: 200,
        text: "user ada",
        upstream: "app",
      },
      {
        does: "sends strangers to the login",
        ask: "GET /account",
        status: 303,
        answer: { location: "/login" },
        upstream: "sessions",
      },
      {
        does: "lets them log in, and believes nothing they say",
        ask: "GET /login",
        fields: { "x-user": "root" },
        status: 200,
        text: "user null",
        upstream: "app",
      },
      {
        does: "lets nobody in where the session service is broken",
        ask: "GET /account",
        fields: { cookie: "session=broken" },
        status: 503,
        upstream: "sessions",
      },
      {
        does: "lets nobody in where it is gone",
        ask: "GET /account",
        fields: { cookie: "session=1" },
        before: (proxy) => proxy.disconnect("http://127.0.0.1:3001"),
        status: 502,
        text: /"code":"PROXY_UPSTREAM_CONNECT"/,
      },
    ],
  },

  cors: {
    upstreams: {
      api: () => new Response("items", { headers: { "access-control-allow-origin": "*" } }),
    },
    checks: [
      {
        does: "answers a preflight",
        ask: "OPTIONS /items",
        fields: {
          ...APP,
          "access-control-request-method": "PUT",
          "access-control-request-headers": "authorization",
        },
        status: 204,
        answer: {
          "access-control-allow-origin": APP.origin,
          "access-control-allow-credentials": "true",
          "access-control-allow-headers": "authorization",
        },
        upstream: null,
      },
      {
        does: "says so on the answer itself, in place of what the service says",
        ask: "GET /items",
        fields: APP,
        status: 200,
        answer: {
          "access-control-allow-origin": APP.origin,
          "access-control-expose-headers": "x-total-count",
          vary: /Origin/,
        },
        upstream: "api",
      },
      {
        does: "says nothing to pages of others",
        ask: "GET /items",
        fields: { origin: "https://evil.example" },
        status: 200,
        answer: { "access-control-allow-origin": null },
      },
    ],
  },

  "request-ids": {
    upstreams: {
      app: (request) =>
        new Response("app", { status: request.url.endsWith("/broken") ? 500 : 200 }),
    },
    checks: [
      {
        does: "gives client and upstream the same id, which a stranger does not choose",
        async run(proxy) {
          const headers = { "x-request-id": "mine" };
          const id = (await proxy.fetch("/", { headers })).headers.get("x-request-id");
          expect(id).toMatch(/^[a-z0-9]{10,}$/);
          expect(proxy.upstreamCalls.at(-1)?.request.headers.get("x-request-id")).toBe(id);
          expect(proxy.requests.at(-1)?.id).toBe(id);
        },
      },
      {
        does: "keeps the id of a proxy that is trusted",
        ask: "GET /",
        fields: { "x-request-id": "mine", "x-forwarded-for": "203.0.113.9" },
        client: { address: "10.0.0.1" },
        status: 200,
        answer: { "x-request-id": "mine" },
        sees: { fields: { "x-request-id": "mine" } },
      },
      {
        does: "goes on with a trace",
        ask: "GET /",
        fields: { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` },
        status: 200,
        sees: { fields: { traceparent: /^00-a{32}-(?!b{16})[0-9a-f]{16}-01$/ } },
      },
      {
        does: "logs the trace of what failed, and of nothing else",
        async run(proxy) {
          const headers = { traceparent: `00-${"c".repeat(32)}-${"b".repeat(16)}-01` };
          await proxy.fetch("/broken", { headers });
          const lines = proxy.logs.filter(({ msg }) => msg === "a request failed");
          expect(lines).toMatchObject([{ trace: "c".repeat(32), status: 500 }]);
        },
      },
    ],
  },

  "rate-limits-by-key": {
    upstreams: { api: named("api") },
    checks: [
      { does: "wants a key", ask: "GET /items", status: 401, upstream: null },
      ...[1, 0].map((remaining) => ({
        does: `allows a burst, ${remaining} left`,
        ask: "GET /items",
        fields: FREE,
        status: 200,
        answer: { ratelimit: new RegExp(`"free";r=${remaining};`) },
        upstream: "api",
      })),
      {
        does: "then refuses the key, wherever it comes from",
        ask: "GET /items",
        fields: FREE,
        client: { address: "203.0.113.7" },
        status: 429,
        answer: { "retry-after": "1" },
        text: '{"error":"too many requests","plan":"free"}',
        upstream: null,
      },
      { does: "counts another key for itself", ask: "GET /items", fields: KEY, status: 200 },
      {
        does: "allows one more in a second",
        ask: "GET /items",
        fields: FREE,
        before: (proxy) => proxy.advance("1s"),
        status: 200,
      },
    ],
  },
};
