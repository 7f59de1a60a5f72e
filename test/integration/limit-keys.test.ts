import type { GatewrightConfig, RateLimitConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { systemClock } from "../../runtime/clock.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";

const once = { limit: 1, window: "24h" } as const;
const from = (address: string): string => `X-Forwarded-For: ${address}`;

function limited(
  rateLimits: Record<string, RateLimitConfig>,
  config: GatewrightConfig<string> = {},
): Promise<ThroughProxy> {
  return throughProxy({ config: { trustedProxies: ["127.0.0.0/8"], rateLimits, ...config } });
}

type Ask = readonly [target: string, ...lines: string[]];

async function statuses({ get }: ThroughProxy, asks: readonly Ask[]): Promise<number[]> {
  const seen: number[] = [];
  for (const ask of asks) seen.push((await get(...ask)).status);
  return seen;
}

describe("what requests are counted by", () => {
  it.each<[string, RateLimitConfig["key"], readonly Ask[], readonly Ask[]]>([
    [
      "a prefix of the address",
      { prefix: { ipv4: 24, ipv6: 48 } },
      [
        ["/", from("203.0.113.1")],
        ["/", from("203.0.113.200")],
      ],
      [
        ["/", from("203.0.114.1")],
        ["/", from("2001:db8:1::1")],
      ],
    ],
    [
      "a field, whatever the address",
      { header: "X-Api-Key" },
      [
        ["/", "X-Api-Key: a", from("203.0.113.1")],
        ["/", "x-api-key: a", from("203.0.113.2")],
      ],
      [["/", "X-Api-Key: b"], ["/"]],
    ],
    [
      "a cookie",
      { cookie: "session" },
      [
        ["/", "Cookie: a=1; session=x"],
        ["/", "Cookie: session=x"],
      ],
      [
        ["/", "Cookie: session=y"],
        ["/", "Cookie: sessions=x"],
      ],
    ],
    [
      "the route",
      "route",
      [["/a/1"], ["/a/2", from("203.0.113.2")]],
      [["/b/1"], ["/nowhere-else"]],
    ],
    [
      "a function, which may leave requests out",
      (request) => (request.path === "/free" ? undefined : (request.query.get("user") ?? "")),
      [["/?user=ada"], ["/x?user=ada&b=2"]],
      [["/?user=bob"], ["/free"], ["/free"]],
    ],
    [
      "several of them together, each for itself",
      ["ip", { header: "x-key" }],
      [
        ["/", "X-Key: a", from("203.0.113.1")],
        ["/", "X-Key: a", from("203.0.113.1")],
      ],
      [
        ["/", "X-Key: a", from("203.0.113.2")],
        ["/", "X-Key: b", from("203.0.113.1")],
      ],
    ],
  ])("is %s", async (_name, key, same, others) => {
    const through = await limited(
      { rule: { ...once, key: key as never } },
      {
        routes: [
          { match: { path: "/a/*" }, upstream: "api" },
          { match: { path: "/b/*" }, upstream: "api" },
          { upstream: "api" },
        ],
      },
    );
    expect(await statuses(through, same)).toEqual([200, 429]);
    expect(await statuses(through, others)).toEqual(others.map(() => 200));
    expect(await statuses(through, same)).toEqual([429, 429]);
  });

  it("may be more than one for a request", async () => {
    const through = await limited({
      ip: {
        limit: 10,
        window: "24h",
        cost: (request) => (request.path === "/export" ? 6 : 0.5),
      },
    });
    const asks: Ask[] = [["/export"], ["/export"], ...Array.from({ length: 9 }, (): Ask => ["/"])];
    expect(await statuses(through, asks)).toEqual([200, 429, ...Array(8).fill(200), 429]);
  });

  it("allows a burst, and no more than that at once", async () => {
    const through = await limited({ ip: { limit: 24, window: "24h", burst: 3 } });
    const asks = Array.from({ length: 5 }, (): Ask => ["/"]);
    expect(await statuses(through, asks)).toEqual([200, 200, 200, 429, 429]);
  });

  it("is kept by each rule for itself, also where another one refuses", async () => {
    const through = await limited({
      ip: { key: "ip", limit: 4, window: "24h" },
      agent: { key: ["ip", "user-agent"], limit: 1, window: "24h" },
    });
    const agent = (name: string): Ask => ["/", `User-Agent: ${name}`];
    // The refused one has counted for the address.
    expect(
      await statuses(through, [agent("a"), agent("a"), agent("b"), agent("c"), agent("d")]),
    ).toEqual([200, 429, 200, 200, 429]);
  });

  it("does not come back when somebody sets the clock", async () => {
    const time = { offsetMs: 0 };
    const { get } = await throughProxy({
      config: { rateLimits: { ip: { limit: 1, window: "1m" } } },
      proxy: {
        provision: {
          clock: { ...systemClock, now: () => Date.now() + time.offsetMs },
        },
      },
    });
    expect((await get("/")).status).toBe(200);
    time.offsetMs = 86_400_000;
    expect((await get("/")).status).toBe(429);
    time.offsetMs = -86_400_000;
    expect((await get("/")).status).toBe(429);
  });
});
