/** A second attempt beside a slow one, through the whole proxy. */
import type { NetworkUpstream } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";
import { toyResponse, type ToyUpstream } from "../helpers/toy-upstream.ts";
import { toy } from "../helpers/upstream-fixture.ts";

/** The first target never answers; the second one does. */
async function slowAndQuick(
  api: Partial<NetworkUpstream> = {},
): Promise<{ slow: ToyUpstream; quick: ToyUpstream; proxy: TestProxy }> {
  const slow = await toy({ onRequest: () => {} });
  const quick = await toy({
    onRequest: (request) => toyResponse(200, `quick ${request.content.length}`),
  });
  const proxy = await startProxy({
    config: {
      upstreams: {
        api: {
          targets: [slow.url, { url: quick.url, priority: 1 }],
          outliers: false,
          hedge: { after: "50ms" },
          timeouts: { responseHead: "300ms" },
          ...api,
        },
      },
      routes: [
        { match: { path: "/plain" }, upstream: "api", hedge: false },
        { match: { path: "/late" }, upstream: "api", hedge: { after: "1h" } },
        { match: { path: "/*" }, upstream: "api" },
      ],
    },
  });
  return { slow, quick, proxy };
}

describe("hedge", () => {
  it("takes the first head; the slow attempt is given up, and its target sees the close", async () => {
    const { slow, quick, proxy } = await slowAndQuick();
    const response = await fetch(proxy.url);
    expect([response.status, await response.text()]).toEqual([200, "quick 0"]);
    await slow.openAtMost(0);
    const record = await proxy.accessed();
    expect([record.attempts, record.target]).toEqual([2, `${quick.host}:${quick.port}`]);
    expect([slow.requests.length, quick.requests.length]).toEqual([1, 1]);
  });

  it("begins none where the first attempt answers in time", async () => {
    const { slow, quick, proxy } = await slowAndQuick({
      targets: [(await toy()).url, (await toy()).url],
    });
    for (let i = 0; i < 4; i++) expect(await (await fetch(proxy.url)).text()).toBe("ok");
    expect(proxy.access.map(({ attempts }) => attempts)).not.toContain(2);
    expect([slow.requests.length, quick.requests.length]).toEqual([0, 0]);
  });

  it("is not for POST: it waits for its one attempt", async () => {
    const { slow, quick, proxy } = await slowAndQuick();
    const response = await fetch(proxy.url, { method: "POST", body: "once" });
    expect(response.status).toBe(504);
    expect([slow.requests.length, quick.requests.length]).toEqual([1, 0]);
    proxy.takeErrors();
  });

  it("of a route replaces the upstream's key by key, and `false` ends it", async () => {
    const { quick, proxy } = await slowAndQuick();
    expect((await fetch(`${proxy.url}/plain`)).status).toBe(504);
    expect((await fetch(`${proxy.url}/late`)).status).toBe(504);
    expect(quick.requests.length).toBe(0);
    proxy.takeErrors();
  });

  it("counts against the budget of retries", async () => {
    const { quick, proxy } = await slowAndQuick({
      retry: { attempts: 1, budget: { share: 0, minPerSecond: 0.2 } },
    });
    const responses = await Promise.all(Array.from({ length: 6 }, () => fetch(proxy.url)));
    const statuses = responses.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([200, 200, 504, 504, 504, 504]);
    expect(quick.requests.length).toBe(2);
    proxy.takeErrors();
  });

  it("ends all attempts when the client goes away", async () => {
    const { slow, proxy, quick } = await slowAndQuick({ hedge: { after: "20ms", max: 2 } });
    await quick.close();
    const client = new AbortController();
    const answer = fetch(proxy.url, { signal: client.signal });
    await slow.request(1);
    client.abort();
    await expect(answer).rejects.toThrow();
    await slow.openAtMost(0);
    expect((await proxy.accessed()).status).toBe(499);
  });
});
