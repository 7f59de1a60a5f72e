import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { defineConfig } from "@gatewright/sdk";
import { createTestClock, createTestProxy, type TestProxy } from "gatewright/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { letTimePass } from "../../fixtures/testing/what-time-does.ts";

async function make(...args: Parameters<typeof createTestProxy>): Promise<TestProxy> {
  const proxy = await createTestProxy(...args);
  onTestFinished(() => proxy.close());
  return proxy;
}

const ONE = "http://10.0.0.1:9000";
const TWO = "http://10.0.0.2:9000";

describe("what depends on time", () => {
  it("goes by in under a second: flapping health, cache, limits and clearances", async () => {
    // What is loaded at the first use of all is not its time.
    await (await createTestProxy({ upstreams: { app: { fetch: () => new Response() } } })).close();
    const began = process.cpuUsage();
    await letTimePass();
    // Of the processor: what else runs on this machine is no matter.
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1000).toBeLessThan(1000);
  });
});

describe("fetch", () => {
  const echo = defineConfig({
    upstreams: { api: { targets: [ONE] } },
    trustedProxies: ["192.0.2.0/24"],
    onRequest(request, ctx) {
      if (request.path === "/drop") return ctx.drop();
      if (request.path === "/client") return ctx.json({ ...ctx.client, url: request.url });
      if (request.path === "/hints") ctx.earlyHints("</a.css>; rel=preload");
    },
  });

  it("gives what the client would get, and keeps what the upstream got", async () => {
    const proxy = await make(echo, {
      upstreams: {
        api: async (request, { target }) =>
          Response.json(
            { target, text: await request.text() },
            { headers: { connection: "close" } },
          ),
      },
    });
    const response = await proxy.fetch("/a//b?q=1", {
      method: "POST",
      headers: { "X-Own": "1" },
      body: "hello",
    });
    expect(response.status).toBe(200);
    expect(response.headers.has("connection")).toBe(false);
    expect(await response.json()).toEqual({ target: ONE, text: "hello" });
    const [call] = proxy.upstreamCalls;
    expect(call).toMatchObject({ upstream: "api", target: ONE, status: 200 });
    expect(call?.request.headers.get("x-forwarded-for")).toBe("127.0.0.1");
    expect(call?.request.headers.get("x-own")).toBe("1");
    expect(await call?.request.text()).toBe("hello");
    expect(proxy.requests).toMatchObject([{ status: 200, upstream: "api", requestBytes: 5 }]);
    expect(proxy.logs.find(({ msg }) => msg === "request")).toMatchObject({ path: "/a//b?q=1" });
  });

  it("sends the path as it is written", async () => {
    const proxy = await make(echo, { upstreams: { api: () => new Response("") } });
    expect((await proxy.fetch("/a/../b")).status).toBe(400);
    expect((await proxy.fetch("http://a.test/a%2fb")).status).toBe(400);
  });

  it("streams in both directions, with back pressure", async () => {
    const sent: number[] = [];
    const proxy = await make(echo, {
      upstreams: {
        api: async (request) => {
          let bytes = 0;
          for await (const chunk of request.body ?? []) bytes += chunk.byteLength;
          const chunks = Array.from({ length: 64 }, (_, at) => at);
          return new Response(
            new ReadableStream({
              pull(controller) {
                const next = chunks.shift();
                if (next === undefined) return controller.close();
                sent.push(next);
                controller.enqueue(new Uint8Array(100_000).fill(bytes % 251));
              },
            }),
          );
        },
      },
    });
    const response = await proxy.fetch("/", {
      method: "POST",
      body: ReadableStream.from(["abc", "def"]).pipeThrough(new TextEncoderStream()),
      duplex: "half",
    });
    await proxy.settled();
    expect(sent.length).toBeLessThan(64);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(bytes.byteLength).toBe(6_400_000);
    expect(bytes.every((byte) => byte === 6)).toBe(true);
    expect(proxy.requests).toMatchObject([{ responseBytes: 6_400_000, outcome: "complete" }]);
  });

  it("gives a response whose events are yet to come, and ends it with its reader", async () => {
    const events = new TransformStream<string, string>();
    const proxy = await make(echo, {
      upstreams: {
        api: () =>
          new Response(events.readable.pipeThrough(new TextEncoderStream()), {
            headers: { "content-type": "text/event-stream" },
          }),
      },
    });
    const response = await proxy.fetch("/");
    const body = response.body as ReadableStream<Uint8Array<ArrayBuffer>>;
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    const writer = events.writable.getWriter();
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      void writer.write(event);
      expect(await reader.read()).toEqual({ done: false, value: event });
    }
    await reader.cancel();
    await proxy.settled();
    expect(proxy.requests).toMatchObject([{ status: 200, outcome: "aborted" }]);
  });

  it("asks for no upgrade, and has no content where a client would see none", async () => {
    const proxy = await make(echo, {
      upstreams: { api: (request) => new Response(`upgrade: ${request.headers.get("upgrade")}`) },
    });
    const headers = { connection: "upgrade", upgrade: "websocket" };
    expect(await (await proxy.fetch("/", { headers })).text()).toBe("upgrade: null");
    const head = await proxy.fetch("/", { method: "HEAD" });
    expect([head.status, head.body]).toEqual([200, null]);
  });

  it("knows who asks, for the proxy and for one request", async () => {
    const proxy = await make(echo, { client: { address: "198.51.100.7", protocol: "HTTP/2" } });
    const ask = async (...args: Parameters<TestProxy["fetch"]>) =>
      (await proxy.fetch(...args)).json();
    expect(await ask("/client")).toMatchObject({
      address: "198.51.100.7",
      protocol: "HTTP/2",
      url: "http://localhost/client",
    });
    expect(await ask("https://shop.test/client")).toMatchObject({ servername: "shop.test" });
    const headers = { "X-Forwarded-For": "203.0.113.9" };
    const client = { address: "192.0.2.1" };
    expect(await ask("/client", { headers, client })).toMatchObject({
      address: "203.0.113.9",
      peerAddress: "192.0.2.1",
    });
    expect(await ask("/client", { headers })).toMatchObject({ address: "198.51.100.7" });
  });

  it("rejects where the connection ends without an answer, and breaks off what was cut", async () => {
    const breaks = Promise.withResolvers<never>();
    const proxy = await make(echo, {
      upstreams: {
        api: () =>
          new Response(
            new ReadableStream({
              start: (controller) => controller.enqueue(new Uint8Array(10)),
              pull: () => breaks.promise,
            }),
          ),
      },
    });
    await expect(proxy.fetch("/drop")).rejects.toThrow(TypeError);
    const cut = await proxy.fetch("/");
    breaks.reject(new Error("broken"));
    await expect(cut.arrayBuffer()).rejects.toThrow();
    expect(proxy.requests.map(({ outcome }) => outcome)).toEqual(["dropped", "cut"]);
  });

  it("ends with its signal", async () => {
    let ended = false;
    const proxy = await make(echo, {
      upstreams: {
        api: (request) => {
          request.signal.addEventListener("abort", () => (ended = true));
          return new Promise<never>(() => {});
        },
      },
    });
    const controller = new AbortController();
    const asked = proxy.fetch("/", { signal: controller.signal });
    await proxy.settled();
    controller.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    await proxy.settled();
    expect(ended).toBe(true);
    expect(proxy.requests).toMatchObject([{ status: 499, outcome: "aborted" }]);
  });

  it("tells early hints", async () => {
    const proxy = await make(echo, { upstreams: { api: () => new Response("") } });
    const told: unknown[] = [];
    await proxy.fetch("/hints", {
      onInformational: (status, headers) => told.push(status, headers.get("link")),
    });
    expect(told).toEqual([103, "</a.css>; rel=preload"]);
  });
});

describe("fakes", () => {
  const api = defineConfig({
    upstreams: { api: { targets: [ONE, TWO], retry: { attempts: 2 } } },
    onRequest: (request, ctx) =>
      request.path === "/user" ? ctx.fetch("https://id.test/me") : undefined,
  });

  it("break like upstreams: another target is asked, and what was thrown is logged", async () => {
    const proxy = await make(api, {
      upstreams: {
        api: {
          [ONE]: () => {
            throw new Error("out of order");
          },
          [TWO]: () => new Response("two"),
        },
      },
    });
    for (let ask = 0; ask < 2; ask++) expect(await (await proxy.fetch("/")).text()).toBe("two");
    expect(proxy.upstreamCalls.map(({ target, status }) => [target, status])).toContainEqual([
      ONE,
      undefined,
    ]);
    const line = proxy.logs.find(({ msg }) => msg === "a fake upstream failed");
    expect(line).toMatchObject({ target: ONE, err: { message: "out of order" } });
  });

  it("are found by origin for what hooks fetch by URL", async () => {
    const proxy = await make(api, {
      upstreams: { "https://id.test": (request) => new Response(`at ${request.url}`) },
    });
    expect(await (await proxy.fetch("/user")).text()).toBe("at https://id.test/me");
  });

  it("that are missing refuse connections and are named", async () => {
    const proxy = await make(api);
    expect((await proxy.fetch("/")).status).toBe(502);
    expect(JSON.stringify(proxy.logs)).toContain("there is no fake for http://10.0.0.1:9000");
  });

  it("must belong to an upstream of the config", async () => {
    const made = createTestProxy(api, { upstreams: { app: () => new Response("") } });
    await expect(made).rejects.toThrow(
      "upstreams.app: the config has no such upstream; it has: api",
    );
  });

  it("speak HTTP/2 where the upstream does", async () => {
    const proxy = await make(
      { upstreams: { api: { targets: ["https://api.test"], http2: true } } },
      { upstreams: { api: async (request) => new Response(`h2 ${await request.text()}`) } },
    );
    const asked = ["a", "b"].map((body) => proxy.fetch("/", { method: "PUT", body }));
    const texts = await Promise.all(asked.map(async (one) => (await one).text()));
    expect(texts).toEqual(["h2 a", "h2 b"]);
  });

  it("take the place of an app of the config, which is looked at too", async () => {
    const config = { upstreams: { app: { fetch: () => new Response("itself") } } };
    const itself = await make(config);
    expect(await (await itself.fetch("/")).text()).toBe("itself");
    expect(itself.upstreamCalls).toHaveLength(1);
    const faked = await make(config, { upstreams: { app: () => new Response("fake") } });
    expect(await (await faked.fetch("/")).text()).toBe("fake");
  });

  it("can be slow by the clock, and time limits hold", async () => {
    const clock = createTestClock();
    const proxy = await make(
      { upstreams: { api: { targets: [ONE], timeouts: { responseHead: "5s" } } } },
      {
        clock,
        upstreams: {
          api: async (request) => {
            await clock.sleep(new URL(request.url).pathname === "/slow" ? "6s" : "4s");
            return new Response("done");
          },
        },
      },
    );
    const asked = [proxy.fetch("/"), proxy.fetch("/slow")];
    await proxy.advance("10s");
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 504]);
    expect(proxy.requests.map(({ times }) => Math.round(times.total / 1000))).toEqual([4, 5]);
  });

  it("are ejected for longer each time, by the clock of the test", async () => {
    const proxy = await make(
      {
        upstreams: {
          api: {
            targets: [ONE, TWO],
            outliers: { consecutiveErrors: 3, baseTime: "10s" },
          },
        },
      },
      {
        upstreams: {
          api: { [ONE]: () => new Response("", { status: 502 }), [TWO]: () => new Response("two") },
        },
      },
    );
    /** Requests that TWO alone answers: none of them fails. */
    const failures = async (): Promise<number> => {
      let count = 0;
      for (let ask = 0; ask < 6; ask++) if ((await proxy.fetch("/")).status === 502) count += 1;
      return count;
    };
    expect([await failures(), await failures()]).toEqual([3, 0]);
    await proxy.advance("9s");
    expect(await failures()).toBe(0);
    await proxy.advance("2s");
    expect([await failures(), await failures()]).toEqual([3, 0]);
    await proxy.advance("15s");
    expect(await failures()).toBe(0);
    await proxy.advance("6s");
    expect(await failures()).toBe(3);
  });

  it("are cut off and back again by disconnect and reconnect", async () => {
    const proxy = await make(
      { upstreams: { api: { targets: [ONE, TWO], healthCheck: { type: "tcp", interval: "5s" } } } },
      { upstreams: { api: (_request, { target }) => new Response(target) } },
    );
    const texts = async () => {
      const asked = await Promise.all([proxy.fetch("/"), proxy.fetch("/")]);
      return (await Promise.all(asked.map((one) => one.text()))).toSorted();
    };
    expect(await texts()).toEqual([ONE, TWO]);
    proxy.disconnect(TWO);
    await proxy.advance("20s");
    expect(await texts()).toEqual([ONE, ONE]);
    proxy.reconnect(TWO);
    await proxy.advance("20s");
    expect(await texts()).toEqual([ONE, TWO]);
  });

  it("answer for lists that are fetched at intervals", async () => {
    let list = "198.51.100.0/24";
    const proxy = await make(
      {
        upstreams: { app: { fetch: () => new Response("in") } },
        blocklists: { bad: { url: "https://lists.test/bad.txt", interval: "15m" } },
      },
      {
        client: { address: "203.0.113.1" },
        upstreams: { "https://lists.test": () => new Response(list) },
      },
    );
    expect((await proxy.fetch("/")).status).toBe(200);
    list = "203.0.113.0/24";
    await proxy.advance("20m");
    expect((await proxy.fetch("/")).status).toBe(403);
  });
});

describe("a test proxy", () => {
  it("explains without sending", async () => {
    const proxy = await make({
      upstreams: { api: { targets: [ONE] }, web: { targets: [TWO] } },
      routes: [
        { match: { path: "/api/*" }, upstream: "api" },
        { match: { path: "/*" }, upstream: "web" },
      ],
    });
    const { steps } = await proxy.explain("GET", "/api/x");
    expect(steps.find(({ phase }) => phase === "upstream")?.text).toContain("api");
    expect(proxy.upstreamCalls).toEqual([]);
    expect(proxy.requests).toEqual([]);
  });

  it("shows every issue of a broken config", async () => {
    const made = createTestProxy({ upstreems: {} } as never);
    await expect(made).rejects.toThrow('Did you mean "upstreams"?');
  });

  it("takes a config from a function, with the environment of the test", async () => {
    const config = defineConfig((env) => ({
      upstreams: { app: { fetch: () => new Response(`${env.command} ${env.env["WHO"]}`) } },
    }));
    const proxy = await make(config, { env: { WHO: "ada" } });
    expect(await (await proxy.fetch("/")).text()).toBe("start ada");
  });

  it("compiles a config file, and names the place of what is thrown", async () => {
    const file = new URL("../../../examples/minimal/proxy.config.ts", import.meta.url);
    const proxy = await make(file);
    expect((await proxy.fetch("/")).status).toBeLessThan(500);
  });

  it("reloads: counts and what is stored stay, plugins change", async () => {
    const events: string[] = [];
    const config = (name: string) => ({
      upstreams: { api: { targets: [ONE] } },
      rateLimits: { few: { key: ["ip" as const], limit: 2, window: "1m" as const } },
      plugins: [
        {
          name: "tells",
          api: 1 as const,
          setup: () => {
            events.push(`${name} set up`);
            return () => void events.push(`${name} disposed`);
          },
        },
      ],
    });
    const proxy = await make(config("one"), { upstreams: { api: () => new Response("ok") } });
    expect((await proxy.fetch("/")).status).toBe(200);
    await proxy.reload(config("two"));
    expect((await proxy.fetch("/")).status).toBe(200);
    expect((await proxy.fetch("/")).status).toBe(429);
    expect(events).toEqual(["one set up", "two set up", "one disposed"]);
    await expect(proxy.reload({ upstreams: 1 } as never)).rejects.toThrow("upstreams");
    expect((await proxy.fetch("/")).status).toBe(429);
  });

  it("sends everybody to https where the config says so", async () => {
    const proxy = await make({
      listen: [
        { port: 80, redirectToHttps: true },
        { port: 443, tls: "dev" },
      ],
      upstreams: { app: { fetch: () => new Response("in") } },
    });
    const redirect = await proxy.fetch("http://shop.test/a");
    expect(redirect.status).toBe(308);
    expect(redirect.headers.get("location")).toBe("https://shop.test/a");
    expect((await proxy.fetch("https://shop.test/a")).status).toBe(200);
  });

  it("runs by the system's clock if it is told to", async () => {
    const proxy = await make(
      { upstreams: { app: { fetch: () => new Response("in") } } },
      { clock: "system" },
    );
    expect((await proxy.fetch("/")).status).toBe(200);
    await expect(proxy.advance("1s")).rejects.toThrow("system's clock");
  });

  it("goes by its own clock beside a runner's fake timers", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "Date"], now: 0 });
    onTestFinished(() => void vi.useRealTimers());
    const proxy = await make(
      { upstreams: { api: { targets: [ONE] } } },
      { clock: createTestClock({ now: "2030-01-01" }), upstreams: { api: () => new Response("") } },
    );
    const body = "x".repeat(2_000_000);
    const response = await proxy.fetch("/", { method: "POST", body });
    expect(response.headers.get("date")).toBe("Tue, 01 Jan 2030 00:00:00 GMT");
    await proxy.advance("1m");
    expect(Date.now()).toBe(0);
  });

  it("breaks off a response that is being read when it is closed", async () => {
    const proxy = await make(
      { upstreams: { api: { targets: [ONE] } } },
      {
        upstreams: {
          api: () =>
            new Response(
              new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(9)) }),
            ),
        },
      },
    );
    const text = (await proxy.fetch("/")).text();
    await Promise.all([proxy.close(), expect(text).rejects.toThrow("terminated")]);
  });

  it("works under node:test, and leaves nothing behind that would hold the process", async () => {
    const file = fileURLToPath(
      new URL("../../fixtures/testing/under-node-test.ts", import.meta.url),
    );
    const command = ["--conditions=@gatewright/source", "--test", file];
    const { stdout } = await promisify(execFile)(process.execPath, command, { timeout: 14_000 });
    expect(stdout).toMatch(/pass 2\b/);
  });
});
