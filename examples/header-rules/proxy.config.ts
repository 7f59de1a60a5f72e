import { defineConfig } from "@gatewright/sdk";

export default defineConfig({
  listen: { port: 8080 },

  // Global rules: for every request and every response, error answers included.
  // Within one set of rules, `remove` runs first, then `set`, `append` and `default` (which sets only what is absent).
  headers: {
    request: {
      set: { "x-internal": "gatewright" }, // in place of whatever a client claims
      remove: ["x-debug"],
    },
    response: {
      remove: ["server", "x-powered-by"],
      set: { "x-content-type-options": "nosniff" },
      append: { vary: "x-tenant" },
      default: { "referrer-policy": "no-referrer" }, // an upstream that says otherwise is right
    },
  },

  upstreams: {
    // An upstream with `targets` takes `headers` too: its rules come after the global ones and before the route's.
    app: { fetch: echo },
  },

  routes: [
    {
      match: { path: "/admin/*" },
      upstream: "app",
      // Rules of a route come last, so they have the last word.
      headers: {
        request: { set: { "x-area": "admin" } },
        response: { set: { "cache-control": "no-store", "x-frame-options": "DENY" } },
      },
    },
    { match: { path: "/*" }, upstream: "app" },
  ],
});

/** Answers with the fields that arrived, so that one can see what the rules did. */
function echo(request: Request): Response {
  return Response.json(Object.fromEntries(request.headers), {
    headers: {
      server: "echo/1.0",
      "x-powered-by": "curiosity",
      "cache-control": "max-age=60",
      "referrer-policy": "same-origin",
      vary: "accept",
    },
  });
}
