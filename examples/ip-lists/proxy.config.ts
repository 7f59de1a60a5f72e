import { defineConfig } from "@gatewright/sdk";

export default defineConfig({
  listen: { port: 8080 },
  // So that curl can play a client from anywhere. Never name an address here that is no proxy of yours.
  trustedProxies: ["127.0.0.1"],
  upstreams: { app: { fetch: () => new Response("welcome\n") } },

  allowlists: { office: { ranges: ["198.51.100.0/24"] } },
  blocklists: {
    // Edit and save: live at once, without a reload.
    own: { file: "blocked.txt" },
    // Filled by the hook below.
    trap: { ranges: [] },
  },

  onRequest(request, ctx) {
    // Nobody who means well asks for this.
    if (request.path !== "/wp-login.php") return;
    ctx.list("trap").add(ctx.client.address, "10m");
    return ctx.block("walked into the trap");
  },
});
