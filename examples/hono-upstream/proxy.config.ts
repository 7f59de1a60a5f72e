import { defineConfig } from "@gatewright/sdk";

import { app } from "./app.ts";
import worker from "./worker.ts";

export default defineConfig({
  listen: { port: 8080 },

  // Whatever has a `fetch` is an upstream. Both run in this process: no port, no extra hop.
  upstreams: { app, worker },

  routes: [
    { match: { path: "/api/*" }, upstream: "app" },
    { match: { path: "/*" }, upstream: "worker" },
  ],

  // Hooks and field rules apply as with any upstream.
  onRequest(request, ctx) {
    if (request.method === "POST" && request.headers.get("content-type") !== "text/plain") {
      return ctx.json({ error: "text/plain, please" }, 415);
    }
  },
});
