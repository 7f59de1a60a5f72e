import { describe, expect, it } from "vitest";

import { DeadlineWheel } from "../../runtime/clock.ts";
import { type RecordingReceiver, send } from "../helpers/recording-receiver.ts";
import { toyResponse, type ToyConnection } from "../helpers/toy-upstream.ts";
import { openCount, targetFor, toy, upstreamOver } from "../helpers/upstream-fixture.ts";

/** An origin that answers only when it is told to. */
async function heldToy() {
  const waiting: ToyConnection[] = [];
  const arrivals: (() => void)[] = [];
  const origin = await toy({
    onRequest: (_request, connection) => {
      waiting.push(connection);
      for (const resolve of arrivals.splice(0)) resolve();
    },
  });
  return {
    origin,
    waiting,
    async waitingCount(count: number): Promise<void> {
      while (waiting.length < count) await new Promise<void>((resolve) => arrivals.push(resolve));
    },
    answer(): void {
      waiting.shift()?.send(toyResponse(200, "ok"));
    },
  };
}

describe("the connection cap", () => {
  it("is never exceeded over all targets, and no request is lost", async () => {
    const origins = await Promise.all([toy(), toy(), toy()]);
    const upstream = upstreamOver(origins, { maxConnections: 4, maxQueue: 100 });
    let most = 0;
    const receivers = Array.from({ length: 100 }, () =>
      send(upstream, {}, { onHead: () => (most = Math.max(most, upstream.stats().open)) }),
    );
    expect(upstream.stats()).toEqual({ open: 4, idle: 0, active: 4, queued: 96 });
    const done = await Promise.all(receivers.map((receiver) => receiver.done()));
    expect(done.every((receiver) => receiver.text === "ok")).toBe(true);
    expect(most).toBe(4);
    expect(origins.reduce((sum, origin) => sum + origin.connections.length, 0)).toBe(4);
    expect(origins.every((origin) => origin.connections.length > 0)).toBe(true);
  });

  it("holds with an origin that closes after every response", async () => {
    let open = 0;
    let most = 0;
    const origin = await toy({
      onConnection: ({ socket }) => {
        most = Math.max(most, ++open);
        socket.on("close", () => (open -= 1));
      },
      onRequest: (_request, connection) =>
        connection.finish(toyResponse(200, "ok", "Connection: close")),
    });
    const upstream = upstreamOver([origin], { maxConnections: 3, maxQueue: 100 });
    const receivers = Array.from({ length: 60 }, () => send(upstream));
    const done = await Promise.all(receivers.map((receiver) => receiver.done()));
    expect(done.every((receiver) => receiver.text === "ok")).toBe(true);
    expect(origin.connections.length).toBe(60);
    // The origin learns of our close a moment after our socket is gone: its own count may lag behind by those.
    expect(most).toBeLessThanOrEqual(6);
  });

  it("can be lowered and raised while it runs", async () => {
    const { origin, answer, waitingCount } = await heldToy();
    const upstream = upstreamOver([origin], { maxConnections: 3 });
    const receivers = Array.from({ length: 6 }, () => send(upstream));
    await waitingCount(3);
    upstream.adjust({ maxConnections: 1 });
    for (let i = 0; i < 3; i++) answer();
    await Promise.all(receivers.slice(0, 3).map((receiver) => receiver.done()));
    await origin.openAtMost(1);
    await waitingCount(1);
    expect(upstream.stats()).toMatchObject({ open: 1, queued: 2 });
    upstream.adjust({ maxConnections: 3 });
    await waitingCount(3);
    for (let i = 0; i < 3; i++) answer();
    await Promise.all(receivers.map((receiver) => receiver.done()));
    upstream.adjust({ maxConnections: 1 });
    expect(upstream.stats()).toEqual({ open: 1, idle: 1, active: 0, queued: 0 });
  });
});

describe("the queue", () => {
  it("serves in order of arrival", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin], { maxConnections: 1, maxQueue: 50 });
    const paths = Array.from({ length: 20 }, (_, i) => `/${i}`);
    await Promise.all(paths.map((path) => send(upstream, { path }).done()));
    expect(origin.requests.map((request) => request.target)).toEqual(paths);
  });

  it("refuses what finds it full", async () => {
    const { origin, answer, waitingCount } = await heldToy();
    const upstream = upstreamOver([origin], { maxConnections: 1, maxQueue: 1 });
    const first = send(upstream);
    const second = send(upstream);
    const third = await send(upstream).done();
    expect(third.error?.code).toBe("PROXY_UPSTREAM_QUEUE_FULL");
    await waitingCount(1);
    answer();
    await first.done();
    await waitingCount(1);
    answer();
    expect((await second.done()).text).toBe("ok");
  });

  it("refuses what waited too long, and counts the time by the wheel", async () => {
    const { origin, waitingCount } = await heldToy();
    let now = 0;
    const wheel = new DeadlineWheel({ now: () => now, monotonic: () => now }, false);
    const upstream = upstreamOver([origin], { maxConnections: 1, queueTimeoutMs: 1000, wheel });
    const first = send(upstream, { connectTimeoutMs: 100_000, responseHeadTimeoutMs: 100_000 });
    const second = send(upstream);
    await waitingCount(1);
    now = 999;
    wheel.turn();
    expect(second.over).toBe(false);
    now = 1100;
    wheel.turn();
    expect((await second.done()).error?.code).toBe("PROXY_UPSTREAM_QUEUE_TIMEOUT");
    expect(upstream.stats().queued).toBe(0);
    first.call?.abort();
  });

  it("forgets a request that is given up while it waits", async () => {
    const { origin, answer, waitingCount } = await heldToy();
    const upstream = upstreamOver([origin], { maxConnections: 1 });
    const first = send(upstream);
    const second = send(upstream);
    const third = send(upstream);
    second.call?.abort();
    second.call?.abort();
    expect(upstream.stats().queued).toBe(1);
    await waitingCount(1);
    answer();
    await first.done();
    await waitingCount(1);
    answer();
    await third.done();
    expect(second.lastCalls).toBe(0);
    expect(origin.requests.length).toBe(2);
  });
});

describe("idle connections", () => {
  it("are used again, the one used last first", async () => {
    const { origin, answer, waiting, waitingCount } = await heldToy();
    const upstream = upstreamOver([origin]);
    const both = [send(upstream), send(upstream)];
    await waitingCount(2);
    const used = waiting[1];
    answer();
    await both[0]?.done();
    await new Promise((resolve) => setImmediate(resolve));
    answer();
    await both[1]?.done();
    await new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 3; i++) {
      const next = send(upstream);
      await waitingCount(1);
      expect(waiting[0]).toBe(used);
      answer();
      await next.done();
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it("close after the idle time", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin], { idleTimeoutMs: 30 });
    await send(upstream).done();
    await origin.connections[0]?.closed;
    await origin.openAtMost(0);
    await openCount(upstream, 0);
  });

  it("PUB-12: are given up before the time that Keep-Alive announces (RFC 9112 §9.3)", async () => {
    const origin = await toy({ onRequest: () => toyResponse(200, "ok", "Keep-Alive: timeout=2") });
    const upstream = upstreamOver([origin]);
    const started = performance.now();
    await send(upstream).done();
    await origin.connections[0]?.closed;
    const took = performance.now() - started;
    expect(took).toBeGreaterThan(900);
    expect(took).toBeLessThan(1900);
  });

  it("are not kept where Keep-Alive announces less than the margin", async () => {
    const origin = await toy({ onRequest: () => toyResponse(200, "ok", "Keep-Alive: timeout=1") });
    await send(upstreamOver([origin])).done();
    await origin.connections[0]?.closed;
  });

  it("are not kept longer than the idle time, whatever Keep-Alive announces", async () => {
    const origin = await toy({
      onRequest: () => toyResponse(200, "ok", "Keep-Alive: timeout=600"),
    });
    await send(upstreamOver([origin], { idleTimeoutMs: 30 })).done();
    await origin.connections[0]?.closed;
  });

  it("are closed by bytes that nobody asked for, which no later request can take for its answer", async () => {
    const origin = await toy({
      onRequest: (request) =>
        toyResponse(200, "ok") + (request.target === "/1" ? toyResponse(200, "poison") : ""),
    });
    const upstream = upstreamOver([origin]);
    expect((await send(upstream, { path: "/1" }).done()).text).toBe("ok");
    expect((await send(upstream, { path: "/2" }).done()).text).toBe("ok");
    expect(origin.connections.length).toBe(2);
  });
});

describe("targets", () => {
  it("get requests by their weights", async () => {
    const origins = await Promise.all([toy(), toy()]);
    const targets = [targetFor(origins[0] as never, 3), targetFor(origins[1] as never, 1)];
    const upstream = upstreamOver(origins, { targets });
    for (let i = 0; i < 40; i++) await send(upstream).done();
    expect(origins.map((origin) => origin.requests.length)).toEqual([30, 10]);
    upstream.adjust({ targets: targets.map((target) => ({ ...target, weight: 1 })) });
    for (let i = 0; i < 40; i++) await send(upstream).done();
    expect(origins.map((origin) => origin.requests.length)).toEqual([50, 30]);
  });

  it("stand in for one another when one cannot be reached, whatever the method: nothing was sent", async () => {
    const [dead, alive] = await Promise.all([toy(), toy()]);
    await dead.close();
    const upstream = upstreamOver([dead, alive]);
    for (let i = 0; i < 4; i++) {
      const done = await send(upstream, { method: "POST" }).done();
      expect([done.status, done.targets.at(-1)]).toEqual([200, `127.0.0.1:${alive.port}`]);
    }
    expect(alive.requests.length).toBe(4);
    await openCount(upstream, 1);
  });

  it("are tried twice at most", async () => {
    const dead = await Promise.all([toy(), toy(), toy()]);
    await Promise.all(dead.map((origin) => origin.close()));
    const upstream = upstreamOver(dead);
    const done = await send(upstream).done();
    expect(done.error?.code).toBe("PROXY_UPSTREAM_CONNECT");
    expect(upstream.stats()).toEqual({ open: 0, idle: 0, active: 0, queued: 0 });
  });
});

describe("close", () => {
  it("lets what runs and what waits end, closes idle connections, and refuses the rest", async () => {
    const { origin, answer, waitingCount } = await heldToy();
    const upstream = upstreamOver([origin], { maxConnections: 2 });
    const warm = send(upstream);
    await waitingCount(1);
    answer();
    await warm.done();
    const running = [send(upstream), send(upstream), send(upstream)];
    await waitingCount(2);
    let closed = false;
    const closing = upstream.close().then(() => (closed = true));
    const refused = await send(upstream).done();
    expect(refused.error?.code).toBe("PROXY_UPSTREAM_CLOSED");
    answer();
    answer();
    await waitingCount(1);
    expect(closed).toBe(false);
    answer();
    await Promise.all(running.map((receiver) => receiver.done()));
    await closing;
    await origin.openAtMost(0);
    expect(running.every((receiver) => receiver.text === "ok")).toBe(true);
    await upstream.close();
  });

  it("waits for an upgraded connection to end", async () => {
    const origin = await toy({
      onRequest: () => "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
    });
    const upstream = upstreamOver([origin]);
    const { upgrade } = await send(upstream, { upgrade: "echo" }).done();
    expect(upstream.stats()).toMatchObject({ open: 1, active: 1 });
    const closing = upstream.close();
    upgrade?.stream.end();
    await closing;
    await openCount(upstream, 0);
  });
});

describe("a receiver", () => {
  it("that throws loses its request only", async () => {
    const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
    const origin = await toy({
      onRequest: (request, connection) => {
        if (request.target !== "/") return toyResponse(200, "ok");
        connection.send(`HTTP/1.1 103 E\r\n\r\n`);
        connection.send(`${chunked}0\r\n\r\n`);
      },
    });
    const faults: unknown[] = [];
    const upstream = upstreamOver([origin], { onFault: (error) => faults.push(error) });
    const bug = new Error("bug");
    const fault = (): never => {
      throw bug;
    };
    for (const name of ["onTarget", "onInformational", "onHead", "onData"] as const) {
      const done = await send(upstream, {}, { [name]: fault }).done();
      expect([done.error?.code, done.error?.cause]).toEqual(["PROXY_INTERNAL", bug]);
    }
    const end = await send(upstream, {}, { onEnd: fault }).done();
    expect([end.lastCalls, end.error]).toEqual([1, undefined]);
    expect(faults).toEqual([bug]);
    expect((await send(upstream, { path: "/next" }).done()).text).toBe("ok");
    await origin.openAtMost(1);
    await openCount(upstream, 1);
  });

  it("may give up or pause within any call", async () => {
    const origin = await toy({
      onRequest: () =>
        "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
    });
    const upstream = upstreamOver([origin]);
    for (const name of ["onTarget", "onInformational", "onHead", "onData"] as const) {
      const aborted: RecordingReceiver = send(
        upstream,
        {},
        { [name]: () => aborted.call?.abort() },
      );
      await aborted.when(() => aborted.targets.length > 0);
      await origin.openAtMost(0);
      expect(aborted.lastCalls).toBe(0);
      const paused: RecordingReceiver = send(
        upstream,
        {},
        {
          [name]: () => {
            paused.call?.pause();
            setImmediate(() => paused.call?.resume());
          },
        },
      );
      expect((await paused.done()).text).toBe("ab");
    }
  });
});
