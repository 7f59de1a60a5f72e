import { defineConfig } from "@gatewright/sdk";

/** Stands for a service: says its name and what arrived there. */
function service(name: string) {
  return {
    fetch(request: Request) {
      const url = new URL(request.url);
      return Response.json({
        service: name,
        method: request.method,
        path: url.pathname + url.search,
      });
    },
  };
}

export default defineConfig({
  listen: { port: 8080 },

  upstreams: {
    site: service("site"),
    api: service("api"),
    tenants: service("tenants"),
    next: service("next"),
  },

  // The first route that matches is taken, in this order. All conditions of a route must hold; lists are alternatives.
  routes: [
    // Answered by the proxy itself.
    {
      match: { path: "/ping" },
      respond: { body: "pong\n", headers: { "content-type": "text/plain" } },
    },

    // `*.` stands for exactly one label; `**.` would be one or more.
    { name: "tenant", match: { host: "*.shop.example" }, upstream: "tenants" },

    // By method and path: only POST gets here, other methods go on to the routes below.
    { name: "new order", match: { path: "/orders", method: "POST" }, upstream: "api" },

    // `:id` is one segment, `ctx.route.params.id` in hooks. The upstream sees /users/:id without /v1.
    {
      name: "user",
      match: { path: "/v1/users/:id" },
      upstream: "api",
      rewrite: { stripPrefix: "/v1" },
    },

    // `/v1/*` is /v1 and everything below it.
    {
      match: { path: "/v1/*" },
      upstream: "api",
      rewrite: { stripPrefix: "/v1", addPrefix: "/internal" },
    },

    // What `*` caught goes into the new address, and the query comes along.
    { match: { path: "/old/*" }, redirect: "/docs/*" },

    // By header field (must be there, whatever it says) or query parameter (must be equal).
    { name: "preview by field", match: { headers: { "x-preview": true } }, upstream: "next" },
    { name: "preview by query", match: { query: { preview: "1" } }, upstream: "next" },

    // Any condition. It runs only when the others hold.
    {
      name: "odd users",
      match: { path: "/odd/:n", when: (request) => Number(request.path.split("/")[2]) % 2 === 1 },
      upstream: "next",
    },

    { name: "everything else", match: { path: "/*" }, upstream: "site" },
  ],

  onResponse(response, ctx) {
    response.headers.set("x-route", ctx.route?.name ?? "none");
    const id = ctx.route?.params["id"];
    if (id !== undefined) response.headers.set("x-user-id", id);
  },
});
