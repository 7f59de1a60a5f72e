import { HOOKS, testFile, UPSTREAMS_AND_ROUTES, type ProjectSources } from "./project-sources.ts";

const CONFIG = `import { defineConfig } from "@gatewright/sdk";

import visits from "./plugins/visits.ts";

export default defineConfig({
  // Where to listen. 0.0.0.0 or :: makes it reachable from other machines.
  listen: { port: Number(process.env["PORT"] ?? 8080), host: "127.0.0.1" },

${UPSTREAMS_AND_ROUTES}
  // Header rules for everything that passes.
  headers: {
    response: { remove: ["x-powered-by"] },
  },

  // Proxies in front of this one whose X-Forwarded-* fields are believed.
  // trustedProxies: ["10.0.0.0/8"],

  // Against too much: true is 100 requests in 10 seconds for each client.
  // rateLimits: { perClient: true },

  // Against attacks: requests that look like one get 403.
  // waf: {},

${HOOKS}});
`;

export const plainProject: ProjectSources = {
  config: CONFIG,
  test: testFile(""),
  url: "http://127.0.0.1:8080",
  others: {},
};
