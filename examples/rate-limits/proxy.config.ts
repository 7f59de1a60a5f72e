import { defineConfig } from "@gatewright/sdk";

export default defineConfig({
  listen: { port: 8080 },
  upstreams: { app: { fetch: (request) => new Response(`${new URL(request.url).pathname}\n`) } },

  rateLimits: {
    // Whoever changes the User-Agent still has the limit of the address.
    perClient: { key: ["ip", "user-agent"], limit: 100, window: "10s" },
    perIp: { key: "ip", limit: 1000, window: "10s" },
    // Counts only where a route names it.
    login: { key: "ip", limit: 3, window: "1h", scope: "named" },
    // Counts only where a hook asks.
    account: { limit: 2, window: "1h", scope: "named" },
  },

  routes: [
    { match: { path: "/login" }, upstream: "app", rateLimits: ["login"] },
    { match: { path: "/*" }, upstream: "app" },
  ],

  onRequest(request, ctx) {
    const account = request.headers.get("x-account");
    if (account === null || ctx.limit("account", account).allowed) return;
    return ctx.json({ error: "this account has used up its requests" }, 429);
  },
});
