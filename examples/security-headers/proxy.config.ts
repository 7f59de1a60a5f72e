import { defineConfig } from "@gatewright/sdk";

import { securityHeaders } from "./security-headers.ts";

export default defineConfig({
  listen: [{ port: 8080 }, { port: 8443, tls: "dev" }],

  plugins: [securityHeaders({ crossOriginResourcePolicy: "cross-origin" })],

  upstreams: {
    app: {
      fetch: (request) =>
        new Response("<!doctype html><title>App</title><p>Look at the fields.</p>", {
          headers: {
            "content-type": new URL(request.url).pathname === "/data" ? "text/plain" : "text/html",
            server: "secretive/1.0",
            "x-powered-by": "curiosity",
            "referrer-policy": "no-referrer",
          },
        }),
    },
  },
});
