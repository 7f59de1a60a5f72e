import { defineConfig } from "@gatewright/sdk";

export default defineConfig({
  listen: { port: 8080 },
  upstreams: {
    app: { fetch: (request) => new Response(`${new URL(request.url).pathname}\n`) },
    decoy: { fetch: () => new Response("uid=0(root)\n") },
  },

  waf: {
    exclude: [
      // An editor posts HTML here.
      { path: "/cms/*", parameter: "body", rules: ["xss-*"] },
    ],
    rules: [
      {
        id: "shop-coupon",
        message: "A coupon that was never printed",
        variables: ["ARGS:coupon"],
        operator: { rx: /^X{3}/ },
      },
    ],
    // Before anything is refused: who tries commands gets an answer to think about.
    onMatch(matches, _request, ctx) {
      if (matches.some(({ rule }) => rule.startsWith("rce-"))) return ctx.forward("decoy");
    },
  },

  routes: [
    // Nothing is refused here; the hook decides.
    { match: { path: "/search" }, upstream: "app", waf: { mode: "flag" } },
    { match: { path: "/*" }, upstream: "app" },
  ],

  onRequest(request, ctx) {
    if (request.path !== "/search" || ctx.waf.matches.length === 0) return;
    return ctx.json({ results: [], found: ctx.waf.matches.map(({ rule }) => rule) });
  },
});
