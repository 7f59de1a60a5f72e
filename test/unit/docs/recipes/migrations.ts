import { expect } from "vitest";

import { html, named, type Recipe } from "./recipe.ts";

const INSIDE = { address: "10.1.2.3" };
const OUTSIDE = { address: "203.0.113.9" };
const ORIGIN = "https://example.com";

export const migrations: Readonly<Record<string, Recipe>> = {
  "from-nginx": {
    upstreams: {
      app: (request) => new Response(new URL(request.url).pathname, { headers: { etag: '"1"' } }),
      api: named("api"),
    },
    checks: [
      {
        does: "sends plain http to https",
        ask: "GET http://example.com/a?b=1",
        status: 308,
        answer: { location: "https://example.com/a?b=1" },
        upstream: null,
      },
      {
        does: "serves the application",
        ask: `GET ${ORIGIN}/a`,
        fields: { "x-forwarded-for": "1.1.1.1" },
        client: OUTSIDE,
        status: 200,
        answer: { "x-frame-options": "DENY" },
        upstream: "app",
        sees: {
          path: "/a",
          fields: {
            host: "example.com",
            "x-forwarded-for": OUTSIDE.address,
            "x-forwarded-proto": "https",
          },
        },
      },
      {
        does: "strips the prefix of the API",
        ask: `GET ${ORIGIN}/api/v1?q=1`,
        status: 200,
        upstream: "api",
        sees: { path: "/v1?q=1" },
      },
      {
        does: "redirects what has moved",
        ask: `GET ${ORIGIN}/old/a/b`,
        status: 301,
        answer: { location: "/new/a/b" },
        upstream: null,
      },
      { does: "fetches an asset", ask: `GET ${ORIGIN}/assets/a.css`, status: 200, upstream: "app" },
      { does: "keeps it", ask: `GET ${ORIGIN}/assets/a.css`, status: 200, upstream: null },
      ...Array.from({ length: 5 }, (_, i) => ({
        does: `lets login ${i + 1} of a burst through`,
        ask: `POST ${ORIGIN}/login`,
        content: "a=1",
        client: OUTSIDE,
        status: 200,
        upstream: "app",
      })),
      {
        does: "refuses the sixth",
        ask: `POST ${ORIGIN}/login`,
        content: "a=1",
        client: OUTSIDE,
        status: 429,
        upstream: null,
      },
      {
        does: "lets admins in from inside",
        ask: `GET ${ORIGIN}/admin/`,
        client: INSIDE,
        status: 200,
      },
      {
        does: "and nobody from outside",
        ask: `GET ${ORIGIN}/admin/`,
        client: OUTSIDE,
        status: 403,
        upstream: null,
      },
      {
        does: "uses the backup when nobody else is left",
        ask: `GET ${ORIGIN}/a`,
        before(proxy) {
          proxy.disconnect("http://10.0.0.1:3000");
          proxy.disconnect("http://10.0.0.2:3000");
        },
        status: 200,
        upstream: "http://10.0.0.3:3000",
      },
    ],
  },

  "from-caddy": {
    upstreams: {
      app: () => new Response("app", { headers: { server: "x" } }),
      api: named("api"),
    },
    checks: [
      {
        does: "sends plain http to https",
        ask: "GET http://example.com/a",
        status: 308,
        answer: { location: "https://example.com/a" },
      },
      {
        does: "serves the application",
        ask: `GET ${ORIGIN}/`,
        status: 200,
        answer: { "x-frame-options": "DENY", server: null },
        upstream: "app",
      },
      {
        does: "strips the prefix of the API, and says who asks",
        ask: `GET ${ORIGIN}/api/v1`,
        status: 200,
        upstream: "api",
        sees: { path: "/v1", fields: { "x-gateway": "edge" } },
      },
      {
        does: "redirects what has moved",
        ask: `GET ${ORIGIN}/old/a`,
        status: 301,
        answer: { location: "/new/a" },
      },
      {
        does: "lets no admin in from outside",
        ask: `GET ${ORIGIN}/admin/`,
        client: OUTSIDE,
        status: 403,
        upstream: null,
      },
      {
        does: "lets admins in from inside",
        ask: `GET ${ORIGIN}/admin/`,
        client: INSIDE,
        status: 200,
      },
      {
        does: "answers for no other host",
        ask: "GET https://other.example/",
        status: 404,
        upstream: null,
      },
    ],
  },

  "from-http-proxy": {
    upstreams: {
      app: (request) =>
        request.url.endsWith("/silent") ? new Promise<Response>(() => {}) : new Response("app"),
      api: () =>
        new Response("api", {
          headers: { "set-cookie": "a=1; Path=/; Domain=app.internal", "x-powered-by": "x" },
        }),
    },
    checks: [
      {
        does: "strips the prefix of the API and names its own host",
        ask: "GET /api/items?q=1",
        status: 200,
        answer: { "x-powered-by": null, "set-cookie": "a=1; Path=/" },
        upstream: "api",
        sees: { path: "/items?q=1", fields: { host: "127.0.0.1:9000", "x-gateway": "edge" } },
      },
      {
        does: "leaves the client's host to the application",
        ask: "GET http://shop.example/",
        status: 200,
        upstream: "app",
        sees: { fields: { host: "shop.example", "x-forwarded-proto": "http" } },
      },
      { does: "refuses what is internal", ask: "GET /internal/a", status: 403, upstream: null },
      {
        does: "waits no longer than ten seconds",
        async run(proxy) {
          const asked = proxy.fetch("/silent");
          await proxy.advance("11s");
          expect((await asked).status).toBe(504);
        },
      },
      {
        does: "answers for a service that is gone",
        ask: "GET /",
        before: (proxy) => proxy.disconnect("http://127.0.0.1:3000"),
        status: 502,
        text: '{"error":"unavailable"}',
      },
    ],
  },

  "from-workers": {
    env: { API_TOKEN: "t" },
    upstreams: { origin: () => html('<img src="/a.png">'), api: named("api") },
    checks: [
      {
        does: "serves pages, edited",
        ask: "GET /gallery",
        status: 200,
        answer: { "x-served-by": "edge" },
        text: '<img src="/a.png" loading="lazy">',
        upstream: "origin",
      },
      {
        does: "serves them from memory, edited as well",
        ask: "GET /gallery",
        status: 200,
        answer: { "x-served-by": "edge", "cache-control": "max-age=60" },
        text: '<img src="/a.png" loading="lazy">',
        upstream: null,
      },
      {
        does: "redirects",
        ask: "GET /old",
        status: 301,
        answer: { location: "/new" },
        upstream: null,
      },
      {
        does: "wants the token",
        ask: "GET /api/a",
        status: 401,
        text: "no token\n",
        upstream: null,
      },
      {
        does: "asks the API by its own name",
        ask: "GET /api/a",
        fields: { authorization: "Bearer t" },
        status: 200,
        answer: { "x-served-by": null },
        upstream: "api",
        sees: { fields: { host: "api.internal.example" } },
      },
    ],
  },
};
