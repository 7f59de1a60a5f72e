import { defineConfig } from "@gatewright/sdk";

export default defineConfig(({ env }) =>
  defineConfig({
    listen: [
      { port: Number(env["HTTP_PORT"] ?? 8080), redirectToHttps: true },
      {
        port: Number(env["HTTPS_PORT"] ?? 8443),
        // In production: { certificates: [{ cert: "certs/a.pem", key: "certs/a.key" }] }
        tls: "dev",
      },
    ],

    upstreams: {
      shop: { fetch: () => new Response("shop\n") },
      blog: { fetch: () => new Response("blog\n") },
    },

    routes: [
      { match: { host: "shop.localhost" }, upstream: "shop" },
      { match: { host: "blog.localhost" }, upstream: "blog" },
    ],

    headers: { response: { set: { "strict-transport-security": "max-age=86400" } } },
  }),
);
