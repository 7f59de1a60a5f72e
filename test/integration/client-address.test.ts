import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { throughProxy } from "../helpers/through-proxy.ts";

/** What every part takes for the client: hook, log and upstream. */
async function addresses(
  trustedProxies: GatewrightConfig["trustedProxies"],
  ...lines: string[]
): Promise<{ hook: string; log: string; forwardedFor: string; forwarded: string }> {
  const seen: string[] = [];
  const { get, upstream, proxy } = await throughProxy({
    config: {
      ...(trustedProxies === undefined ? {} : { trustedProxies }),
      onRequest(_request, ctx) {
        seen.push(ctx.client.address);
      },
    },
  });
  await get("/", ...lines);
  const request = await upstream.request(1);
  expect(upstream.violations).toEqual([]);
  for (const name of ["x-forwarded-for", "forwarded"]) {
    expect(
      request.fields.filter((text, at) => at % 2 === 0 && text.toLowerCase() === name),
    ).toHaveLength(1);
  }
  return {
    hook: seen.join(),
    log: (await proxy.accessed()).client,
    forwardedFor: request.field("X-Forwarded-For") ?? "",
    forwarded: request.field("Forwarded") ?? "",
  };
}

const CLAIMS = [
  "X-Forwarded-For: 198.51.100.1",
  "X-Real-IP: 198.51.100.2",
  "Forwarded: for=198.51.100.3",
  "CF-Connecting-IP: 198.51.100.4",
  "True-Client-IP: 198.51.100.5",
];

describe("the client's address without trusted proxies (PUB-27)", () => {
  it.each(CLAIMS)("is the socket's, whatever `%s` says (RFC 7239 §8.1)", async (claim) => {
    const seen = await addresses(undefined, claim);
    expect(seen).toMatchObject({ hook: "127.0.0.1", log: "127.0.0.1", forwardedFor: "127.0.0.1" });
    expect(seen.forwarded).toMatch(/^for=127\.0\.0\.1;/);
  });

  it("stays one and the same while a client rotates its claims", async () => {
    const seen = new Set<string>();
    const { get, upstream } = await throughProxy({
      config: {
        onRequest(_request, ctx) {
          seen.add(ctx.client.address);
        },
      },
    });
    for (let i = 0; i < 20; i++) {
      await get("/", `X-Forwarded-For: 198.51.100.${i}`, `X-Real-IP: 198.51.100.${i}`);
      expect(upstream.requests[i]?.field("X-Forwarded-For")).toBe("127.0.0.1");
      expect(upstream.requests[i]?.field("X-Real-IP")).toBeUndefined();
    }
    expect([...seen]).toEqual(["127.0.0.1"]);
  });
});

const CHAINS: readonly (readonly [
  name: string,
  trusted: GatewrightConfig["trustedProxies"],
  lines: readonly string[],
  address: string,
])[] = [
  ["the last entry", ["127.0.0.0/8"], ["X-Forwarded-For: 198.51.100.7"], "198.51.100.7"],
  [
    "the first from the right that is no trusted proxy",
    ["127.0.0.0/8", "10.0.0.0/8"],
    ["X-Forwarded-For: 203.0.113.1, 198.51.100.7, 10.0.0.1, 127.0.0.2"],
    "198.51.100.7",
  ],
  [
    "the same over two lines",
    ["127.0.0.0/8", "10.0.0.0/8"],
    ["X-Forwarded-For: 203.0.113.1, 198.51.100.7", "X-Forwarded-For: 10.0.0.1"],
    "198.51.100.7",
  ],
  [
    "the peer at `unknown`",
    ["127.0.0.0/8"],
    ["X-Forwarded-For: 198.51.100.7, unknown"],
    "127.0.0.1",
  ],
  ["the peer at garbage", ["127.0.0.0/8"], ["X-Forwarded-For: 198.51.100.7, <x>"], "127.0.0.1"],
  [
    "the peer where garbage hides behind a trusted entry",
    ["127.0.0.0/8"],
    ["X-Forwarded-For: 198.51.100.7, garbage, 127.0.0.2"],
    "127.0.0.1",
  ],
  [
    "IPv6 in brackets with a port",
    ["127.0.0.1"],
    ["X-Forwarded-For: [2001:DB8::1]:443"],
    "2001:db8::1",
  ],
  ["IPv4 with a port", ["127.0.0.1"], ["X-Forwarded-For: 198.51.100.7:4711"], "198.51.100.7"],
  [
    "a mapped address as IPv4",
    ["127.0.0.1"],
    ["X-Forwarded-For: ::ffff:198.51.100.7"],
    "198.51.100.7",
  ],
  [
    "Forwarded where there is no other",
    ["127.0.0.1"],
    ['Forwarded: for="[2001:db8::2]:80";proto=https'],
    "2001:db8::2",
  ],
  ["the first hop of one", 1, ["X-Forwarded-For: 203.0.113.1, 198.51.100.7"], "198.51.100.7"],
  ["the second hop of two", 2, ["X-Forwarded-For: 203.0.113.1, 198.51.100.7"], "203.0.113.1"],
  ["the peer where nothing is claimed", ["127.0.0.1"], [], "127.0.0.1"],
];

describe("the client's address behind trusted proxies (PUB-27)", () => {
  it.each(CHAINS)("is %s", async (_name, trusted, lines, address) => {
    const seen = await addresses(trusted, ...lines);
    expect([seen.hook, seen.log]).toEqual([address, address]);
  });

  it("is told on with the chain kept and the peer added", async () => {
    const seen = await addresses(["127.0.0.1"], "X-Forwarded-For: 203.0.113.1, 198.51.100.7");
    expect(seen.forwardedFor).toBe("203.0.113.1, 198.51.100.7, 127.0.0.1");
    expect(seen.forwarded).toMatch(/^for=198\.51\.100\.7;.*, for=127\.0\.0\.1;/);
  });
});
