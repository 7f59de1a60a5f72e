/** What one kind of project has of its own. */
export interface ProjectSources {
  /** Text of `proxy.config.ts`. */
  readonly config: string;
  /** Text of `proxy.test.ts`. */
  readonly test: string;
  /** Where it answers. */
  readonly url: string;
  /** More files, by path. */
  readonly others: Readonly<Record<string, string>>;
}

/** What every test begins with, and the tests that hold for every kind. */
export function testFile(tests: string): string {
  return `import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createTestProxy, type TestProxy } from "gatewright/testing";

import config from "./proxy.config.ts";

let proxy: TestProxy;

before(async () => {
  // The real thing without ports. Upstreams on the network would get fakes: { upstreams: { api: () => new Response("ok") } }
  proxy = await createTestProxy(config);
});

after(() => proxy.close());

test("forwards to the upstream", async () => {
  const response = await proxy.fetch("/world");
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "Hello from /world\\n");
  assert.equal(response.headers.get("x-served-by"), "gatewright");
});

test("refuses what the hook refuses", async () => {
  assert.equal((await proxy.fetch("/admin")).status, 403);
});

test("redirects old addresses", async () => {
  const response = await proxy.fetch("/old/a");
  assert.equal(response.status, 308);
  assert.equal(response.headers.get("location"), "/new/a");
});

test("numbers responses", async () => {
  assert.match((await proxy.fetch("/")).headers.get("x-visits") ?? "", /^\\d+$/);
});
${tests}`;
}

/** Upstreams and routes of a new project. */
export const UPSTREAMS_AND_ROUTES = `  upstreams: {
    // An app in this process: a function, a Hono app, a Workers-style module. No port needed.
    hello: {
      fetch: (request) => new Response(\`Hello from \${new URL(request.url).pathname}\\n\`),
    },
    // A service on the network. Requests go to its targets in turn.
    // api: { targets: ["http://127.0.0.1:9000", "http://127.0.0.1:9001"], retry: { attempts: 2 } },
  },

  // The first route that matches is taken.
  routes: [
    // { match: { host: "*.example.com", path: "/api/*" }, upstream: "api", rewrite: { stripPrefix: "/api" }, cache: true },
    { match: { path: "/old/*" }, redirect: "/new/*" },
    { match: { path: "/*" }, upstream: "hello" },
  ],
`;

export const HOOKS = `  // Hooks that other projects can use as well.
  plugins: [visits()],

  // Before a request is forwarded: answer it, refuse it, choose an upstream, or change it. May be async.
  onRequest(request, ctx) {
    if (request.path === "/admin") return ctx.block("nothing to see");
  },

  // Before a response is sent.
  onResponse(response, ctx) {
    response.headers.set("x-served-by", "gatewright");
    ctx.log.debug({ status: response.status }, "answered");
  },
`;
