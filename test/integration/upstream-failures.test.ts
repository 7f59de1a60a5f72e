import { describe, expect, it } from "vitest";

import { DeadlineWheel } from "../../runtime/clock.ts";
import { sourceFromBytes } from "../../runtime/http/readable-source.ts";
import { FedSource, send } from "../helpers/recording-receiver.ts";
import { scaled } from "../helpers/scale.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";
import { openCount, toy, upstreamOver } from "../helpers/upstream-fixture.ts";

const POST = { method: "POST", content: sourceFromBytes(Buffer.from("x")) };

describe("PUB-11: a response that is cut", () => {
  const head = (line: string): string => `HTTP/1.1 200 OK\r\n${line}\r\n\r\n`;
  const cuts: [string, string, "finish" | "reset"][] = [
    ["short of its length, FIN", `${head("Content-Length: 100")}${"a".repeat(40)}`, "finish"],
    ["short of its length, RST", `${head("Content-Length: 100")}${"a".repeat(40)}`, "reset"],
    [
      "short of its length, announced close",
      `${head("Content-Length: 100\r\nConnection: close")}aaa`,
      "finish",
    ],
    ["chunked without an end, FIN", `${head("Transfer-Encoding: chunked")}3\r\naaa\r\n`, "finish"],
    ["chunked without an end, RST", `${head("Transfer-Encoding: chunked")}3\r\naaa\r\n`, "reset"],
    [
      "chunked, announced close, FIN",
      `${head("Transfer-Encoding: chunked\r\nConnection: close")}3\r\naaa\r\n`,
      "finish",
    ],
    ["within a chunk", `${head("Transfer-Encoding: chunked")}30\r\naaa`, "finish"],
    ["within the trailers", `${head("Transfer-Encoding: chunked")}3\r\naaa\r\n0\r\nX: `, "finish"],
  ];
  for (const [what, bytes, how] of cuts) {
    it(`${what}: ends in an error, never as if whole (RFC 9112 §8)`, async () => {
      const origin = await toy({
        onRequest: (_request, connection) => {
          connection.socket.write(Buffer.from(bytes, "latin1"));
        },
      });
      const upstream = upstreamOver([origin]);
      const receiver = send(upstream);
      await receiver.when(() => receiver.bytes > 0);
      origin.connections[0]?.[how]();
      const done = await receiver.done();
      expect([done.status, done.trailers, done.error?.code]).toEqual([
        ...[200, undefined, "PROXY_UPSTREAM_RESET"],
      ]);
      await openCount(upstream, 0);
    });
  }

  it("before the head: no response at all", async () => {
    for (const bytes of ["", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 10"]) {
      const origin = await toy({ onRequest: (_request, connection) => connection.finish(bytes) });
      const done = await send(upstreamOver([origin])).done();
      expect([done.status, done.error?.code]).toEqual([undefined, "PROXY_UPSTREAM_RESET"]);
      expect(origin.requests.length).toBe(1);
    }
  });

  it("while the reader has paused it: still an error", async () => {
    const origin = await toy({
      onRequest: () => `HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n${"a".repeat(100_000)}`,
    });
    const receiver = send(upstreamOver([origin]), {}, { onData: () => receiver.call?.pause() });
    await receiver.when(() => receiver.bytes > 0);
    origin.connections[0]?.finish();
    receiver.on = {};
    receiver.call?.resume();
    const done = await receiver.done();
    expect(done.error?.code).toBe("PROXY_UPSTREAM_RESET");
  });
});

describe("PUB-12: a pooled connection that turns out to be closed", () => {
  /** Warms a connection, then lets the origin reset it the moment the next request is on it. */
  async function staleOrigin() {
    const executed: string[] = [];
    const origin = await toy({
      onHead: (request, connection) => {
        if (connection.requests.length > 0 && request.target === "/stale") connection.reset();
      },
      onRequest: (request, connection) => {
        if (connection.socket.destroyed) return;
        executed.push(`${request.method} ${String(request.content)}`);
        return toyResponse(200, request.method === "HEAD" ? "" : "ok");
      },
    });
    const upstream = upstreamOver([origin]);
    await send(upstream, { path: "/warm" }).done();
    await openCount(upstream, 1);
    executed.length = 0;
    return { origin, upstream, executed };
  }

  for (const method of ["GET", "HEAD", "OPTIONS", "DELETE"]) {
    it(`${method}: is tried once more on a new connection (RFC 9110 §9.2.2)`, async () => {
      const { origin, upstream, executed } = await staleOrigin();
      const done = await send(upstream, { method, path: "/stale" }).done();
      expect([done.status, done.error]).toEqual([200, undefined]);
      expect(executed.length).toBe(1);
      expect(origin.connections.length).toBe(2);
      expect(done.targets.length).toBe(2);
    });
  }

  it("PUT with content in memory: is tried once more, with its content", async () => {
    const { upstream, executed } = await staleOrigin();
    const content = sourceFromBytes(Buffer.from("all of it"));
    const done = await send(upstream, { method: "PUT", path: "/stale", content }).done();
    expect(done.status).toBe(200);
    expect(executed).toEqual(["PUT all of it"]);
  });

  it("PUT with streamed content: is not, but is said to be safe to send again", async () => {
    const { upstream, origin } = await staleOrigin();
    const content = new FedSource();
    const receiver = send(upstream, { method: "PUT", path: "/stale", content });
    await content.opened;
    content.write("part");
    const done = await receiver.done();
    expect([done.error?.code, done.error?.retryable]).toEqual(["PROXY_UPSTREAM_STALE", true]);
    expect(content.cancelled).toBe(true);
    expect(origin.connections.length).toBe(1);
  });

  it("POST: is never sent twice; it may have been executed", async () => {
    const { upstream, origin } = await staleOrigin();
    const done = await send(upstream, { ...POST, path: "/stale" }).done();
    expect([done.error?.code, done.error?.retryable]).toEqual(["PROXY_UPSTREAM_RESET", false]);
    expect(origin.connections.length).toBe(1);
  });

  it("GET: is not tried again after a byte of an answer", async () => {
    const origin = await toy({
      onRequest: (request, connection) => {
        if (request.target !== "/stale") return toyResponse(200, "ok");
        connection.socket.write("HTTP/1.1 2", () => setImmediate(() => connection.reset()));
      },
    });
    const upstream = upstreamOver([origin]);
    await send(upstream).done();
    const done = await send(upstream, { path: "/stale" }).done();
    expect(done.error?.code).toBe("PROXY_UPSTREAM_RESET");
    expect(origin.requests.length).toBe(2);
  });

  it("GET: is not tried a third time", async () => {
    const origin = await toy({
      onRequest: (request, connection) => {
        if (request.target === "/warm") return toyResponse(200, "ok");
        connection.reset();
      },
    });
    const upstream = upstreamOver([origin]);
    await send(upstream, { path: "/warm" }).done();
    const done = await send(upstream, { path: "/stale" }).done();
    expect(done.error?.code).toBe("PROXY_UPSTREAM_RESET");
    expect(origin.requests.length).toBe(3);
  });

  it("loses no GET and repeats no POST against an origin that closes idle connections at its own time", async () => {
    const idleMs = scaled(20, 1000);
    const lanes = scaled(4, 100);
    const rounds = scaled(20, 10);
    const executed = new Map<string, number>();
    const origin = await toy({
      onRequest: (request, { socket }) => {
        executed.set(request.target, (executed.get(request.target) ?? 0) + 1);
        // From its first answer on: a connection that brings its first request is not idle, however late that is read.
        if (socket.timeout === undefined) socket.setTimeout(idleMs, () => socket.destroy());
        return toyResponse(200, "ok");
      },
    });
    const lost: string[] = [];
    const outcomes = { GET: 0, POST: 0, refused: 0 };
    // Each lane has a connection of its own, so that none is kept alive by another one's requests.
    const lane = async (number: number): Promise<void> => {
      const upstream = upstreamOver([origin]);
      for (let i = 0; i < rounds; i++) {
        const method = (i + number) % 2 === 0 ? "GET" : "POST";
        const done = await send(upstream, { method, path: `/${method}/${number}/${i}` }).done();
        if (done.error === undefined) outcomes[method] += 1;
        else if (method === "GET") lost.push(done.error.code);
        else outcomes.refused += 1;
        const spreadMs = scaled(4, 10);
        const offMs = ((number * 7 + i * 3) % (2 * spreadMs + 1)) - spreadMs;
        await new Promise((resolve) => setTimeout(resolve, idleMs + offMs));
      }
    };
    await Promise.all(Array.from({ length: lanes }, async (_, number) => lane(number)));
    expect(lost).toEqual([]);
    expect(outcomes.GET).toBe((lanes * rounds) / 2);
    expect([...executed].filter(([path, count]) => path.startsWith("/POST") && count > 1)).toEqual(
      [],
    );
  }, 120_000);

  it("POST that was read and counted before the reset is executed once", async () => {
    let executed = 0;
    const origin = await toy({
      onRequest: (request, connection) => {
        if (request.method !== "POST") return toyResponse(200, "ok");
        executed += 1;
        connection.reset();
      },
    });
    const upstream = upstreamOver([origin]);
    for (let i = 0; i < 20; i++) {
      await send(upstream).done();
      const done = await send(upstream, POST).done();
      expect(done.error?.status).toBe(502);
    }
    expect(executed).toBe(20);
  });

  it("is noticed before the request goes out if the close has arrived, whatever the method", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin]);
    for (let i = 0; i < 20; i++) {
      await send(upstream).done();
      await openCount(upstream, 1);
      origin.connections.at(-1)?.socket.destroy();
      await new Promise((resolve) => setImmediate(resolve));
      const done = await send(upstream, POST).done();
      expect(done.status).toBe(200);
    }
    expect(origin.requests.length).toBe(40);
  });
});

describe("PUB-09: a request that is given up", () => {
  const rounds = scaled(100, 500);
  const stages: [string, string][] = [
    ["before the head", ""],
    ["after the head", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"],
    ["within the content", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"],
  ];
  for (const [stage, bytes] of stages) {
    it(`${stage}: closes its connection at once and frees its place`, async () => {
      const origin = await toy({ onRequest: () => bytes });
      const upstream = upstreamOver([origin], { maxConnections: 8, maxQueue: rounds });
      const receivers = Array.from({ length: rounds }, () => send(upstream));
      for (const [i, receiver] of receivers.entries()) {
        await origin.request(i + 1);
        if (stage === "after the head") await receiver.when(() => receiver.status !== undefined);
        if (stage === "within the content") await receiver.when(() => receiver.bytes > 0);
        receiver.call?.abort();
        receiver.call?.abort();
        receiver.call?.resume();
      }
      await origin.openAtMost(0);
      await openCount(upstream, 0);
      expect(upstream.stats()).toEqual({ open: 0, idle: 0, active: 0, queued: 0 });
      expect(receivers.every((receiver) => receiver.lastCalls === 0)).toBe(true);
    });
  }

  it("while it is paused: closes its connection at once", async () => {
    const origin = await toy({
      onRequest: () => `HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n${"a".repeat(200_000)}`,
    });
    const upstream = upstreamOver([origin]);
    const receiver = send(upstream, {}, { onData: () => receiver.call?.pause() });
    await receiver.when(() => receiver.bytes > 0);
    const before = receiver.bytes;
    receiver.call?.abort();
    await origin.openAtMost(0);
    expect(receiver.bytes).toBe(before);
  });

  it("while it uploads: closes its connection and cancels the source", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin]);
    for (let i = 0; i < 50; i++) {
      const content = new FedSource();
      const receiver = send(upstream, { method: "POST", content });
      await content.opened;
      content.write("part");
      receiver.call?.abort();
      expect(content.cancelled).toBe(true);
    }
    await origin.openAtMost(0);
    await openCount(upstream, 0);
    expect(origin.requests).toEqual([]);
  });

  it("in the tick of dispatch, connecting or on an idle connection: sends nothing", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin]);
    const content = new FedSource();
    send(upstream, { method: "POST", content }).call?.abort();
    expect(content.cancelled).toBe(true);
    await openCount(upstream, 0);
    await send(upstream, { path: "/warm" }).done();
    await openCount(upstream, 1);
    send(upstream, { path: "/never" }).call?.abort();
    await origin.openAtMost(0);
    expect((await send(upstream, { path: "/next" }).done()).text).toBe("ok");
    expect(origin.requests.map((request) => request.target)).toEqual(["/warm", "/next"]);
  });
});

describe("back pressure", () => {
  it("PUB-10: reaches the origin's socket, and the content is whole after all", async () => {
    const chunk = Buffer.alloc(65_536, "abcdefgh");
    const total = 64 * 1024 * 1024;
    let accepted = 0;
    const origin = await toy({
      onRequest: (_request, connection) => {
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
        const more = (): void => {
          while (accepted < total) {
            accepted += chunk.length;
            if (!connection.send(chunk)) {
              connection.socket.once("drain", more);
              return;
            }
          }
        };
        more();
      },
    });
    const receiver = send(
      upstreamOver([origin]),
      {},
      {
        onData: () => {
          if (receiver.bytes > 100_000) receiver.call?.pause();
        },
      },
    );
    await receiver.when(() => receiver.bytes > 100_000);
    const before = receiver.bytes;
    let last = -1;
    while (last !== accepted) {
      last = accepted;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(receiver.bytes).toBe(before);
    expect(accepted).toBeLessThan(total / 2);
    receiver.on = {};
    receiver.call?.resume();
    const done = await receiver.done();
    expect([done.bytes, done.complete]).toEqual([total, true]);
  });
});

describe("time limits", () => {
  function fakeWheel() {
    let now = 0;
    const wheel = new DeadlineWheel({ now: () => now, monotonic: () => now }, false);
    return {
      wheel,
      advance: (ms: number): void => {
        now += ms;
        wheel.turn();
      },
    };
  }

  it("the response's head: 504, and the connection is closed", async () => {
    const { wheel, advance } = fakeWheel();
    const origin = await toy({ onRequest: () => "HTTP/1.1 103 Early\r\n\r\n" });
    const upstream = upstreamOver([origin], { wheel });
    const receiver = send(upstream, { responseHeadTimeoutMs: 1000 });
    await receiver.when(() => receiver.informational.length > 0);
    advance(990);
    expect(receiver.over).toBe(false);
    advance(60);
    const done = await receiver.done();
    expect([done.error?.code, done.error?.status]).toEqual(["PROXY_UPSTREAM_HEAD_TIMEOUT", 504]);
    await origin.openAtMost(0);
    expect(wheel.size).toBe(0);
  });

  it("the response's head only: content may take its time", async () => {
    const { wheel, advance } = fakeWheel();
    const origin = await toy({
      onRequest: () => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
    });
    const receiver = send(upstreamOver([origin], { wheel }), { responseHeadTimeoutMs: 1000 });
    await receiver.when(() => receiver.status !== undefined);
    advance(100_000);
    origin.connections[0]?.send("ok");
    expect((await receiver.done()).text).toBe("ok");
    expect(wheel.size).toBe(0);
  });

  it("PUB-48: a slow client's upload does not count as the upstream's time", async () => {
    const { wheel, advance } = fakeWheel();
    const origin = await toy();
    const content = new FedSource();
    const receiver = send(upstreamOver([origin], { wheel }), {
      method: "POST",
      content,
      responseHeadTimeoutMs: 1000,
      connectTimeoutMs: 1_000_000,
    });
    await content.opened;
    for (let i = 0; i < 10; i++) {
      content.write("slow");
      await new Promise((resolve) => setImmediate(resolve));
      advance(5000);
      expect(receiver.over).toBe(false);
    }
    content.end();
    expect((await receiver.done()).status).toBe(200);
  });

  it("an upstream that takes no more of an upload is out of time", async () => {
    const { wheel, advance } = fakeWheel();
    const origin = await toy({ onConnection: (connection) => void connection.socket.pause() });
    const content = new FedSource();
    const receiver = send(upstreamOver([origin], { wheel }), {
      method: "POST",
      content,
      responseHeadTimeoutMs: 1000,
      connectTimeoutMs: 1_000_000,
    });
    await content.opened;
    while (!content.paused) {
      content.write(Buffer.alloc(65_536));
      await new Promise((resolve) => setImmediate(resolve));
    }
    advance(1100);
    expect((await receiver.done()).error?.code).toBe("PROXY_UPSTREAM_HEAD_TIMEOUT");
    expect(content.cancelled).toBe(true);
  });

  it("connecting: 504 with a code of its own", async () => {
    const { wheel, advance } = fakeWheel();
    // RFC 5737: nobody answers there. Where nothing routes to it either, the refusal comes at once.
    const upstream = upstreamOver([{ host: "192.0.2.1", port: 9 }], { wheel });
    const receiver = send(upstream, { connectTimeoutMs: 1000 });
    await new Promise((resolve) => setTimeout(resolve, 30));
    if (receiver.over) {
      expect(receiver.error?.code).toBe("PROXY_UPSTREAM_CONNECT");
    } else {
      advance(1100);
      expect((await receiver.done()).error?.code).toBe("PROXY_UPSTREAM_CONNECT_TIMEOUT");
    }
    expect(receiver.targets).toEqual(["192.0.2.1:9"]);
    expect(upstream.stats().open).toBe(0);
    expect(wheel.size).toBe(0);
  });
});
