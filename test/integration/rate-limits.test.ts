import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { fieldValue } from "../../runtime/http/raw-fields.ts";
import { validate } from "../../runtime/config/validate.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";

type Rules = NonNullable<GatewrightConfig<string>["rateLimits"]>;

function limited(rateLimits: Rules, config: GatewrightConfig<string> = {}): Promise<ThroughProxy> {
  return throughProxy({ config: { trustedProxies: ["127.0.0.0/8"], rateLimits, ...config } });
}

/** Statuses of requests that a trusted proxy says come from these addresses. */
async function statuses(
  { get }: ThroughProxy,
  addresses: readonly string[],
  agent: (at: number) => string = () => "curl/8",
): Promise<number[]> {
  const all: number[] = [];
  for (const [at, address] of addresses.entries()) {
    const lines = [`X-Forwarded-For: ${address}`, `User-Agent: ${agent(at)}`];
    all.push((await get("/", ...lines)).status);
  }
  return all;
}

const times = (count: number, address: (at: number) => string): string[] =>
  Array.from({ length: count }, (_, at) => address(at));

describe("rate limits", () => {
  it("answer 429 with Retry-After of whole seconds and say what is left (RFC 6585 §4)", async () => {
    const { get } = await limited({ api: { limit: 2, window: "1h" } });
    const first = await get("/");
    expect(first.status).toBe(200);
    expect(fieldValue(first.fields, "ratelimit-policy")).toBe('"api";q=2;w=3600');
    expect(fieldValue(first.fields, "ratelimit")).toBe('"api";r=1;t=1800');
    await get("/");
    const third = await get("/");
    expect(third.status).toBe(429);
    expect(fieldValue(third.fields, "retry-after")).toMatch(/^1800$|^179\d$/);
    expect(fieldValue(third.fields, "ratelimit")).toMatch(/^"api";r=0;t=3[56]\d\d$/);
    expect(third.content.toString()).toContain("PROXY_RATE_LIMITED");
  });

  it("are shared by a /64, and by no other one (PUB-31)", async () => {
    const through = await limited({ ip: { limit: 3, window: "1h" } });
    const one = times(5, (at) => `2001:db8:0:1::${at + 1}`);
    expect(await statuses(through, one)).toEqual([200, 200, 200, 429, 429]);
    expect(await statuses(through, ["2001:db8:0:2::1"])).toEqual([200]);
  });

  it("are not escaped by rotating User-Agents (PUB-31)", async () => {
    const through = await limited({
      perClient: { key: ["ip", "user-agent"], limit: 2, window: "1h" },
      perIp: { key: "ip", limit: 4, window: "1h" },
    });
    const same = times(6, () => "203.0.113.1");
    expect(await statuses(through, same, (at) => `agent ${at}`)).toEqual([
      200, 200, 200, 200, 429, 429,
    ]);
    expect(
      await statuses(
        through,
        times(3, () => "203.0.113.2"),
      ),
    ).toEqual([200, 200, 429]);
  });

  it("give each IPv4 address its own budget, in whatever notation it comes (PUB-32)", async () => {
    const through = await limited({ ip: { limit: 1, window: "1h" } });
    const addresses = ["203.0.113.5", "::ffff:203.0.113.6", "::FFFF:CB00:7105", "203.0.113.6"];
    expect(await statuses(through, addresses)).toEqual([200, 200, 429, 429]);
  });

  it("believe no X-Forwarded-For of a client (PUB-27)", async () => {
    const through = await limited({ ip: { limit: 2, window: "1h" } }, { trustedProxies: [] });
    const rotating = times(4, (at) => `198.51.100.${at}`);
    expect(await statuses(through, rotating)).toEqual([200, 200, 429, 429]);
  });

  it("with the scope named count only where a route names them", async () => {
    const { get } = await limited(
      { login: { limit: 1, window: "1h", scope: "named" } },
      {
        routes: [
          { match: { path: "/login" }, upstream: "api", rateLimits: ["login"] },
          { upstream: "api" },
        ],
      },
    );
    const paths = ["/", "/", "/login", "/login", "/"];
    const seen: number[] = [];
    for (const path of paths) seen.push((await get(path)).status);
    expect(seen).toEqual([200, 200, 200, 429, 200]);
  });

  it("are counted by hooks through ctx.limit, under a key of their own", async () => {
    const { get } = await limited(
      { user: { limit: 1, window: "1h", scope: "named" } },
      {
        onRequest(request, ctx) {
          const { allowed } = ctx.limit("user", request.headers.get("x-user") ?? "nobody");
          return allowed ? undefined : ctx.respond(429, "slow down");
        },
      },
    );
    const seen: number[] = [];
    for (const user of ["ada", "ada", "bob"]) seen.push((await get("/", `X-User: ${user}`)).status);
    expect(seen).toEqual([200, 429, 200]);
  });

  it("delay instead of refusing, in order, up to maxDelay", async () => {
    const through = await limited({
      slow: { limit: 1, window: "200ms", action: "delay", maxDelay: "450ms" },
    });
    const all = await Promise.all(times(4, () => "/").map((path) => through.get(path)));
    const sorted = all.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(sorted).toEqual([200, 200, 200, 429]);
    const waited = through.proxy.access.map(({ times: { total } }) => total);
    expect(Math.max(...waited)).toBeGreaterThanOrEqual(350);
  });

  it("add to the score where that is their action", async () => {
    const { get, proxy } = await limited({
      soft: { limit: 1, window: "1h", action: "score", points: 3 },
    });
    expect((await get("/")).status).toBe(200);
    expect((await get("/")).status).toBe(200);
    await proxy.accessed(({ score }) => score === 3);
  });

  it("bound the requests of a key that are under way, and forget them when they are over", async () => {
    const gate = Promise.withResolvers<void>();
    const { get, proxy } = await throughProxy({
      config: { rateLimits: { busy: { concurrent: 1 } } },
      onRequest: (_request, connection) =>
        void gate.promise.then(() =>
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"),
        ),
    });
    const first = get("/");
    let refused = 0;
    // The first one may not have arrived yet: one of two is refused in any case.
    const second = get("/");
    const early = await Promise.race([first, second]);
    if (early.status === 429) refused += 1;
    gate.resolve();
    await Promise.all([first, second]);
    expect(refused).toBe(1);
    await proxy.accessed(({ status }) => status === 200);
    expect((await get("/")).status).toBe(200);
  });

  it("keep their counts over a reload, and follow a changed limit", async () => {
    const through = await limited({ ip: { limit: 2, window: "1h" } });
    const { get, proxy, upstream } = through;
    await get("/");
    await get("/");
    const config = (limit: number): GatewrightConfig<string> => ({
      upstreams: { api: { targets: [upstream.url] } },
      rateLimits: { ip: { limit, window: "1h" } },
    });
    await proxy.update({ ...config(2), headers: { response: { set: { "x-new": "1" } } } });
    expect((await get("/")).status).toBe(429);
    await proxy.update(config(6));
    // Two of two were used: six times as much of the time, so four of six are left to come back evenly.
    const seen = [];
    for (let at = 0; at < 6; at++) seen.push((await get("/")).status);
    expect(seen.filter((status) => status === 200)).toHaveLength(4);
  });
});

describe("the config of rate limits", () => {
  const issues = (rateLimits: unknown, names: readonly string[] = []): string[] => {
    const result = validate({
      upstreams: { a: { targets: ["http://127.0.0.1:1"] } },
      routes: [{ upstream: "a", rateLimits: names }],
      rateLimits,
    });
    return result.kind === "valid" ? [] : result.issues.map(({ message }) => message);
  };

  it("refuses a route that names a rule for all, and says so", () => {
    expect(issues({ ip: { limit: 1, window: "1s" } }, ["ip"])).toEqual([
      'The rate limit "ip" has the scope "all": it counts every request already.',
    ]);
  });

  it("refuses unknown names, rules without a limit and half of one", () => {
    expect(issues({}, ["lgin"])).toEqual(['There is no rate limit "lgin".']);
    expect(issues({ x: {} })).toEqual(["The rule limits nothing."]);
    expect(issues({ x: { limit: 1 } })).toEqual(["limit and window belong together."]);
    expect(issues({ x: { key: "ipp", limit: 1, window: "1s" } })).toEqual(["No such choice."]);
    expect(issues(true)).toEqual([]);
  });
});
