/** Retries through the whole proxy: options, buffered content, the function, the record, the budget. */
import type { NetworkUpstream, RetryConfig, RouteConfig } from "@gatewright/sdk";
import { createHash, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";

import { scaled } from "../helpers/scale.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";
import {
  toyResponse,
  type ToyConnection,
  type ToyRequest,
  type ToyUpstream,
} from "../helpers/toy-upstream.ts";
import { toy } from "../helpers/upstream-fixture.ts";

type Answer = (request: ToyRequest, connection: ToyConnection) => string | void;

const ok: Answer = (request) => toyResponse(200, `ok ${request.content.length}`);
const reset: Answer = (_request, connection) => connection.reset();
const busy: Answer = () => toyResponse(503, "busy");

interface Pair {
  readonly first: ToyUpstream;
  readonly second: ToyUpstream;
  readonly proxy: TestProxy;
}

/** Two targets, the first of which is always asked first. */
async function pair(
  answers: readonly [Answer, Answer],
  api: Partial<NetworkUpstream>,
  routes?: RouteConfig[],
): Promise<Pair> {
  const first = await toy({ onRequest: answers[0] });
  const second = await toy({ onRequest: answers[1] });
  const proxy = await startProxy({
    config: {
      upstreams: {
        api: {
          targets: [first.url, { url: second.url, priority: 1 }],
          // Both stay in: what is tested is not health.
          outliers: false,
          ...api,
        },
      },
      ...(routes === undefined ? {} : { routes }),
    },
  });
  return { first, second, proxy };
}

const QUICK: RetryConfig = { backoff: { base: 1, max: 1 } };

describe("retry", () => {
  it("sends a GET to the next target, and the record says how often and where", async () => {
    const { proxy, first, second } = await pair([reset, ok], { retry: QUICK });
    const response = await fetch(proxy.url);
    expect([response.status, await response.text()]).toEqual([200, "ok 0"]);
    const record = await proxy.accessed();
    expect(record.attempts).toBe(2);
    expect(record.target).toBe(`${second.host}:${second.port}`);
    expect([first.requests.length, second.requests.length]).toEqual([1, 1]);
  });

  it("is off by default: the failure is the client's, of one attempt", async () => {
    const { proxy, first, second } = await pair([reset, ok], {});
    expect((await fetch(proxy.url)).status).toBe(502);
    expect((await proxy.accessed()).attempts).toBe(1);
    expect([first.requests.length, second.requests.length]).toEqual([1, 0]);
    expect(proxy.takeErrors()[0]).toMatchObject({
      code: "PROXY_UPSTREAM_RESET",
      target: `${first.host}:${first.port}`,
    });
  });

  it("counts targets that could not be connected to, which needs no option", async () => {
    const { proxy, first } = await pair([ok, ok], {});
    await first.close();
    const response = await fetch(proxy.url, { method: "POST", body: "once" });
    expect(await response.text()).toBe("ok 4");
    expect((await proxy.accessed()).attempts).toBe(2);
  });

  it.each([
    ["in memory", scaled(300_000, 900_000)],
    ["in a file", scaled(3_000_000, 10_000_000)],
  ])("sends content again that was buffered %s, byte for byte", async (_where, size) => {
    const content = randomBytes(size);
    const sums: string[] = [];
    const sum: Answer = (request) => {
      sums.push(createHash("sha256").update(request.content).digest("hex"));
      return toyResponse(200, "ok");
    };
    const failAtEnd: Answer = (request, connection) => {
      void sum(request, connection);
      connection.reset();
    };
    const { proxy } = await pair([failAtEnd, sum], { retry: QUICK });
    const response = await fetch(proxy.url, { method: "PUT", body: content });
    expect(response.status).toBe(200);
    const expected = createHash("sha256").update(content).digest("hex");
    expect(sums).toEqual([expected, expected]);
  });

  it("does not send content again that streams", async () => {
    const { proxy, second } = await pair([reset, ok], { retry: QUICK }, [
      { upstream: "api", requestContent: { buffer: false } },
    ]);
    const response = await fetch(proxy.url, { method: "PUT", body: "streamed" });
    expect([response.status, second.requests.length]).toEqual([502, 0]);
    proxy.takeErrors();
  });

  it("never sends a POST twice, unless `methods` says so", async () => {
    const once = await pair([reset, ok], { retry: { ...QUICK, when: () => true } });
    expect((await fetch(once.proxy.url, { method: "POST", body: "x" })).status).toBe(502);
    expect(once.second.requests.length).toBe(0);
    once.proxy.takeErrors();

    const twice = await pair([reset, ok], { retry: { ...QUICK, methods: ["POST"] } });
    expect((await fetch(twice.proxy.url, { method: "POST", body: "x" })).status).toBe(200);
    // The list is the whole list.
    expect((await fetch(twice.proxy.url, { method: "PUT", body: "x" })).status).toBe(502);
    twice.proxy.takeErrors();
  });

  it("takes statuses for failures, passes on the last one, and keeps the connections", async () => {
    const { proxy, first, second } = await pair([busy, busy], {
      retry: { ...QUICK, attempts: 3, statuses: [503] },
    });
    for (let i = 1; i <= 5; i++) {
      const response = await fetch(proxy.url);
      expect([response.status, await response.text()]).toEqual([503, "busy"]);
      expect(first.requests.length + second.requests.length).toBe(i * 3);
    }
    expect(first.connections.length + second.connections.length).toBe(2);
    expect((await proxy.accessed()).attempts).toBe(3);
  });

  it("waits as Retry-After says, and passes on what asks for too much", async () => {
    const times: number[] = [];
    const after = (seconds: number): Answer => {
      return () => {
        times.push(performance.now());
        return toyResponse(503, "", `Retry-After: ${seconds}`);
      };
    };
    const late: Answer = (request, connection) => {
      times.push(performance.now());
      return ok(request, connection);
    };
    const retry = { ...QUICK, statuses: [503] };
    const soon = await pair([after(1), late], { retry });
    expect((await fetch(soon.proxy.url)).status).toBe(200);
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThanOrEqual(995);

    const never = await pair([after(2), late], { retry });
    const response = await fetch(never.proxy.url);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "2"]);
  });

  it("limits each attempt by `perTryTimeout`", async () => {
    const { proxy, second } = await pair([() => {}, ok], {
      retry: { ...QUICK, perTryTimeout: "50ms" },
      timeouts: { responseHead: "1m" },
    });
    expect((await fetch(proxy.url)).status).toBe(200);
    expect((await proxy.accessed()).target).toBe(`${second.host}:${second.port}`);
  });

  it("of a route replaces the upstream's key by key, and `false` ends it", async () => {
    const { proxy, first, second } = await pair(
      [busy, busy],
      { retry: { ...QUICK, attempts: 3, statuses: [503] } },
      [
        { match: { path: "/two" }, upstream: "api", retry: { attempts: 2 } },
        { match: { path: "/one" }, upstream: "api", retry: false },
        { match: { path: "/other" }, upstream: "api", retry: { statuses: [500] } },
        { match: { path: "/*" }, upstream: "api" },
      ],
    );
    const counts: Record<string, number> = {};
    for (const path of ["/two", "/one", "/other", "/else"]) {
      const before = first.requests.length + second.requests.length;
      await (await fetch(proxy.url + path)).text();
      counts[path] = first.requests.length + second.requests.length - before;
    }
    expect(counts).toEqual({ "/two": 2, "/one": 1, "/other": 1, "/else": 3 });
  });

  it("of a route works for an upstream without any", async () => {
    const { proxy } = await pair([reset, ok], {}, [
      { match: { path: "/again" }, upstream: "api", retry: QUICK },
      { match: { path: "/*" }, upstream: "api" },
    ]);
    expect((await fetch(`${proxy.url}/again`)).status).toBe(200);
    expect((await fetch(proxy.url)).status).toBe(502);
    proxy.takeErrors();
  });

  it("holds for `ctx.fetch`, too", async () => {
    const first = await toy({ onRequest: reset });
    const second = await toy({ onRequest: ok });
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: {
            targets: [first.url, { url: second.url, priority: 1 }],
            outliers: false,
            retry: QUICK,
          },
        },
        onRequest: async (_request, ctx) => {
          const response = await ctx.fetch("api", { path: "/inner" });
          return ctx.respond(response.status, await response.text());
        },
      },
    });
    expect(await (await fetch(proxy.url)).text()).toBe("ok 0");
  });

  it("comes before `onError`, which sends what is left to a fallback", async () => {
    const bad = await toy({ onRequest: reset });
    const spare = await toy({ onRequest: ok });
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: { targets: [bad.url], outliers: false, retry: { ...QUICK, attempts: 3 } },
          spare: { targets: [spare.url] },
        },
        routes: [{ upstream: "api" }],
        onError: (_error, ctx) => ctx.forward("spare"),
      },
    });
    const response = await fetch(proxy.url, { method: "PUT", body: "kept" });
    expect(await response.text()).toBe("ok 4");
    expect(bad.requests.length).toBe(3);
    expect((await proxy.accessed()).attempts).toBe(4);
    proxy.takeErrors();
  });
});

describe("the function", () => {
  it("decides with the request in hand", async () => {
    const seen: unknown[] = [];
    const { proxy } = await pair([() => toyResponse(500, "no"), ok], {
      retry(failure, attempt, request) {
        seen.push([failure.status, failure.code, attempt, request.path]);
        return request.headers.has("x-again") ? { delay: 0 } : undefined;
      },
    });
    const status = async (fields: Record<string, string>): Promise<number> =>
      (await fetch(`${proxy.url}/path`, { headers: fields })).status;
    expect([await status({ "x-again": "1" }), await status({})]).toEqual([200, 500]);
    expect(seen).toEqual([
      [500, undefined, 1, "/path"],
      [500, undefined, 1, "/path"],
    ]);
  });

  it("that throws costs the attempt and is named in the log, once", async () => {
    const { proxy } = await pair([reset, ok], {
      retry: {
        when() {
          throw new Error("of the author");
        },
      },
    });
    for (let i = 0; i < 3; i++) expect((await fetch(proxy.url)).status).toBe(502);
    const warnings = proxy.log.lines.filter(({ msg }) =>
      msg?.includes("could not decide whether a request is sent again"),
    );
    expect(warnings.length).toBe(1);
    expect(warnings[0]).toMatchObject({ upstream: "api" });
    proxy.takeErrors();
  });
});

describe("the budget", () => {
  it("bounds what an outage costs, over routes and reloads", async () => {
    const down = await toy({ onRequest: busy });
    const config = (attempts: number) => ({
      upstreams: {
        api: {
          targets: [down.url],
          outliers: false as const,
          retry: { ...QUICK, attempts, statuses: [503], budget: { share: 0.2, minPerSecond: 1 } },
        },
      },
      routes: [
        { match: { path: "/a" }, upstream: "api", retry: { attempts: 4 } },
        { match: { path: "/*" }, upstream: "api" },
      ],
    });
    const proxy = await startProxy({ config: config(3) });
    const storm = async (count: number): Promise<void> => {
      await Promise.all(
        Array.from({ length: count }, async (_, i) => {
          expect((await fetch(proxy.url + (i % 2 === 0 ? "/a" : "/b"))).status).toBe(503);
        }),
      );
    };
    await storm(100);
    await proxy.update(config(5));
    await storm(100);
    // 200 requests: 40 more, however many each of them was allowed.
    expect(down.requests.length).toBeGreaterThan(230);
    expect(down.requests.length).toBeLessThanOrEqual(240);
  });
});

describe("under fire", () => {
  it("executes no POST twice and loses no GET while targets break at random moments", async () => {
    const executed = new Map<string, number>();
    // Fixed, so that a failure can be looked at again.
    let seed = 7;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    };
    const breaking = (share: number) =>
      toy({
        onHead: (_request, connection) => {
          if (random() < share / 3) connection.reset();
        },
        onRequest: (request, connection) => {
          if (connection.socket.destroyed) return;
          executed.set(request.target, (executed.get(request.target) ?? 0) + 1);
          const roll = random();
          if (roll < share / 3) connection.reset();
          else if (roll < (2 * share) / 3) return toyResponse(503, "busy");
          else return toyResponse(200, `ran ${request.target}`);
        },
      });
    const [first, second, third] = [await breaking(0.3), await breaking(0.3), await breaking(0)];
    const proxy = await startProxy({
      config: {
        upstreams: {
          api: {
            targets: [first.url, second.url, third.url],
            outliers: false,
            retry: {
              ...QUICK,
              attempts: 10,
              statuses: [503],
              budget: { share: 1, minPerSecond: 100_000 },
            },
            hedge: { after: "20ms" },
          },
        },
      },
    });
    const count = scaled(400, 20_000);
    const lost: string[] = [];
    let refused = 0;
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) {
        const id = next++;
        const method = id % 2 === 0 ? "GET" : "POST";
        const path = `/${method}/${id}`;
        const body = method === "POST" ? `content of ${id}` : null;
        const response = await fetch(proxy.url + path, { method, body });
        const text = await response.text();
        if (response.status === 200) {
          if (text !== `ran ${path}`) lost.push(`${path} got ${text}`);
        } else if (method === "GET") lost.push(`${path}: ${response.status}`);
        else refused += 1;
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    expect(lost).toEqual([]);
    expect(refused).toBeGreaterThan(0);
    const twice = [...executed].filter(([path, times]) => path.startsWith("/POST") && times > 1);
    expect(twice).toEqual([]);
    proxy.takeErrors();
  }, 120_000);

  it("PUB-12: loses no GET and repeats no POST where idle connections are closed at the last moment", async () => {
    const idleMs = scaled(30, 1000);
    const lanes = scaled(4, 50);
    const rounds = scaled(10, 10);
    const executed = new Map<string, number>();
    const origin = await toy({
      // From its first request on: a new connection that waits for a busy proxy is not idle.
      onConnection: ({ socket }) =>
        socket.once("data", () => socket.setTimeout(idleMs, () => socket.destroy())),
      onRequest: (request) => {
        executed.set(request.target, (executed.get(request.target) ?? 0) + 1);
        return toyResponse(200, "ok");
      },
    });
    const proxy = await startProxy({
      config: { upstreams: { api: { targets: [origin.url], maxConnections: lanes * 2 } } },
    });
    const lost: string[] = [];
    const lane = async (number: number): Promise<void> => {
      for (let i = 0; i < rounds; i++) {
        const ids = [`/GET/${number}/${i}`, `/POST/${number}/${i}`];
        const [get, post] = await Promise.all([
          fetch(proxy.url + ids[0]),
          fetch(proxy.url + ids[1], { method: "POST", body: "x" }),
        ]);
        if (get.status !== 200) lost.push(`${ids[0]}: ${get.status}`);
        if (post.status !== 200 && post.status !== 502) lost.push(`${ids[1]}: ${post.status}`);
        await Promise.all([get.text(), post.text()]);
        const offMs = ((number * 7 + i * 3) % 21) - 10;
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, idleMs + offMs)));
      }
    };
    // All at the same beat, so that nobody keeps another one's connection alive.
    await Promise.all(Array.from({ length: lanes }, async (_, number) => lane(number)));
    expect(lost).toEqual([]);
    const twice = [...executed].filter(([path, times]) => path.startsWith("/POST") && times > 1);
    expect(twice).toEqual([]);
    expect(executed.size).toBeGreaterThan(lanes * rounds);
    proxy.takeErrors();
  }, 120_000);
});
