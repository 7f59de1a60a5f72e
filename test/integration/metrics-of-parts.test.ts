/** Each figure that operators watch is there, and moves with what it counts. */
import type { GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { scrape } from "../helpers/metrics-text.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { startToyUpstream, type ToyConnection } from "../helpers/toy-upstream.ts";

async function start(config: GatewrightConfig<string>) {
  const proxy = await startProxy({ config: { admin: { port: 0 }, ...config } });
  const ask = async (path = "/", headers: Record<string, string> = {}): Promise<Response> => {
    const response = await fetch(proxy.url + path, { headers, redirect: "manual" });
    await response.arrayBuffer();
    return response;
  };
  const value = async (sample: string): Promise<number | undefined> =>
    (await scrape(proxy.adminUrl)).samples.get(`gatewright_${sample}`);
  return { proxy, ask, value };
}

/** Waits end with an event; this only bounds them. */
const SOON = { timeout: 12_000 };

const app = { fetch: () => new Response("app") };

describe("upstreams", () => {
  it("show connections that are open and idle, requests that are active and queued", async () => {
    const waiting: ToyConnection[] = [];
    const origin = await startToyUpstream({
      onRequest: (_request, connection) => void waiting.push(connection),
    });
    const { proxy, value } = await start({
      upstreams: { api: { targets: [origin.url], maxConnections: 1 } },
    });
    const figures = async () => ({
      open: await value('upstream_connections{upstream="api",state="open"}'),
      idle: await value('upstream_connections{upstream="api",state="idle"}'),
      active: await value('upstream_requests_active{upstream="api"}'),
      queued: await value('upstream_requests_queued{upstream="api"}'),
    });
    expect(await figures()).toEqual({ open: 0, idle: 0, active: 0, queued: 0 });
    const asked = [fetch(proxy.url), fetch(proxy.url)];
    await expect.poll(figures, SOON).toEqual({ open: 1, idle: 0, active: 1, queued: 1 });
    expect(await value("requests_in_flight")).toBe(2);
    for (let answered = 0; answered < asked.length; answered++) {
      await expect.poll(() => waiting.length, SOON).toBe(1);
      waiting.shift()?.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
    for (const one of asked) expect(await (await one).text()).toBe("ok");
    await expect.poll(figures, SOON).toEqual({ open: 1, idle: 1, active: 0, queued: 0 });
    const heads = 'upstream_response_head_seconds_count{upstream="api"}';
    expect(await value(heads)).toBe(2);
  });

  it("show attempts beyond the first, and targets that were ejected", async () => {
    const bad = await startToyUpstream({
      onRequest: () => "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    });
    const good = await startToyUpstream();
    const { ask, value } = await start({
      upstreams: {
        api: {
          targets: [bad.url, good.url],
          retry: { attempts: 2, statuses: [503] },
          outliers: { consecutiveErrors: 2, baseTime: "1h" },
        },
      },
    });
    expect(await value('upstream_retries_total{upstream="api"}')).toBeUndefined();
    for (let count = 0; count < 6; count++) expect((await ask()).status).toBe(200);
    expect(await value('upstream_retries_total{upstream="api"}')).toBe(2);
    const ejected = 'upstream_state_changes_total{upstream="api",state="ejected"}';
    expect(await value(ejected)).toBe(1);
    const up = (url: string) => value(`target_up{upstream="api",target="${url}"}`);
    expect([await up(bad.url), await up(good.url)]).toEqual([0, 1]);
  });
});

it("hooks show how long a request is in them, and count none where there is none", async () => {
  const { proxy, ask, value } = await start({
    upstreams: { app },
    onRequest: (request) =>
      request.path === "/slow" ? new Promise((resolve) => setTimeout(resolve, 20)) : undefined,
  });
  await ask();
  await ask("/slow");
  expect(await value("hook_duration_seconds_count")).toBe(2);
  expect(await value("hook_duration_seconds_sum")).toBeGreaterThan(0.015);
  await proxy.update({ admin: { port: 0 }, upstreams: { app } });
  await ask();
  expect(await value("hook_duration_seconds_count")).toBe(2);
});

describe("what stands before everything else", () => {
  it("shows how full the table of each limit is, and who waits", async () => {
    const { ask, value } = await start({
      upstreams: { app },
      trustedProxies: ["127.0.0.1"],
      rateLimits: {
        few: { key: ["ip"], limit: 100, window: "1h", maxKeys: 100 },
        slow: { key: ["ip"], limit: 1, window: "1s", action: "delay", maxDelay: "1m" },
        open: { key: ["ip"], concurrent: 5 },
      },
    });
    expect(await value('rate_limit_keys{limit="few"}')).toBe(0);
    // Rounded up to a power of two.
    expect(await value('rate_limit_max_keys{limit="few"}')).toBe(128);
    for (const address of ["192.0.2.1", "192.0.2.2"])
      await ask("/", { "x-forwarded-for": address });
    expect(await value('rate_limit_keys{limit="few"}')).toBe(2);
    // It counts what is under way and remembers nobody.
    expect(await value('rate_limit_keys{limit="open"}')).toBeUndefined();

    const delayed = [ask(), ask()];
    await expect
      .poll(() => value('rate_limit_requests_waiting{limit="slow"}'), SOON)
      .toBeGreaterThan(0);
    await Promise.all(delayed);
    expect(await value('rate_limit_requests_waiting{limit="slow"}')).toBe(0);
  });

  it("shows the ranges of each list, and those that were changed at run time", async () => {
    const { proxy, value } = await start({
      upstreams: { app },
      allowlists: { office: { ranges: ["198.51.100.0/24"] } },
      blocklists: { bad: { ranges: ["203.0.113.0/24", "203.0.114.7"] } },
    });
    expect(await value('ip_list_ranges{list="bad",kind="block",source="inline"}')).toBe(2);
    expect(await value('ip_list_ranges{list="office",kind="allow",source="inline"}')).toBe(1);
    expect(await value('ip_list_up_to_date{list="bad"}')).toBe(1);
    const added = await fetch(`${proxy.adminUrl}/api/lists/bad`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ range: ["192.0.2.1", "192.0.2.2"] }),
    });
    expect(added.status).toBe(200);
    expect(await value('ip_list_changes{list="bad",change="added"}')).toBe(2);
    expect(await value('ip_list_changes{list="bad",change="removed"}')).toBe(0);
  });

  it("shows when a list's source was last good, and that it is not any more", async () => {
    let text = "203.0.113.0/24\n";
    const origin = await startToyUpstream({
      onRequest: () =>
        text === ""
          ? "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
          : `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    });
    const { value } = await start({
      upstreams: { app },
      blocklists: { bad: { url: `${origin.url}/bad.txt`, interval: "1s" } },
    });
    const updated = await value('ip_list_updated_timestamp_seconds{list="bad"}');
    expect(Math.abs(Date.now() / 1000 - (updated ?? 0))).toBeLessThan(60);
    expect(await value('ip_list_up_to_date{list="bad"}')).toBe(1);
    text = "";
    await expect.poll(() => value('ip_list_up_to_date{list="bad"}'), SOON).toBe(0);
    expect(await value('ip_list_ranges{list="bad",kind="block",source="url"}')).toBe(1);
  });

  it("counts whom the challenge stopped and what a hook or a limit only flagged", async () => {
    const { ask, value } = await start({
      upstreams: { app },
      challenge: { when: (request) => request.path === "/members" },
      rateLimits: { few: { key: ["ip"], limit: 1, window: "1h", mode: "flag" } },
    });
    expect((await ask("/members")).status).toBe(403);
    expect(await value('requests_refused_total{by="challenge"}')).toBe(1);
    expect((await ask()).status).toBe(200);
    expect(await value("requests_flagged_total")).toBe(1);
  });
});

describe("the process", () => {
  it("shows the event loop's delay, the heap and the garbage collector", async () => {
    const { proxy } = await start({ upstreams: { app } });
    const { types, samples } = await scrape(proxy.adminUrl);
    expect(samples.get("nodejs_heap_size_used_bytes")).toBeGreaterThan(1e6);
    expect(samples.get("process_resident_memory_bytes")).toBeGreaterThan(1e7);
    expect(samples.has("nodejs_eventloop_lag_p99_seconds")).toBe(true);
    expect(types.get("nodejs_gc_duration_seconds")).toBe("histogram");
    (globalThis as { gc?: () => void }).gc?.();
    const collections = async () => {
      const all = await scrape(proxy.adminUrl);
      return [...all.samples].filter(([name]) =>
        name.startsWith("nodejs_gc_duration_seconds_count"),
      );
    };
    await expect.poll(async () => (await collections()).length, SOON).toBeGreaterThan(0);
  });

  it("shows when certificates end", async () => {
    const { proxy } = await start({ listen: { port: 0, tls: "dev" }, upstreams: { app } });
    const { samples } = await scrape(proxy.adminUrl);
    const ends = [...samples].filter(([name]) =>
      name.startsWith("gatewright_certificate_expiry_timestamp_seconds"),
    );
    expect(ends).toHaveLength(1);
    expect(ends[0]?.[1]).toBeGreaterThan(Date.now() / 1000);
  });
});
