import { makeContext, makeRequest, runHook } from "@gatewright/sdk/testing";
import { createTestProxy } from "gatewright/testing";
import { expect, it } from "vitest";

import canary, { type CanaryOptions } from "./index.ts";

async function isCanary(options: Partial<CanaryOptions>, address: string, cookie = "") {
  const plugin = canary({ upstream: "next", share: 0.1, ...options });
  const request = makeRequest("/", cookie === "" ? {} : { headers: { cookie } });
  const ctx = makeContext({ client: { address }, upstreams: ["next", "app"] });
  const decision = await runHook(plugin, "onRequest", request, ctx);
  expect(decision === undefined).toBe(ctx.state["canary"] === false);
  return decision !== undefined;
}

const ADDRESSES = Array.from({ length: 2000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);

it("takes the share that is asked for, and always the same clients", async () => {
  const taken: string[] = [];
  for (const address of ADDRESSES) if (await isCanary({}, address)) taken.push(address);
  // The hash is fixed: this is a count, not a chance.
  expect(taken.length / ADDRESSES.length).toBeCloseTo(0.1, 1);
  for (const address of taken.slice(0, 20)) expect(await isCanary({}, address)).toBe(true);
  // More share: those that were in stay in.
  for (const address of taken.slice(0, 20)) {
    expect(await isCanary({ share: 0.3 }, address)).toBe(true);
  }
});

it("takes nobody with 0, everybody with 1, and others with another seed", async () => {
  const first = ADDRESSES.slice(0, 200);
  const count = async (options: Partial<CanaryOptions>): Promise<string[]> => {
    const found = [];
    for (const address of first) if (await isCanary(options, address)) found.push(address);
    return found;
  };
  expect(await count({ share: 0 })).toEqual([]);
  expect(await count({ share: 1 })).toEqual(first);
  expect(await count({ seed: "a" })).not.toEqual(await count({ seed: "b" }));
});

it("keeps a session together whatever its address", async () => {
  const by = { cookie: "session" };
  const answers = new Set<boolean>();
  for (const address of ADDRESSES.slice(0, 50)) {
    answers.add(await isCanary({ by, share: 0.5 }, address, "session=ada"));
  }
  expect(answers.size).toBe(1);
});

it("lets testers choose", async () => {
  expect(await isCanary({ share: 0 }, "10.0.0.1", "canary=always")).toBe(true);
  expect(await isCanary({ share: 1 }, "10.0.0.1", "canary=never")).toBe(false);
  expect(await isCanary({ share: 0, override: false }, "10.0.0.1", "canary=always")).toBe(false);
});

it("refuses a share that is none", () => {
  expect(() => canary({ upstream: "next", share: 5 })).toThrow("from 0 to 1");
});

it("sends them there in a proxy, on the paths that are named", async () => {
  await using proxy = await createTestProxy({
    upstreams: {
      app: { fetch: () => new Response("app") },
      next: { fetch: () => new Response("next") },
    },
    routes: [{ match: { path: "/*" }, upstream: "app" }],
    plugins: [canary({ upstream: "next", share: 1, paths: ["/shop"] })],
  });
  expect(await (await proxy.fetch("/shop/a")).text()).toBe("next");
  expect(await (await proxy.fetch("/blog")).text()).toBe("app");
});
