import { defineConfig } from "@gatewright/sdk";

export default defineConfig({
  listen: { port: 8080 },

  // Redirects browsers that look suspicious to a page that they solve by themselves. Everything else gets 403.
  challenge: {
    when(request, ctx) {
      if (request.headers.get("accept-language") === null) {
        ctx.score.add(2, "no language", "no-language");
      }
      if (request.query.has("suspicious")) ctx.score.add(5, "says so itself", "demo");
      // Under load less is enough.
      return ctx.score.total >= (ctx.load.requestsPerSecond > 1000 ? 2 : 4);
    },
    clearance: "10m",
    // For ctx.challenge("members"): harder, and nobody passes by waiting.
    policies: { members: { difficulty: 8000, noScript: false } },
  },

  upstreams: {
    app: {
      fetch: (request) =>
        new Response(
          `<!doctype html><title>App</title><p>You asked for ${new URL(request.url).pathname}.</p>`,
          {
            headers: { "content-type": "text/html; charset=utf-8" },
          },
        ),
    },
  },

  routes: [
    // Machines come here: they cannot solve anything.
    { match: { path: "/api/*" }, upstream: "app", challenge: false },
    { match: { path: "/*" }, upstream: "app" },
  ],

  onRequest(request, ctx) {
    if (request.path.startsWith("/members")) return ctx.challenge("members");
  },
});
