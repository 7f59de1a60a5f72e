/**
 * What `npm start` runs: no service is needed, the upstream `demo` lives in this file. Edit and save while it runs:
 * the next request sees the change. A mistake keeps the last good version serving and shows where it is.
 */
import { defineConfig } from "@gatewright/sdk";

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Gatewright</title>
<style>body{font:16px/1.6 system-ui;max-width:42rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}code{font-size:.9em}</style>
<h1>It runs</h1>
<p>This page came through Gatewright, from an upstream that lives in <code>proxy.config.ts</code>. Try:</p>
<ul>
<li><a href="/api/hello?name=you">/api/hello?name=you</a>: a route that strips <code>/api</code></li>
<li><a href="/api/time">/api/time</a>: stored for five seconds, see <code>Cache-Status</code></li>
<li><a href="/shout">/shout</a>: the answer edited while it streams</li>
<li><a href="/events">/events</a>: server-sent events, as they happen</li>
<li><a href="/old">/old</a>: a redirect from a hook</li>
<li><a href="/secret">/secret</a>: refused, unless you send <code>x-key: open</code></li>
</ul>
<p>Then change a line of <code>proxy.config.ts</code>, save, and reload this page.</p></html>`;

async function demo(request: Request): Promise<Response> {
  const url = new URL(request.url);
  switch (url.pathname) {
    case "/":
      return new Response(PAGE, { headers: { "content-type": "text/html; charset=utf-8" } });
    case "/hello":
      return Response.json({ hello: url.searchParams.get("name") ?? "world" });
    case "/time":
      return Response.json({ fetchedAt: new Date().toISOString() });
    case "/shout":
      return new Response("quietly, line by line\nwithout ever holding the whole\n");
    case "/secret":
      return new Response("You had the key.\n");
    case "/events":
      return new Response(ReadableStream.from(ticks()), {
        headers: { "content-type": "text/event-stream" },
      });
    default:
      return new Response("The demo upstream knows no such page.\n", { status: 404 });
  }
}

async function* ticks(): AsyncGenerator<Uint8Array> {
  for (let i = 1; ; i++) {
    yield new TextEncoder().encode(`data: tick ${i}\n\n`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

export default defineConfig({
  listen: { port: 8080 },
  upstreams: {
    // On the network it would be: api: { targets: ["http://10.0.0.1:9000", "http://10.0.0.2:9000"], retry: { attempts: 2 } }
    // Connections, health of targets, balancing, queues and time limits need no line: docs/upstreams.md, examples/resilience
    demo: { fetch: demo },
  },
  routes: [
    // Stored where the answer does not forbid it. Tags, purges, stale answers: docs/caching.md, examples/cache
    {
      match: { path: "/api/*" },
      upstream: "demo",
      rewrite: { stripPrefix: "/api" },
      cache: { ttl: "5s" },
    },
    { match: { path: "/*" }, upstream: "demo" },
  ],
  headers: { response: { default: { "x-content-type-options": "nosniff" } } },
  // `true` is what a site wants: 100 in 10 seconds. More, and lists of addresses: docs/rate-limits.md, docs/ip-lists.md
  rateLimits: { perClient: { key: ["ip", "user-agent"], limit: 10_000, window: "10s" } },
  // Attacks are refused; `mode: "flag"` only notes them. Exclusions and rules of your own: docs/waf.md
  waf: {},

  onRequest(request, ctx) {
    if (request.path === "/old") return ctx.redirect("/", 308);
    if (request.path === "/secret" && request.headers.get("x-key") !== "open") {
      return ctx.block("no key");
    }
  },

  onResponse(response, ctx) {
    response.headers.set("x-served-by", "gatewright");
    if (
      ctx.route?.name !== undefined &&
      response.headers.get("content-type")?.startsWith("text/plain")
    ) {
      response.transform(async function* (chunks) {
        const decoder = new TextDecoder();
        for await (const chunk of chunks)
          yield decoder.decode(chunk, { stream: true }).toUpperCase();
      });
    }
  },
});
