import { describe, expect, it } from "vitest";

import { simulateProxy } from "../helpers/simulated-proxy.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;

describe("a day in the life of a stored response", () => {
  it("expires, is validated in the background, bridges an outage, and is gone when that lasts too long", async () => {
    let fetches = 0;
    const start = Date.UTC(2030, 0, 1);
    const proxy = await simulateProxy({
      upstreams: {
        app: {
          fetch: (request) => {
            fetches += 1;
            const at = proxy.now - start;
            if (at >= 6 * HOUR && at < 9 * HOUR) throw new Error("down");
            const tag = `"${at < 12 * HOUR ? "morning" : "evening"}"`;
            const headers = {
              etag: tag,
              "cache-control": "max-age=600, stale-while-revalidate=60, stale-if-error=7200",
            };
            return request.headers.get("if-none-match") === tag
              ? new Response(null, { status: 304, headers })
              : new Response(tag, { headers });
          },
        },
      },
      routes: [{ upstream: "app", cache: true }],
    });

    const counts: Record<string, number> = {};
    const texts: string[] = [];
    for (; proxy.now < start + 24 * HOUR; proxy.advance(10 * SECOND)) {
      const { status, text, record } = await proxy.ask("/");
      const kind = `${status} ${record.cache}`;
      counts[kind] = (counts[kind] ?? 0) + 1;
      if (status === 200 && texts.at(-1) !== text) texts.push(text);
      await proxy.settled();
    }

    // Every ten seconds a request. Until 6:00 a fetch, then one request in each ten minutes finds it stale and has it
    // validated behind its back. Then seven more within stale-while-revalidate, those up to two hours after it turned
    // stale within stale-if-error, and the rest of the outage fails. At 9:00 it is validated while the client waits.
    expect(counts).toEqual({
      "200 miss": 1,
      "200 hit": 36 * 59 + 90 * 59,
      "200 stale": 35 + 7 + 714 + 89,
      "502 miss": 359,
      "200 revalidated": 1,
    });
    expect(fetches).toBe(1 + 35 + 7 + 714 + 359 + 1 + 89);
    expect(texts).toEqual(['"morning"', '"evening"']);
    expect(proxy.log.errors.splice(0).length).toBeGreaterThan(0);
  });
});
