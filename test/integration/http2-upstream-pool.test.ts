import { once } from "node:events";
import { describe, expect, it } from "vitest";

import { DeadlineWheel } from "../../runtime/clock.ts";
import {
  FRAME,
  frameOrigin,
  http2Origin,
  http2UpstreamOver,
  type Http2Origin,
  type Http2OriginOptions,
} from "../helpers/http2-origin.ts";
import { send } from "../helpers/recording-receiver.ts";
import { openCount, targetFor } from "../helpers/upstream-fixture.ts";

/** Answers when told to. */
async function heldOrigin(options: Http2OriginOptions = {}) {
  const origin = await http2Origin({ ...options, onRequest: () => {} });
  const answer = (at: number): void => {
    const { stream, path } = origin.requests[at] as Http2Origin["requests"][number];
    stream.respond({ ":status": 200 });
    stream.end(path);
  };
  return { origin, answer };
}

const paths = (origin: Http2Origin): string[] => origin.requests.map(({ path }) => path);

describe("streams", () => {
  it("share one connection", async () => {
    const { origin, answer } = await heldOrigin();
    const upstream = http2UpstreamOver([origin]);
    const all = Array.from({ length: 50 }, (_, i) => send(upstream, { path: `/${i}` }));
    await origin.arrived(50);
    expect(upstream.stats()).toEqual({ open: 1, idle: 0, active: 1, queued: 0 });
    for (let i = 0; i < 50; i++) answer(i);
    for (const receiver of all) expect((await receiver.done()).text).toMatch(/^\/\d+$/);
    expect(origin.sessions.length).toBe(1);
  });

  it("beyond what the upstream allows open another connection, up to the cap, then wait in order (RFC 9113 §5.1.2)", async () => {
    const { origin, answer } = await heldOrigin({ settings: { maxConcurrentStreams: 2 } });
    const upstream = http2UpstreamOver([origin], { maxConnections: 2 });
    const all = Array.from({ length: 7 }, (_, i) => send(upstream, { path: `/${i}` }));
    await origin.arrived(4);
    expect(upstream.stats()).toEqual({ open: 2, idle: 0, active: 2, queued: 3 });
    for (let i = 0; i < 7; i++) {
      await origin.arrived(Math.min(7, i + 4));
      answer(i);
      await all[Number(paths(origin)[i]?.slice(1))]?.done();
    }
    expect(paths(origin).slice(4)).toEqual(["/4", "/5", "/6"]);
    expect(origin.sessions.length).toBe(2);
  });

  it("beyond `maxStreams` do the same", async () => {
    const { origin, answer } = await heldOrigin();
    const upstream = http2UpstreamOver([origin], { maxConnections: 1, maxStreams: 3 });
    const all = Array.from({ length: 4 }, (_, i) => send(upstream, { path: `/${i}` }));
    await origin.arrived(3);
    expect(upstream.stats().queued).toBe(1);
    answer(1);
    await origin.arrived(4);
    for (const at of [0, 2, 3]) answer(at);
    for (const receiver of all) expect((await receiver.done()).status).toBe(200);
  });

  it("follow the limit when the upstream changes it", async () => {
    const { origin } = await heldOrigin({ settings: { maxConcurrentStreams: 0 } });
    const upstream = http2UpstreamOver([origin], { maxConnections: 1 });
    send(upstream, { path: "/a" });
    send(upstream, { path: "/b" });
    while (upstream.stats().queued !== 2) await new Promise((resolve) => setImmediate(resolve));
    origin.sessions[0]?.settings({ maxConcurrentStreams: 1 });
    await origin.arrived(1);
    expect(upstream.stats().queued).toBe(1);
    origin.sessions[0]?.settings({ maxConcurrentStreams: 2 });
    await origin.arrived(2);
    expect(paths(origin)).toEqual(["/a", "/b"]);
  });
});

describe("the queue", () => {
  it("is bounded in length and in time", async () => {
    const { origin } = await heldOrigin();
    const options = { maxConnections: 1, maxStreams: 1, maxQueue: 1, queueTimeoutMs: 50 };
    const upstream = http2UpstreamOver([origin], options);
    send(upstream);
    const waiting = send(upstream);
    const full = await send(upstream).done();
    expect([full.error?.code, full.targets]).toEqual(["PROXY_UPSTREAM_QUEUE_FULL", []]);
    expect((await waiting.done()).error?.code).toBe("PROXY_UPSTREAM_QUEUE_TIMEOUT");
    expect(upstream.stats().queued).toBe(0);
  });
});

describe("a connection that the upstream closes (GOAWAY)", () => {
  it("finishes its requests while others go to a new one, which it does not hold up", async () => {
    const { origin, answer } = await heldOrigin();
    const upstream = http2UpstreamOver([origin], { maxConnections: 1 });
    const first = send(upstream, { path: "/first" });
    await origin.arrived(1);
    const client = origin.sessions[0];
    client?.goaway(0, 1);
    await new Promise((resolve) => client?.ping(resolve));
    const second = send(upstream, { path: "/second" });
    await origin.arrived(2);
    expect(upstream.stats().open).toBe(2);
    answer(1);
    expect((await second.done()).text).toBe("/second");
    answer(0);
    expect((await first.done()).text).toBe("/first");
    await openCount(upstream, 1);
    expect(origin.sessions.length).toBe(2);
  });
});

describe("idle connections", () => {
  it("close after the idle time, with GOAWAY", async () => {
    const origin = await http2Origin();
    const upstream = http2UpstreamOver([origin], { idleTimeoutMs: 40 });
    await send(upstream).done();
    while (upstream.stats().idle === 0) await new Promise((resolve) => setImmediate(resolve));
    const [code] = (await once(origin.sessions[0] as never, "goaway")) as [number];
    expect(code).toBe(0);
    await openCount(upstream, 0);
    expect((await send(upstream).done()).status).toBe(200);
    expect(origin.sessions.length).toBe(2);
  });

  it("close even if the upstream, having said GOAWAY, never closes its side", async () => {
    const origin = await frameOrigin({
      onFrame(frame, connection) {
        if (frame.type !== FRAME.headers) return;
        connection.headers(frame.stream, [":status", "200"], 1);
        connection.goaway(frame.stream, 0);
      },
    });
    const upstream = http2UpstreamOver([origin]);
    await send(upstream).done();
    await openCount(upstream, 0);
  });

  it("beyond a lowered cap close", async () => {
    const { origin, answer } = await heldOrigin();
    const upstream = http2UpstreamOver([origin], { maxConnections: 2, maxStreams: 1 });
    const all = [send(upstream), send(upstream)];
    await origin.arrived(2);
    answer(0);
    answer(1);
    for (const receiver of all) await receiver.done();
    upstream.adjust({ maxConnections: 1 });
    await openCount(upstream, 1);
  });
});

describe("limits that change", () => {
  it("hold for what waits", async () => {
    const { origin } = await heldOrigin();
    const upstream = http2UpstreamOver([origin], { maxConnections: 1, maxStreams: 1 });
    for (let i = 0; i < 4; i++) send(upstream);
    await origin.arrived(1);
    expect(upstream.stats().queued).toBe(3);
    upstream.adjust({ maxStreams: 2 });
    await origin.arrived(2);
    upstream.adjust({ maxConnections: 2 });
    await origin.arrived(4);
    expect(upstream.stats()).toMatchObject({ open: 2, queued: 0 });
  });
});

describe("targets", () => {
  it("get requests by their weights", async () => {
    const origins = await Promise.all([http2Origin(), http2Origin()]);
    const targets = [targetFor(origins[0] as never, 3), targetFor(origins[1] as never, 1)];
    const upstream = http2UpstreamOver(origins, { targets });
    for (let i = 0; i < 40; i++) await send(upstream).done();
    expect(origins.map((origin) => origin.requests.length)).toEqual([30, 10]);
  });
});

describe("close", () => {
  it("lets what runs and what waits end, closes idle connections, and refuses the rest", async () => {
    const { origin, answer } = await heldOrigin();
    const upstream = http2UpstreamOver([origin], { maxConnections: 2, maxStreams: 1 });
    const all = [send(upstream), send(upstream), send(upstream)];
    await origin.arrived(2);
    let closed = false;
    const closing = upstream.close().then(() => (closed = true));
    expect((await send(upstream).done()).error?.code).toBe("PROXY_UPSTREAM_CLOSED");
    answer(0);
    await origin.arrived(3);
    answer(1);
    await all[1]?.done();
    expect(closed).toBe(false);
    answer(2);
    for (const receiver of all) expect((await receiver.done()).status).toBe(200);
    await closing;
    expect(upstream.stats().open).toBe(0);
  });

  it("resolves at once without connections", async () => {
    await http2UpstreamOver([{ host: "127.0.0.1", port: 1 }]).close();
  });
});

describe("bookkeeping", () => {
  it("leaves nothing armed and nothing counted after many ends of every kind", async () => {
    const wheel = new DeadlineWheel();
    const origin = await http2Origin({
      onRequest: ({ stream, path }) => {
        if (path === "/reset") stream.close(2);
        else if (path === "/hang") return;
        else if (path === "/cut") stream.session?.destroy();
        else {
          stream.respond({ ":status": 200 });
          stream.end("x".repeat(1000));
        }
      },
    });
    const upstream = http2UpstreamOver([origin], { wheel, maxStreams: 8 });
    const kinds = ["/ok", "/reset", "/hang", "/ok", "/ok", "/cut"];
    for (let round = 0; round < 20; round++) {
      const all = kinds.map((path) => send(upstream, { path, method: "POST" }));
      all[4]?.call?.abort();
      for (const at of [0, 1, 3, 5]) await all[at]?.done();
      all[2]?.call?.abort();
    }
    await upstream.close();
    expect(upstream.stats()).toEqual({ open: 0, idle: 0, active: 0, queued: 0 });
    expect(wheel.size).toBe(0);
  });
});
