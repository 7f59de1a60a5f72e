import { defineConfig } from "@gatewright/sdk";

export default defineConfig({
  listen: { port: 8080 },

  upstreams: {
    // An upstream can be a function in this file. On the network it would be: { targets: ["http://127.0.0.1:9000"] }
    hello: { fetch: (request) => new Response(`Hello from ${new URL(request.url).pathname}\n`) },
  },

  // With one upstream and no routes, every request goes there. Hooks see it on its way.
  onRequest(request, ctx) {
    if (request.path === "/old") return ctx.redirect("/new", 308);
  },

  onResponse(response) {
    response.headers.set("x-served-by", "gatewright");
  },
});
