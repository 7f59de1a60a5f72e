import { VERSION } from "../process/version.ts";

/** Versions that a new project starts with: a test keeps them at the workspace's own. */
export const TEMPLATE_VERSIONS = { typescript: "^7.0.2", "@types/node": "^26.6.6" } as const;

/** The files of a new project, by path. Text, not files: what the package ships stays JavaScript only. */
export function projectFiles(name: string): ReadonlyMap<string, string> {
  return new Map([
    ["package.json", packageJson(name)],
    ["tsconfig.json", TSCONFIG],
    ["proxy.config.ts", CONFIG],
    ["proxy.test.ts", TEST],
    [".gitignore", GITIGNORE],
    ["README.md", readme(name)],
  ]);
}

function packageJson(name: string): string {
  const manifest = {
    name,
    private: true,
    type: "module",
    engines: { node: ">=24" },
    scripts: {
      dev: "gatewright dev",
      start: "gatewright start",
      check: "gatewright check",
      test: "node --test",
    },
    dependencies: { "@gatewright/sdk": VERSION, gatewright: VERSION },
    devDependencies: TEMPLATE_VERSIONS,
    // npm runs install scripts only for packages that are listed: esbuild puts its binary in place with one.
    allowScripts: { esbuild: true },
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

const TSCONFIG = `${JSON.stringify(
  {
    compilerOptions: {
      target: "es2024",
      lib: ["es2024", "esnext.disposable", "esnext.collection", "esnext.iterator"],
      module: "nodenext",
      types: ["node"],
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      verbatimModuleSyntax: true,
      erasableSyntaxOnly: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      noEmit: true,
    },
    include: ["**/*.ts"],
  },
  null,
  2,
)}\n`;

const GITIGNORE = `node_modules/
.gatewright/
`;

const CONFIG = `import { defineConfig } from "@gatewright/sdk";

export default defineConfig({
  // Where to listen. 0.0.0.0 or :: makes it reachable from other machines.
  listen: { port: Number(process.env["PORT"] ?? 8080), host: "127.0.0.1" },

  upstreams: {
    // An app in this process: a function, a Hono app, a Workers-style module. No port needed.
    hello: {
      fetch: (request) => new Response(\`Hello from \${new URL(request.url).pathname}\\n\`),
    },
    // A service on the network. Requests go to its targets in turn.
    // api: { targets: ["http://127.0.0.1:9000", "http://127.0.0.1:9001"] },
  },

  // The first route that matches is taken.
  routes: [
    // { match: { host: "*.example.com", path: "/api/*" }, upstream: "api", rewrite: { stripPrefix: "/api" } },
    { match: { path: "/old/*" }, redirect: "/new/*" },
    { match: { path: "/*" }, upstream: "hello" },
  ],

  // Header rules for everything that passes.
  headers: {
    response: { remove: ["x-powered-by"] },
  },

  // Proxies in front of this one whose X-Forwarded-* fields are believed.
  // trustedProxies: ["10.0.0.0/8"],

  // Before a request is forwarded: answer it, refuse it, choose an upstream, or change it. May be async.
  onRequest(request, ctx) {
    if (request.path === "/admin") return ctx.block("nothing to see");
  },

  // Before a response is sent.
  onResponse(response, ctx) {
    response.headers.set("x-served-by", "gatewright");
    ctx.log.debug({ status: response.status }, "answered");
  },
});
`;

const TEST = `import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startProxy, type RunningProxy } from "gatewright";

let proxy: RunningProxy;

before(async () => {
  // Port 0: any free one, so that tests do not meet a proxy that runs already.
  proxy = await startProxy({ config: "proxy.config.ts", port: 0 });
});

after(() => proxy.close());

test("forwards to the upstream", async () => {
  const response = await fetch(new URL("/world", proxy.url));
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "Hello from /world\\n");
  assert.equal(response.headers.get("x-served-by"), "gatewright");
});

test("refuses what the hook refuses", async () => {
  const response = await fetch(new URL("/admin", proxy.url));
  assert.equal(response.status, 403);
});

test("redirects old addresses", async () => {
  const response = await fetch(new URL("/old/a", proxy.url), { redirect: "manual" });
  assert.equal(response.status, 308);
  assert.equal(response.headers.get("location"), "/new/a");
});
`;

function readme(name: string): string {
  return `# ${name}

A [Gatewright](https://www.npmjs.com/package/gatewright) proxy. Everything it does is in \`proxy.config.ts\`.

\`\`\`sh
npm install
npm run dev       # http://127.0.0.1:8080, live: save the config and the next request sees it
npm test
npm run check     # types, options, dead routes
npx gatewright explain GET http://127.0.0.1:8080/old/a    # what would happen, and why
npm start         # for production: JSON log, drains on SIGTERM
\`\`\`
`;
}
