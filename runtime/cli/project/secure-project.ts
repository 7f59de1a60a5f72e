import { HOOKS, testFile, UPSTREAMS_AND_ROUTES, type ProjectSources } from "./project-sources.ts";
import { TLS_LISTENERS } from "./tls-project.ts";

const CONFIG = `import { defineConfig } from "@gatewright/sdk";

import visits from "./plugins/visits.ts";

export default defineConfig({
${TLS_LISTENERS}
  // Status, metrics for Prometheus, reloads, lists: http://127.0.0.1:9901, from this machine only.
  admin: { port: Number(process.env["ADMIN_PORT"] ?? 9901) },

  // Proxies in front of this one whose X-Forwarded-* fields are believed. Without them, everybody behind one is one client.
  // trustedProxies: ["10.0.0.0/8"],

${UPSTREAMS_AND_ROUTES}
  // Addresses that get 403. The file is read again when it changes; \`url\` fetches a list, and again at intervals.
  blocklists: { own: { file: "blocked.txt" } },

  rateLimits: {
    perClient: { key: ["ip", "user-agent"], limit: 100, window: "10s" },
    // Whoever changes the User-Agent all the time meets this one.
    perIp: { key: ["ip"], limit: 1000, window: "10s" },
    // Only where a route names it: rateLimits: ["login"].
    login: { key: ["ip"], limit: 5, window: "1m", scope: "named" },
  },

  // Requests that look like an attack get 403. In doubt begin with "flag", and read the log.
  waf: { mode: "block", paranoia: 1 },

  // Browsers that look suspicious solve something first; see ctx.score.add below.
  challenge: { when: (request, ctx) => ctx.score.total >= 3 },

  headers: {
    response: {
      default: {
        "strict-transport-security": "max-age=3600",
        "content-security-policy": "default-src 'self'",
        "x-content-type-options": "nosniff",
        "referrer-policy": "strict-origin-when-cross-origin",
      },
      remove: ["server", "x-powered-by"],
    },
  },

${HOOKS}});
`;

const TESTS = `
test("refuses attacks", async () => {
  const response = await proxy.fetch("/search?q=" + encodeURIComponent("' OR 1=1 --"));
  assert.equal(response.status, 403);
});

test("refuses who asks too often, for a while", async () => {
  const ask = (): Promise<Response> => proxy.fetch("/", { client: { address: "192.0.2.1" } });
  for (let i = 0; i < 100; i++) assert.equal((await ask()).status, 200);
  assert.equal((await ask()).status, 429);
  await proxy.advance("10s");
  assert.equal((await ask()).status, 200);
});
`;

const BLOCKED = `# One address or range a line; saved is live.
# 203.0.113.7
# 198.51.100.0/24
`;

export const secureProject: ProjectSources = {
  config: CONFIG,
  test: testFile(TESTS),
  url: "https://localhost:8443",
  others: { "blocked.txt": BLOCKED },
};
