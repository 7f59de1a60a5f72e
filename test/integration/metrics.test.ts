import { readFile } from "node:fs/promises";

import { expect, it } from "vitest";

import { scrape } from "../helpers/metrics-text.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { startToyUpstream } from "../helpers/toy-upstream.ts";

const config = (origin: string, extra = "") => `export default {
  admin: { port: 0 },
  upstreams: { origin: { targets: ["${origin}"] }, app: { fetch: () => new Response("app") } },
  routes: [
    { name: "page", match: { path: "/page" }, upstream: "origin", cache: { ttl: "60s" } },
    { name: "rest", match: { path: "/*" }, upstream: "app" },
  ],
  blocklists: { bad: { ranges: ["203.0.113.7"], mode: "block" } },
  trustedProxies: ["127.0.0.1"],
  rateLimits: { few: { key: ["ip"], limit: 6, window: "1h" } },
  onRequest(request, ctx) {
    if (request.path === "/blocked") return ctx.block("no");
    if (request.path === "/points") ctx.score.add(2, "a trace");
  },
  ${extra}
};`;

async function start(extra?: string) {
  const origin = await startToyUpstream();
  const proxy = await startProxy({
    files: { "proxy.config.ts": config(origin.url, extra) },
    watch: false,
  });
  return { proxy, origin: origin.url, scrape: () => scrape(proxy.adminUrl) };
}

it("counts what was served by route, upstream, status class and the cache's part", async () => {
  const { proxy, scrape } = await start();
  for (const path of ["/page", "/page", "/other", "/points", "/blocked"]) {
    await (await fetch(proxy.url + path)).text();
  }
  await (await fetch(proxy.url, { headers: { "x-forwarded-for": "203.0.113.7" } })).text();
  await (await fetch(`${proxy.url}/other`)).text();
  await (await fetch(`${proxy.url}/other`)).text();
  const { samples, types } = await scrape();
  const get = (name: string): number | undefined => samples.get(name);
  const requests = "gatewright_requests_total";
  expect(get(`${requests}{route="page",upstream="origin",status="2xx",cache="miss"}`)).toBe(1);
  expect(get(`${requests}{route="page",upstream="origin",status="2xx",cache="hit"}`)).toBe(1);
  expect(get(`${requests}{route="rest",upstream="app",status="2xx",cache="none"}`)).toBe(3);
  expect(get(`gatewright_requests_refused_total{by="hook"}`)).toBe(1);
  expect(get(`gatewright_requests_refused_total{by="ip-list"}`)).toBe(1);
  expect(get(`gatewright_requests_refused_total{by="rate-limit"}`)).toBe(1);
  expect(get("gatewright_requests_flagged_total")).toBe(1);
  expect(get(`gatewright_errors_total{code="PROXY_RATE_LIMITED"}`)).toBe(1);
  expect(get(`gatewright_upstream_connections{upstream="origin",state="open"}`)).toBe(1);
  expect(get(`gatewright_cache_requests_total{route="page",cache="hit"}`)).toBe(1);
  expect(get("gatewright_cache_entries")).toBe(1);
  expect(get("gatewright_config_generation")).toBe(1);
  const duration = "gatewright_request_duration_seconds";
  const labels = `route="rest",upstream="app",status="2xx",cache="none"`;
  expect(get(`${duration}_bucket{${labels},le="+Inf"}`)).toBe(3);
  expect(get(`${duration}_count{${labels}}`)).toBe(3);
  expect(get(`${duration}_sum{${labels}}`)).toBeGreaterThan(0);
  // Of the process, from prom-client itself.
  expect(get("process_cpu_user_seconds_total")).toBeGreaterThan(0);
  expect([...types.keys()]).toContain("nodejs_eventloop_lag_seconds");
});

it("goes on counting over reloads and tells how they went", async () => {
  const { proxy, origin, scrape } = await start();
  await (await fetch(`${proxy.url}/other`)).text();
  await proxy.write("proxy.config.ts", config(origin, "onError() {},"));
  await proxy.running.reload();
  await (await fetch(`${proxy.url}/other`)).text();
  await proxy.write("proxy.config.ts", "export default 7;");
  await proxy.running.reload();
  proxy.takeReports();
  const { samples } = await scrape();
  const labels = `route="rest",upstream="app",status="2xx",cache="none"`;
  expect(samples.get(`gatewright_requests_total{${labels}}`)).toBe(2);
  expect(samples.get(`gatewright_config_loads_total{outcome="live"}`)).toBe(2);
  expect(samples.get(`gatewright_config_loads_total{outcome="failed"}`)).toBe(1);
  expect(samples.get("gatewright_config_last_load_successful")).toBe(0);
  expect(samples.get("gatewright_config_generation")).toBe(2);
});

it("names metrics by the conventions of Prometheus", async () => {
  const { scrape } = await start();
  const { types, samples } = await scrape();
  for (const [name, type] of types) {
    if (!name.startsWith("gatewright_")) continue;
    expect(name.endsWith("_total"), name).toBe(type === "counter");
    expect(name, "base units only").not.toMatch(/_(ms|milliseconds|kb|mb|minutes)(_|$)/);
  }
  // Every sample belongs to a family that is declared.
  for (const sample of samples.keys()) {
    const name = (sample.split("{", 1)[0] ?? "").replace(/_(bucket|sum|count)$/, "");
    expect(types.has(name) || types.has(sample.split("{", 1)[0] ?? ""), sample).toBe(true);
  }
});

it("tells of every metric in docs/metrics.md, and of no other", async () => {
  const { scrape } = await start();
  const documented = new Set(
    (await readFile(new URL("../../docs/metrics.md", import.meta.url), "utf8")).match(
      /gatewright_[a-z_]+[a-z]/g,
    ),
  );
  const sources = await Promise.all(
    ["metrics.ts", "gate-metrics.ts"].map((file) =>
      readFile(new URL(`../../runtime/inspect/${file}`, import.meta.url), "utf8"),
    ),
  );
  const registered = new Set(sources.join("\n").match(/gatewright_[a-z_]+[a-z]/g));
  expect([...documented].sort()).toEqual([...registered].sort());
  for (const name of (await scrape()).types.keys()) {
    if (name.startsWith("gatewright_")) expect(documented).toContain(name);
  }
});
