import { defineConfig } from "@gatewright/sdk";

import { site } from "./site.ts";

export default defineConfig({
  listen: { port: 8080 },

  upstreams: { site: { fetch: site } },

  // On without this line too: zstd, Brotli and gzip, for text, JSON and the like from 1 KB.
  compression: { encodings: ["br", "gzip"], levels: { br: 5 } },

  routes: [
    // Pages with secrets beside what visitors can choose: their compressed length would tell something (BREACH).
    { match: { path: "/account" }, upstream: "site", compression: false },
    { upstream: "site" },
  ],

  onRequest(request, ctx) {
    // The same for one response, by any condition.
    if (request.query.has("plain")) ctx.compression.off();
  },
});
