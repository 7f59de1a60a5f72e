import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { describe, expect, it } from "vitest";

import { sourceFromBytes } from "../../runtime/http/readable-source.ts";
import {
  END_STREAM,
  FRAME,
  frameOrigin,
  http2Origin,
  http2UpstreamOver,
  type FrameConnection,
} from "../helpers/http2-origin.ts";
import { FedSource, send } from "../helpers/recording-receiver.ts";
import { openCount } from "../helpers/upstream-fixture.ts";

const OK = [":status", "200"];

/** Does this for each request head that comes, in order of arrival over all connections. */
function onRequests(...steps: ((connection: FrameConnection, stream: number) => void)[]) {
  let count = 0;
  return frameOrigin({
    onFrame(frame, connection) {
      if (frame.type === FRAME.headers)
        steps[Math.min(count++, steps.length - 1)]?.(connection, frame.stream);
    },
  });
}

const answerOk = (connection: FrameConnection, stream: number): void => {
  connection.headers(stream, OK);
  connection.send(FRAME.data, END_STREAM, stream, "ok");
};

describe("PUB-11: a response that is cut", () => {
  const part = (connection: FrameConnection, stream: number): void => {
    connection.headers(stream, OK);
    connection.send(FRAME.data, 0, stream, "part");
  };
  const cuts: [string, (connection: FrameConnection, stream: number) => void, string][] = [
    ["by a reset with NO_ERROR", (to, stream) => to.reset(stream, 0), "PROXY_UPSTREAM_RESET"],
    ["by a reset with CANCEL", (to, stream) => to.reset(stream, 8), "PROXY_UPSTREAM_RESET"],
    ["by a reset with INTERNAL_ERROR", (to, stream) => to.reset(stream, 2), "PROXY_UPSTREAM_RESET"],
    ["by a reset with REFUSED_STREAM", (to, stream) => to.reset(stream, 7), "PROXY_UPSTREAM_RESET"],
    ["by an unknown code", (to, stream) => to.reset(stream, 99), "PROXY_UPSTREAM_RESET"],
    ["by a FIN", (to) => to.socket.end(), "PROXY_UPSTREAM_RESET"],
    ["by a TCP reset", (to) => to.socket.resetAndDestroy(), "PROXY_UPSTREAM_RESET"],
    ["by GOAWAY with an error", (to, stream) => to.goaway(stream, 2), "PROXY_UPSTREAM_RESET"],
    [
      "by nonsense on the connection",
      (to) => to.send(FRAME.settings, 0, 3, "x"),
      "PROXY_UPSTREAM_PROTOCOL",
    ],
  ];
  for (const [what, cut, code] of cuts) {
    it(`${what}: ends in an error, never as if whole`, async () => {
      const origin = await onRequests(part);
      const upstream = http2UpstreamOver([origin]);
      const receiver = send(upstream);
      await receiver.when(() => receiver.bytes === 4);
      cut(origin.connections[0] as FrameConnection, 1);
      const done = await receiver.done();
      expect([done.status, done.trailers, done.error?.code]).toEqual([200, undefined, code]);
    });

    it(`${what}, while the reader has paused it: still an error`, async () => {
      const origin = await onRequests((connection, stream) => {
        part(connection, stream);
        connection.send(FRAME.data, 0, stream, "more");
      });
      const receiver = send(
        http2UpstreamOver([origin]),
        {},
        { onData: () => receiver.call?.pause() },
      );
      await receiver.when(() => receiver.bytes > 0);
      cut(origin.connections[0] as FrameConnection, 1);
      receiver.on = {};
      setImmediate(() => receiver.call?.resume());
      const done = await receiver.done();
      expect(done.trailers).toBe(undefined);
      expect(done.error?.code).toBe(code);
    });
  }

  it("shorter or longer than its Content-Length is malformed (RFC 9113 §8.1.1)", async () => {
    for (const text of ["short", "far too long"]) {
      const origin = await onRequests((connection, stream) => {
        connection.headers(stream, [...OK, "content-length", "9"]);
        connection.send(FRAME.data, END_STREAM, stream, text);
      });
      const done = await send(http2UpstreamOver([origin])).done();
      expect([done.trailers, done.error?.code]).toEqual([undefined, "PROXY_UPSTREAM_PROTOCOL"]);
    }
  });

  it("by a reset with NO_ERROR in place of END_STREAM is whole if its length says so", async () => {
    for (const [length, text] of [
      ["4", "part"],
      ["5", ""],
    ]) {
      const origin = await onRequests((connection, stream) => {
        connection.headers(stream, [...OK, "content-length", length as string]);
        connection.send(FRAME.data, 0, stream, "part");
        connection.reset(stream, 0);
      });
      const done = await send(http2UpstreamOver([origin])).done();
      expect(done.error?.code).toBe(text === "" ? "PROXY_UPSTREAM_RESET" : undefined);
    }
  });

  it("whole, then reset because the rest of the request is not wanted, is whole (RFC 9113 §8.1)", async () => {
    const origin = await onRequests((connection, stream) => {
      answerOk(connection, stream);
      connection.reset(stream, 0);
    });
    const content = new FedSource();
    const done = await send(http2UpstreamOver([origin]), { method: "POST", content }).done();
    expect([done.text, done.error, content.cancelled]).toEqual(["ok", undefined, true]);
  });
});

describe("a malformed response (RFC 9113 §8.1.1)", () => {
  const heads: [string, string[], string?][] = [
    ["without a status", ["x", "1"]],
    ["with status 101", [":status", "101"]],
    ["with an upper-case name", [...OK, "X", "1"]],
    ["with Connection", [...OK, "connection", "close"]],
    ["with Transfer-Encoding", [...OK, "transfer-encoding", "chunked"]],
    ["with two statuses", [...OK, ...OK]],
    ["with a pseudo-field of requests", [...OK, ":path", "/"]],
  ];
  for (const [what, lines] of heads) {
    it(`${what} is refused`, async () => {
      const origin = await onRequests((connection, stream) => {
        connection.headers(stream, lines, END_STREAM);
      });
      const done = await send(http2UpstreamOver([origin])).done();
      expect([done.status, done.error?.code]).toEqual([undefined, "PROXY_UPSTREAM_PROTOCOL"]);
    });
  }

  it("loses the field lines that are none, and nothing else", async () => {
    const bad = ["x", "a\nb", "x", "a\rb", "x", "a\0b", "a b", "1", "a:b", "1"];
    const origin = await onRequests((connection, stream) => {
      connection.headers(stream, [...OK, "y", "1", ...bad, "z", "2"], END_STREAM);
    });
    const done = await send(http2UpstreamOver([origin])).done();
    expect([done.status, done.fields]).toEqual([200, ["y", "1", "z", "2"]]);
  });

  it("with a head larger than 64 KiB is refused", async () => {
    const origin = await http2Origin({
      onRequest: ({ stream }) => {
        const fields = Array.from({ length: 30 }, (_, i) => [`x-${i}`, "a".repeat(3000)]);
        stream.respond({ ":status": 200, ...Object.fromEntries(fields) });
        stream.end();
      },
    });
    const done = await send(http2UpstreamOver([origin])).done();
    expect(done.status).toBe(undefined);
    expect(done.error).not.toBe(undefined);
  });

  it("that is pushed ends the connection", async () => {
    const origin = await onRequests((connection, stream) => {
      const promised = Buffer.from([0, 0, 0, 2, 0x82, 0x84, 0x86, 0x01, 1, 0x61]);
      connection.send(5, 4, stream, promised);
    });
    expect((await send(http2UpstreamOver([origin])).done()).error?.code).toBe(
      "PROXY_UPSTREAM_PROTOCOL",
    );
  });
});

describe("a request that was not processed", () => {
  it("because its stream was refused goes out once more, whatever the method (RFC 9113 §8.7)", async () => {
    const origin = await onRequests((connection, stream) => connection.reset(stream, 7), answerOk);
    const content = sourceFromBytes(Buffer.from("abc"));
    const done = await send(http2UpstreamOver([origin]), { method: "POST", content }).done();
    expect([done.text, done.targets.length]).toEqual(["ok", 2]);
  });

  it("is retried once only", async () => {
    const origin = await onRequests((connection, stream) => connection.reset(stream, 7));
    const done = await send(http2UpstreamOver([origin])).done();
    expect([done.error?.code, done.error?.retryable]).toEqual(["PROXY_UPSTREAM_STALE", true]);
    const heads = origin.connections[0]?.frames.filter((frame) => frame.type === FRAME.headers);
    expect(heads?.length).toBe(2);
  });

  it("is not repeated if its content is a stream that has begun", async () => {
    const origin = await onRequests((connection, stream) => connection.reset(stream, 7));
    const content = new FedSource();
    const done = await send(http2UpstreamOver([origin]), { method: "POST", content }).done();
    expect([done.error?.code, content.cancelled]).toEqual(["PROXY_UPSTREAM_STALE", true]);
  });

  it("because it is above GOAWAY's last stream goes out on another connection (RFC 9113 §6.8)", async () => {
    for (const code of [0, 11]) {
      const origin = await onRequests((connection) => connection.goaway(0, code), answerOk);
      const upstream = http2UpstreamOver([origin], { maxConnections: 1 });
      const content = sourceFromBytes(Buffer.from("abc"));
      const done = await send(upstream, { method: "POST", content }).done();
      expect([done.text, origin.connections.length]).toEqual(["ok", 2]);
    }
  });

  it("is not repeated if GOAWAY says that it may have been", async () => {
    const origin = await onRequests((connection, stream) => connection.goaway(stream, 2), answerOk);
    const done = await send(http2UpstreamOver([origin])).done();
    expect([done.error?.code, origin.connections.length]).toEqual(["PROXY_UPSTREAM_RESET", 1]);
  });

  it("PUB-12: on a connection from before that is closed without a word goes out again if idempotent", async () => {
    for (const method of ["GET", "POST"]) {
      const origin = await onRequests(
        answerOk,
        (connection) => connection.socket.resetAndDestroy(),
        answerOk,
      );
      const upstream = http2UpstreamOver([origin]);
      await send(upstream).done();
      const done = await send(upstream, { method }).done();
      const expected = method === "GET" ? ["ok", undefined] : ["", "PROXY_UPSTREAM_RESET"];
      expect([done.text, done.error?.code]).toEqual(expected);
    }
  });

  it("on a new connection that is closed without a word does not go out again", async () => {
    const origin = await onRequests((connection) => connection.socket.resetAndDestroy());
    const done = await send(http2UpstreamOver([origin])).done();
    expect([done.error?.code, origin.connections.length]).toEqual(["PROXY_UPSTREAM_RESET", 1]);
  });
});

describe("time", () => {
  it("a server that says nothing is a connect timeout", async () => {
    const origin = await frameOrigin({ settings: "none" });
    const upstream = http2UpstreamOver([origin]);
    const done = await send(upstream, { connectTimeoutMs: 60 }).done();
    expect(done.error?.code).toBe("PROXY_UPSTREAM_CONNECT_TIMEOUT");
    expect(upstream.stats().open).toBe(0);
  });

  it("a head that does not come is a head timeout, and the stream is cancelled", async () => {
    const origin = await frameOrigin();
    const upstream = http2UpstreamOver([origin]);
    const done = await send(upstream, { responseHeadTimeoutMs: 60 }).done();
    expect(done.error?.code).toBe("PROXY_UPSTREAM_HEAD_TIMEOUT");
    const reset = await origin.saw((frame) => frame.type === FRAME.reset);
    expect([reset.stream, reset.payload.readUInt32BE()]).toEqual([1, 8]);
    expect(upstream.stats()).toMatchObject({ open: 1, idle: 1 });
  });

  it("that the client takes for its content does not count against the head", async () => {
    const origin = await http2Origin({
      onRequest: ({ stream }) => {
        stream.resume();
        stream.on("end", () => {
          stream.respond({ ":status": 200 });
          stream.end("ok");
        });
      },
    });
    const content = new FedSource();
    const receiver = send(http2UpstreamOver([origin]), {
      method: "POST",
      content,
      responseHeadTimeoutMs: 50,
    });
    await content.opened;
    await new Promise((resolve) => setTimeout(resolve, 200));
    content.write("late");
    content.end();
    expect((await receiver.done()).text).toBe("ok");
  });

  it("a silent upstream is asked by PING, and lost if it does not answer", async () => {
    const origin = await frameOrigin();
    const keepAlive = { silenceMs: 30, intervalMs: 60, timeoutMs: 30 };
    const receiver = send(http2UpstreamOver([origin], { keepAlive }));
    await origin.saw((frame) => frame.type === FRAME.ping);
    const done = await receiver.done();
    expect([done.error?.code, done.error?.message]).toEqual([
      "PROXY_UPSTREAM_RESET",
      "no answer to PING within 30 ms",
    ]);
  });

  it("a silent upstream that answers PING keeps its requests", async () => {
    let pings = 0;
    const origin = await frameOrigin({
      onFrame(frame, connection) {
        if (frame.type !== FRAME.ping) return;
        connection.send(FRAME.ping, 1, 0, frame.payload);
        if (++pings === 3) answerOk(connection, 1);
      },
    });
    const keepAlive = { silenceMs: 30, intervalMs: 60, timeoutMs: 500 };
    const done = await send(http2UpstreamOver([origin], { keepAlive })).done();
    expect(done.text).toBe("ok");
  });
});

describe("PUB-09: a request that is given up", () => {
  it("before the head, within the content and within the upload is cancelled at the upstream; others go on", async () => {
    const origin = await http2Origin({
      onRequest: ({ stream, path }) => {
        if (path === "/head") return;
        stream.respond({ ":status": 200 });
        stream.write("x");
        if (path === "/") stream.end();
      },
    });
    const upstream = http2UpstreamOver([origin]);
    const bystander = send(upstream, { path: "/other" });
    await bystander.when(() => bystander.bytes > 0);
    const content = new FedSource();
    const cases = [
      send(upstream, { path: "/head" }),
      send(upstream, { path: "/data" }),
      send(upstream, { path: "/head", method: "POST", content }),
    ];
    await origin.arrived(4);
    await cases[1]?.when(() => cases[1]?.bytes === 1);
    const closes = origin.requests.slice(1).map(({ stream }) => once(stream, "close"));
    for (const receiver of cases) receiver.call?.abort();
    await Promise.all(closes);
    expect(origin.requests.slice(1).map(({ stream }) => stream.rstCode)).toEqual([8, 8, 8]);
    expect(content.cancelled).toBe(true);
    expect(cases.map((receiver) => receiver.lastCalls)).toEqual([0, 0, 0]);
    origin.requests[0]?.stream.end("y");
    expect((await bystander.done()).text).toBe("xy");
    expect(origin.sessions.length).toBe(1);
  });

  it("while it is queued or its connection is being made never reaches the upstream", async () => {
    const origin = await http2Origin({ onRequest: () => {} });
    const upstream = http2UpstreamOver([origin], { maxConnections: 1, maxStreams: 1 });
    send(upstream).call?.abort();
    const running = send(upstream, { path: "/running" });
    const queued = send(upstream, { path: "/queued" });
    await origin.arrived(1);
    expect(upstream.stats().queued).toBe(1);
    queued.call?.abort();
    expect(upstream.stats().queued).toBe(0);
    origin.requests[0]?.stream.respond({ ":status": 204 }, { endStream: true });
    await running.done();
    expect(origin.requests.map(({ path }) => path)).toEqual(["/running"]);
  });

  it("within any call of the receiver is harmless", async () => {
    const origin = await http2Origin({
      onRequest: ({ stream }) => {
        stream.additionalHeaders({ ":status": 103 });
        stream.respond({ ":status": 200 });
        stream.end("text");
      },
    });
    const upstream = http2UpstreamOver([origin]);
    for (const name of ["onTarget", "onInformational", "onHead", "onData"] as const) {
      const receiver = send(upstream, {}, { [name]: () => receiver.call?.abort() });
      await receiver.when(() => receiver.targets.length > 0);
      expect((await send(upstream).done()).text).toBe("text");
      expect(receiver.lastCalls).toBe(0);
    }
  });
});

describe("a receiver that throws", () => {
  it("loses its request only", async () => {
    const origin = await http2Origin({
      onRequest: ({ stream }) => {
        stream.additionalHeaders({ ":status": 103 });
        stream.respond({ ":status": 200 });
        stream.end("text");
      },
    });
    const faults: unknown[] = [];
    const upstream = http2UpstreamOver([origin], { onFault: (error) => faults.push(error) });
    const bug = new Error("bug");
    const fault = (): never => {
      throw bug;
    };
    for (const name of ["onTarget", "onInformational", "onHead", "onData"] as const) {
      const done = await send(upstream, {}, { [name]: fault }).done();
      expect([done.error?.code, done.error?.cause]).toEqual(["PROXY_INTERNAL", bug]);
    }
    expect(faults).toEqual([]);
    await send(upstream, {}, { onEnd: fault }).done();
    expect(faults).toEqual([bug]);
    expect((await send(upstream).done()).text).toBe("text");
    expect(origin.sessions.length).toBe(1);
  });
});

describe("a target that cannot be reached", () => {
  it("is a connect error; another target takes over, whatever the method", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    const dead = { host: "127.0.0.1", port };
    const alone = http2UpstreamOver([dead]);
    expect((await send(alone).done()).error?.code).toBe("PROXY_UPSTREAM_CONNECT");
    await openCount(alone, 0);
    const origin = await http2Origin();
    const upstream = http2UpstreamOver([dead, origin]);
    for (let i = 0; i < 4; i++) {
      const done = await send(upstream, { method: "POST" }).done();
      expect([done.status, done.targets.at(-1)]).toEqual([200, `127.0.0.1:${origin.port}`]);
    }
  });
});
