import { defineConfig } from "@gatewright/sdk";

export default defineConfig({
  listen: { port: 8080 },

  upstreams: {
    chat: { targets: [process.env["CHAT_URL"] ?? "http://127.0.0.1:9000"] },
  },

  // WebSockets need no option: `upgrades: ["websocket"]` is the default. Any other `Upgrade` is dropped, and the
  // request goes on as an ordinary one.

  // First onRequest, as for every request: who is it?
  onRequest(request, ctx) {
    const user = request.cookie("user");
    if (user === undefined) return ctx.block("no cookie", 401);
    request.headers.set("x-user", user);
  },

  // Then onUpgrade, for upgrades only. Browsers send WebSocket requests with cookies from any page, so check that the
  // page is ours (programs send no Origin and are let through).
  onUpgrade(request, ctx) {
    const origin = request.headers.get("origin");
    if (origin !== null && URL.parse(origin)?.host !== request.host) {
      return ctx.block(`a page of ${origin} wants a socket`);
    }
  },
});
