import { HOOKS, testFile, UPSTREAMS_AND_ROUTES, type ProjectSources } from "./project-sources.ts";

/** Shared with the kind that has more. */
export const TLS_LISTENERS = `  listen: [
    { port: Number(process.env["HTTP_PORT"] ?? 8080), redirectToHttps: true },
    {
      port: Number(process.env["HTTPS_PORT"] ?? 8443),
      // A local CA signs a certificate for each name; \`gatewright dev\` says how to trust it. In production:
      // tls: { certificates: [{ cert: "certs/www.pem", key: "certs/www.key" }] },
      // tls: { acme: { email: "you@example.com", agreeTos: true, hosts: ["www.example.com"] } },
      tls: "dev",
    },
  ],
`;

const CONFIG = `import { defineConfig } from "@gatewright/sdk";

import visits from "./plugins/visits.ts";

export default defineConfig({
  // Reachable from this machine only; { host: "0.0.0.0" } beside a port opens it to others.
${TLS_LISTENERS}
${UPSTREAMS_AND_ROUTES}
  headers: {
    // Browsers that have seen it come by https from then on. Begin with an hour.
    response: { set: { "strict-transport-security": "max-age=3600" }, remove: ["x-powered-by"] },
  },

${HOOKS}});
`;

const TESTS = `
test("tells browsers to stay with https", async () => {
  const response = await proxy.fetch("https://localhost/");
  assert.equal(response.headers.get("strict-transport-security"), "max-age=3600");
});
`;

export const tlsProject: ProjectSources = {
  config: CONFIG,
  test: testFile(TESTS),
  url: "https://localhost:8443",
  others: {},
};
