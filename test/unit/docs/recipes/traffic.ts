import { expect } from "vitest";

import { named, type Recipe } from "./recipe.ts";

const NEXT = "http://127.0.0.1:3001";
const BATCH = "http://127.0.0.1:3003";

export const traffic: Readonly<Record<string, Recipe>> = {
  canary: {
    upstreams: {
      stable: named("stable"),
      next(request) {
        if (request.url.endsWith("/crash")) throw new Error("the new version breaks off");
        return new Response("next");
      },
    },
    checks: [
      {
        does: "gives testers the new version",
        ask: "GET /",
        fields: { cookie: "canary=always" },
        status: 200,
        answer: { "x-version": "next" },
        upstream: "next",
      },
      {
        does: "gives testers the old version",
        ask: "GET /",
        fields: { cookie: "canary=never" },
        status: 200,
        answer: { "x-version": "stable" },
        upstream: "stable",
      },
      {
        does: "gives a small share of the sessions the new version, each time",
        async run(proxy) {
          const versionOf = async (session: number): Promise<string | null> => {
            const response = await proxy.fetch("/", { headers: { cookie: `session=${session}` } });
            return response.headers.get("x-version");
          };
          const sessions = Array.from({ length: 100 }, (_, session) => session);
          const versions = (): Promise<(string | null)[]> => Promise.all(sessions.map(versionOf));
          const first = await versions();
          const share = first.filter((version) => version === "next").length;
          // A hash of fixed texts: no chance in it.
          expect(share).toBeGreaterThan(1);
          expect(share).toBeLessThan(15);
          expect(await versions()).toEqual(first);
        },
      },
      {
        does: "asks the old version for a page that the new one breaks off",
        ask: "GET /crash",
        fields: { cookie: "canary=always" },
        status: 200,
        answer: { "x-version": "stable" },
      },
      {
        does: "sends no order twice",
        ask: "POST /crash",
        fields: { cookie: "canary=always" },
        content: "a=1",
        status: 502,
        upstream: "next",
      },
      {
        does: "sends one that the new version never got",
        ask: "POST /orders",
        fields: { cookie: "canary=always" },
        content: "a=1",
        before: (proxy) => proxy.disconnect(NEXT),
        status: 200,
        upstream: "stable",
        sees: { content: "a=1" },
      },
      {
        does: "falls back to the old version where the new one is gone",
        ask: "GET /",
        fields: { cookie: "canary=always" },
        before: (proxy) => proxy.disconnect(NEXT),
        status: 200,
        answer: { "x-version": "stable" },
        upstream: "stable",
      },
    ],
  },

  "ab-test": {
    upstreams: {
      app: (request) =>
        new Response(`variant ${request.headers.get("x-variant")}`, {
          headers: { "cache-control": "max-age=60" },
        }),
    },
    checks: [
      {
        does: "gives newcomers a variant to keep",
        ask: "GET /",
        status: 200,
        answer: { "set-cookie": /^variant=[ab]; Path=\/; Max-Age=2592000; SameSite=Lax$/ },
        text: /^variant [ab]$/,
      },
      ...["a", "b"].map((variant) => ({
        does: `leaves a visitor with ${variant} as it is`,
        ask: "GET /",
        fields: { cookie: `variant=${variant}` },
        status: 200,
        answer: { "set-cookie": null },
        text: `variant ${variant}`,
      })),
      {
        does: "answers each variant from the cache",
        ask: "GET /",
        fields: { cookie: "variant=a" },
        status: 200,
        text: "variant a",
        upstream: null,
      },
      {
        does: "tells newcomers their variant where the page comes from the cache, too",
        ask: "GET /",
        status: 200,
        answer: { "set-cookie": /^variant=[ab];/ },
        upstream: null,
      },
      {
        does: "takes no variant that does not exist, and writes the log by variant",
        async run(proxy) {
          const response = await proxy.fetch("/", { headers: { cookie: "variant=c" } });
          expect(response.headers.get("set-cookie")).toMatch(/^variant=[ab];/);
          const line = proxy.logs.findLast(({ msg }) => msg === "experiment");
          expect(line).toMatchObject({ variant: expect.stringMatching(/^[ab]$/), status: 200 });
        },
      },
    ],
  },

  "shadow-traffic": {
    upstreams: { app: named("app"), shadow: named("shadow") },
    checks: [
      {
        does: "copies a search, without what could act for somebody",
        async run(proxy) {
          const headers = { cookie: "session=1", authorization: "Bearer x" };
          const response = await proxy.fetch("/search/boots", { headers });
          expect(await response.text()).toBe("app");
          await proxy.settled();
          const copy = proxy.upstreamCalls.find(({ upstream }) => upstream === "shadow");
          expect(copy?.request.headers.get("x-mirrored-request")).toBe("1");
          expect(copy?.request.headers.get("cookie")).toBe(null);
          expect(copy?.request.headers.get("authorization")).toBe(null);
        },
      },
      {
        does: "copies no order",
        async run(proxy) {
          const calls = proxy.upstreamCalls.length;
          await proxy.fetch("/orders", { method: "POST", body: "{}" });
          await proxy.settled();
          const more = proxy.upstreamCalls.slice(calls).map(({ upstream }) => upstream);
          expect(more).toEqual(["app"]);
        },
      },
    ],
  },

  "custom-balancing": {
    upstreams: { app: named("app") },
    checks: [
      {
        does: "sends batch jobs to the machine that is theirs",
        ask: "GET /report",
        fields: { "x-batch": "1" },
        status: 200,
        upstream: BATCH,
      },
      {
        does: "keeps everybody else away from it",
        async run(proxy) {
          for (let i = 0; i < 10; i++) await proxy.fetch("/");
          const targets = proxy.upstreamCalls.slice(-10).map(({ target }) => target);
          expect(targets).not.toContain(BATCH);
        },
      },
      {
        does: "lets the others do it where that machine is gone",
        ask: "GET /report",
        fields: { "x-batch": "1" },
        before: (proxy) => proxy.disconnect(BATCH),
        status: 200,
        upstream: "app",
      },
    ],
  },

  maintenance: {
    upstreams: { app: named("app") },
    checks: [
      {
        does: "answers programs with JSON",
        ask: "GET /",
        status: 503,
        answer: { "retry-after": "1800", "content-type": "application/json" },
        text: '{"error":"under maintenance"}',
        upstream: null,
      },
      {
        does: "shows browsers a page",
        ask: "GET /",
        fields: { accept: "text/html,*/*" },
        status: 503,
        answer: { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
        text: /Back soon/,
      },
      {
        does: "lets the office in",
        ask: "GET /",
        client: { address: "198.51.100.9" },
        status: 200,
        upstream: "app",
      },
      { does: "answers health checks", ask: "GET /health", status: 200, upstream: "app" },
    ],
  },

  "error-pages": {
    upstreams: { app: named("app"), copy: named("copy") },
    page: { upstreams: {} },
    checks: [
      { does: "asks the service", ask: "GET /", status: 200, upstream: "app" },
      {
        does: "asks the copy where the service is gone",
        ask: "GET /",
        before: (proxy) => proxy.disconnect("http://127.0.0.1:3000"),
        status: 200,
        text: "copy",
        upstream: "copy",
      },
      {
        does: "sends a form to the copy, too",
        ask: "POST /orders",
        content: "a=1",
        status: 200,
        upstream: "copy",
        sees: { method: "POST", content: "a=1" },
      },
      {
        does: "shows browsers a page where both are gone",
        ask: "GET /",
        fields: { accept: "text/html" },
        before: (proxy) => proxy.disconnect("http://127.0.0.1:3001"),
        status: 502,
        answer: { "retry-after": "60", "content-type": "text/html; charset=utf-8" },
        text: /Request \S+\.$/,
      },
      {
        does: "answers programs with JSON",
        ask: "GET /",
        status: 502,
        answer: { "content-type": "application/json" },
        text: /^\{"error":"unavailable","request":"[^"]+"\}$/,
      },
    ],
  },
};
