/** `explain` says at each fork why the request takes the way that it takes, up to what the client gets. */
import type { GatewrightConfig } from "@gatewright/sdk";
import { createTestProxy } from "gatewright/testing";
import { expect, it } from "vitest";

const network = (port: number) => ({ targets: [`http://127.0.0.1:${port}`] });
const two = { api: network(9000), web: network(9001) };

/** Steps as `phase: text`, and what stands under them. */
async function explain(config: GatewrightConfig<string>, path = "/", method = "GET") {
  await using proxy = await createTestProxy(config);
  const { steps } = await proxy.explain(method, path, { headers: { accept: "text/html" } });
  return {
    lines: steps.map(({ phase, text }) => `${phase}: ${text}`),
    outcomes: steps.map(({ outcome }) => outcome),
    under: (phase: string) => steps.findLast((step) => step.phase === phase)?.details ?? [],
  };
}

it("no route matches: a 404, and what would have been needed", async () => {
  const { lines, outcomes, under } = await explain(
    {
      upstreams: two,
      routes: [{ match: { path: "/a", method: "POST" }, upstream: "api" }],
      onRequest() {},
    },
    "/a",
  );
  expect(lines.slice(1)).toEqual([
    "route: no route matches",
    "onRequest: hooks of config",
    "upstream: none",
    expect.stringMatching(/^error: PROXY_ROUTE_NOT_FOUND/),
    "response: 404 from error",
  ]);
  expect(under("route")).toEqual([expect.stringMatching(/position 1\): .*method/)]);
  expect(under("upstream")).toEqual([
    "no route matches: see above",
    "no hook has decided otherwise",
    expect.stringMatching(/2 upstreams \(api, web\)/),
    expect.stringContaining('{ match: { path: "/*" }, upstream: … }'),
  ]);
  expect(outcomes.slice(-2)).toEqual(["failed", "failed"]);
});

it("no route matches, and there is one upstream: it goes there", async () => {
  const { lines, under } = await explain({
    upstreams: { api: network(9000) },
    routes: [{ match: { path: "/a" }, respond: { body: "a" } }],
  });
  expect(lines).toContain("route: no route matches");
  expect(under("route")).toEqual(["no route has this host and path"]);
  expect(lines).toContain("upstream: upstream api");
  expect(under("upstream")).toEqual(["no route matches, and it is the only upstream"]);
});

it("a route names the upstream, unless a hook does", async () => {
  const config: GatewrightConfig<string> = {
    upstreams: two,
    routes: [{ name: "all", match: { path: "/*" }, upstream: "web" }],
  };
  expect((await explain(config)).under("upstream")).toEqual(["named by route all"]);
  const chosen = await explain({ ...config, onRequest: (_request, ctx) => ctx.forward("api") });
  expect(chosen.lines).toContain("onRequest: config forwards to api");
  expect(chosen.under("upstream")).toEqual(["chosen by a hook, before what the route says"]);
});

it("a route that answers itself, with a text or with a redirect", async () => {
  const config: GatewrightConfig<string> = {
    upstreams: two,
    routes: [
      { name: "ping", match: { path: "/ping" }, respond: { status: 201, body: "pong" } },
      { name: "old", match: { path: "/old/*" }, redirect: "/new/*" },
    ],
  };
  const ping = await explain(config, "/ping");
  expect(ping.lines.slice(-2)).toEqual([
    "answer: route ping answers 201 itself",
    "response: 201 from route",
  ]);
  const old = await explain(config, "/old/x");
  expect(old.lines.at(-2)).toMatch(/^answer: route old redirects with 30\d$/);
  expect(old.under("response")).toContainEqual("Location: /new/x");
  expect(old.outcomes.at(-2)).toBe("decided");
});

it("a hook refuses: whose, why, and the status that a response hook makes of it", async () => {
  const { lines } = await explain({
    upstreams: two,
    onRequest: (_request, ctx) => ctx.block("not today"),
    onResponse(response) {
      response.status = 451;
    },
  });
  expect(lines).toContain("decision: config: block");
  expect(lines).toContainEqual(expect.stringMatching(/^error: PROXY_BLOCKED.*not today/));
  expect(lines.at(-1)).toBe("response: 451 from error");
});

it("a hook throws: what it threw", async () => {
  const { lines, under } = await explain({
    upstreams: two,
    onRequest() {
      throw new Error("a mistake of mine");
    },
  });
  expect(lines).toContain("error: PROXY_HOOK_FAILED: onRequest of config failed");
  expect(under("error")[0]).toBe("Error: a mistake of mine");
});

it("what the proxy answers by itself is told too", async () => {
  const trace = await explain({ upstreams: { api: network(9000) } }, "/", "TRACE");
  expect(trace.lines.at(-1)).toBe("response: 405 from error");
  expect(trace.under("response")).toContainEqual(expect.stringMatching(/^Allow: GET/));
});

it("an app in this process has no targets to choose among and nothing to try again", async () => {
  const { lines, under } = await explain({ upstreams: { app: { fetch: () => new Response() } } });
  expect(lines).toContain("target: app");
  expect(under("target")).toEqual([
    "an app in this process",
    expect.stringMatching(/^time limits: head \d+ ms/),
  ]);
  const api = await explain({ upstreams: { api: network(9000) } });
  expect(api.lines).toContain("target: one of api");
  expect(api.under("target")[0]).toBe("balance: round-robin; 1 target in the config");
});

it("a challenge that is not asked for says so, one that is says where to", async () => {
  const config: GatewrightConfig<string> = {
    upstreams: { api: network(9000) },
    challenge: { when: (request) => request.path === "/members" },
  };
  const page = await explain(config, "/");
  expect(page.lines).toContain("challenge: none: `challenge.when` says no");
  expect(page.under("challenge")).toEqual(["score 0"]);
  const members = await explain(config, "/members");
  expect(members.lines).toContain("challenge: the client needs a clearance");
  expect(members.lines.at(-1)).toMatch(/^response: (?:302|403) from /);
});
