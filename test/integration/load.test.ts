import { expect, it } from "vitest";

import { throughProxy } from "../helpers/through-proxy.ts";

it("tells hooks how many requests came and are in flight, across a reload", async () => {
  const seen: { requestsPerSecond: number; inFlight: number; p95Ms: number }[] = [];
  const config = {
    onRequest(_request: unknown, ctx: { load: (typeof seen)[number] & { loopDelayMs: number } }) {
      const { requestsPerSecond, inFlight, p95Ms, loopDelayMs } = ctx.load;
      expect(loopDelayMs).toBeGreaterThanOrEqual(0);
      seen.push({ requestsPerSecond, inFlight, p95Ms });
    },
  };
  const { get, proxy } = await throughProxy({ config });
  await get("/");
  await proxy.accessed((record) => record.status === 200);
  await proxy.update({ ...config, upstreams: { api: { fetch: () => new Response("ok") } } });
  await Promise.all([get("/"), get("/")]);
  expect(seen[0]).toMatchObject({ requestsPerSecond: 1, inFlight: 1, p95Ms: 0 });
  expect(seen[2]?.inFlight).toBeLessThanOrEqual(2);
  expect(seen[2]?.p95Ms).toBeGreaterThan(0);
});
