import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { throughProxy } from "../helpers/through-proxy.ts";

async function told(
  config: GatewrightConfig<string>,
  ...lines: string[]
): Promise<Record<string, string | undefined>> {
  const { get, upstream, proxy } = await throughProxy({ config });
  await get("/", ...lines);
  const { fields } = await upstream.request(1);
  const seen: Record<string, string | undefined> = {};
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] ?? "").toLowerCase();
    if (!/^(forwarded|x-forwarded-.*|x-real-ip)$/.test(name)) continue;
    expect(seen[name], `${name} once`).toBeUndefined();
    seen[name] = fields[i + 1]?.replace(String(proxy.port), "PORT");
  }
  return seen;
}

const CLAIMS = [
  "Forwarded: for=198.51.100.7;proto=https;host=evil.test",
  "X-Forwarded-For: 198.51.100.7",
  "x-forwarded-for: 198.51.100.8",
  "X-Forwarded-Proto: https",
  "X-Forwarded-Host: evil.test",
  "X-Forwarded-Port: 443",
  "X-Forwarded-Prefix: /evil",
  "X-Real-IP: 198.51.100.7",
];

describe("what upstreams are told of the way a request took (RFC 7239)", () => {
  it("is what we know ourselves, where nobody is trusted", async () => {
    const own = {
      forwarded: "for=127.0.0.1;host=a.test;proto=http",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": "a.test",
      "x-forwarded-port": "PORT",
    };
    expect(await told({})).toEqual(own);
    expect(await told({}, ...CLAIMS)).toEqual(own);
    expect(await told({ trustedProxies: ["192.0.2.0/24"] }, ...CLAIMS)).toEqual(own);
  });

  it("is the trusted proxy's chain with the proxy added", async () => {
    const seen = await told(
      { trustedProxies: ["127.0.0.1"] },
      "X-Forwarded-For: 203.0.113.9, 198.51.100.7",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Host: shop.test",
      "X-Forwarded-Port: 8443",
    );
    expect(seen).toMatchObject({
      "x-forwarded-for": "203.0.113.9, 198.51.100.7, 127.0.0.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "shop.test",
      "x-forwarded-port": "8443",
    });
    expect(seen["forwarded"]).toMatch(/^for=198\.51\.100\.7;.*proto=https, for=127\.0\.0\.1;/);
  });

  it("counts hops where a number is trusted", async () => {
    const seen = await told({ trustedProxies: 2 }, "X-Forwarded-For: 203.0.113.9, 198.51.100.7");
    expect(seen["x-forwarded-for"]).toBe("203.0.113.9, 198.51.100.7, 127.0.0.1");
  });

  it("leaves out what is switched off, and still drops claims", async () => {
    expect(await told({ forwarded: { forwarded: false } }, ...CLAIMS)).not.toHaveProperty(
      "forwarded",
    );
    expect(await told({ forwarded: { xForwarded: false } }, ...CLAIMS)).toEqual({
      forwarded: "for=127.0.0.1;host=a.test;proto=http",
    });
  });

  it("decides the scheme that hooks and HSTS see", async () => {
    const { get } = await throughProxy({
      config: {
        trustedProxies: ["127.0.0.1"],
        onRequest: (request, ctx) =>
          ctx.respond(200, request.url, { "strict-transport-security": "max-age=1" }),
      },
    });
    const plain = await get("/x");
    expect([plain.content.toString(), plain.head.includes("strict-")]).toEqual([
      "http://a.test/x",
      false,
    ]);
    const secure = await get("/x", "X-Forwarded-Proto: https");
    expect([secure.content.toString(), secure.head.includes("strict-")]).toEqual([
      "https://a.test/x",
      true,
    ]);
  });
});
