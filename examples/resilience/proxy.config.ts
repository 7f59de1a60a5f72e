import { defineConfig } from "@gatewright/sdk";

// Where the services are: see services.ts, which plays them.
const [good, flaky, canary] = (
  process.env["SERVICES"] ?? "http://127.0.0.1:9001,http://127.0.0.1:9002,http://127.0.0.1:9003"
).split(",") as [string, string, string];

export default defineConfig({
  listen: { port: 8080 },

  upstreams: {
    stable: {
      targets: [good, { url: flaky, weight: 2 }],
      balance: "least-connections",
      // Asked every second; one that does not answer as it should gets no requests until it does.
      healthCheck: { type: "http", path: "/healthz", interval: "1s", expectedStatus: 200 },
      // Judged by its answers too: one that fails again and again, or is slower than the others, rests for a while.
      outliers: { latency: true, baseTime: "5s" },
      // Even if all are ill: no more than a trial now and then.
      breaker: { openFor: "5s" },
      slowStart: "2s",
      // What failed goes to another target, if it can be sent again without harm. A POST that was sent never is.
      retry: { attempts: 3, statuses: [503] },
      // At most so many requests under way, so many in the queue, and so long there.
      maxConnections: 50,
      maxQueue: 200,
      queueTimeout: "2s",
      timeouts: { connect: "1s", responseHead: "2s", total: "5s" },
    },
    canary: { targets: [canary] },
    // One client of a hundred gets the new version, and keeps it.
    app: { split: { stable: 99, canary: 1 } },
  },

  routes: [
    // Testers ask for it.
    { match: { path: "/*", headers: { "x-canary": "yes" } }, upstream: "canary" },
    // A slow search is asked a second time elsewhere, and the first answer counts.
    { match: { path: "/search" }, upstream: "stable", hedge: { after: "100ms" } },
    { match: { path: "/*" }, upstream: "app" },
  ],

  onError(error, ctx) {
    if (error.source === "upstream") {
      return ctx.respond(503, "We will be back in a minute.\n", { "retry-after": "60" });
    }
  },
});
