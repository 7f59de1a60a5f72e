/** How a response reaches a client of HTTP/2: heads, content, trailers, ends and cuts. */
import { once } from "node:events";
import { connect, constants, type ClientHttp2Session } from "node:http2";

import { describe, expect, it, onTestFinished } from "vitest";

import {
  CODE,
  connectFrames,
  data,
  FLAG,
  headers,
  POST,
  request,
  rstStream,
  TYPE,
  windowUpdate,
  settings,
} from "../helpers/h2-frames.ts";
import { responseOf } from "../helpers/h2-text.ts";
import { http2Origin } from "../helpers/http2-origin.ts";
import { answer, listen, outcomeOf, readContent } from "../helpers/listening.ts";
import { fieldOf, fieldsOf } from "../helpers/raw-client.ts";
import { throughProxy, type ThroughProxyOptions } from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

async function through(options: ThroughProxyOptions = {}) {
  const { proxy, upstream } = await throughProxy({
    ...options,
    config: { listen: { port: 0, h2c: true }, ...options.config },
  });
  return { proxy, upstream, session: await openSession(proxy.url) };
}

async function openSession(url: string): Promise<ClientHttp2Session> {
  const session = connect(url);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  await once(session, "connect");
  return session;
}

describe("a response's head", () => {
  it("keeps order and number, with names in lower case, and loses what concerns a connection", async () => {
    const { session } = await through({
      onRequest: () =>
        toyResponse(
          200,
          "ok",
          "X-B: 1",
          "x-a: \xe4",
          "X-b: 2",
          "Set-Cookie: a=1",
          "Set-Cookie: b=2",
          "Keep-Alive: timeout=5",
        ),
    });
    const response = await responseOf(session.request({ ":path": "/" }));
    const own = response.fields.filter((_text, at) =>
      /^(x-[ab]|set-cookie|keep-alive|connection|transfer-encoding)$/.test(
        response.fields[at - (at % 2)] ?? "",
      ),
    );
    expect(own).toEqual([
      "x-b",
      "1",
      "x-a",
      "\xe4",
      "x-b",
      "2",
      "set-cookie",
      "a=1",
      "set-cookie",
      "b=2",
    ]);
    expect(fieldsOf(response, "date")).toHaveLength(1);
  });

  it("may repeat a field that should be single", async () => {
    const { session } = await through({
      onRequest: () =>
        toyResponse(200, "ok", "Content-Type: text/plain", "Content-Type: text/html"),
    });
    const response = await responseOf(session.request({ ":path": "/" }));
    expect(fieldsOf(response, "content-type")).toEqual(["text/plain", "text/html"]);
  });

  it.each([204, 205, 304])(
    "of a %i has END_STREAM, and the length is the upstream's or none",
    async (status) => {
      const { port } = await listen(
        (exchange) => {
          exchange.writeHead(status, ["Content-Length", status === 205 ? "2" : "1234"]);
          exchange.write(Buffer.from("no"));
          exchange.end();
        },
        { h2c: true },
      );
      const client = await connectFrames(port);
      client.send(headers(1));
      const head = await client.frame(({ type }) => type === TYPE.HEADERS);
      expect(head.flags & FLAG.END_STREAM).toBe(FLAG.END_STREAM);
      expect(client.count(TYPE.DATA)).toBe(0);
      expect(await client.isAlive()).toBe(true);
      expect(client.count(TYPE.RST_STREAM)).toBe(0);
      client.destroy();
    },
  );

  it("of HEAD has the length, and ends the stream", async () => {
    const { session } = await through({
      onRequest: () => "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
    });
    const response = await responseOf(session.request({ ":path": "/", ":method": "HEAD" }));
    expect([response.status, fieldOf(response, "content-length"), response.content.length]).toEqual(
      [200, "1234", 0],
    );
  });

  it("with a status that node cannot send is a 502", async () => {
    const { session, proxy } = await through({ onRequest: () => toyResponse(999, "ok") });
    const response = await responseOf(session.request({ ":path": "/" }));
    expect(response.status).toBe(502);
    proxy.takeErrors();
  });

  it("comes after 103, not after 100 (RFC 8297)", async () => {
    const { session } = await through({
      onRequest: () =>
        `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n${toyResponse(200, "ok")}`,
    });
    const stream = session.request({ ":path": "/" });
    const hints: unknown[] = [];
    stream.on("headers", (fields) => hints.push([fields[":status"], fields["link"]]));
    expect((await responseOf(stream)).status).toBe(200);
    expect(hints).toEqual([[103, "</a>, </b>"]]);
  });
});

describe("a response's content", () => {
  it("with a length takes one HEADERS and one DATA frame", async () => {
    const { port } = await listen(answer, { h2c: true });
    const client = await connectFrames(port);
    client.send(headers(1));
    expect((await client.content(1)).toString()).toBe("ok");
    expect([client.count(TYPE.HEADERS), client.count(TYPE.DATA)]).toEqual([1, 1]);
    client.destroy();
  });

  it("comes at once, piece by piece, its head before it", async () => {
    const { session, upstream } = await through({
      onRequest: () =>
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    });
    const stream = session.request({ ":path": "/" });
    const [fields] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(fields[":status"]).toBe(200);
    const origin = await upstream.connection(1);
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      origin.send(`9\r\n${event}\r\n`);
      const [chunk] = (await once(stream, "data")) as [Buffer];
      expect(chunk.toString()).toBe(event);
    }
    stream.close(constants.NGHTTP2_CANCEL);
    await origin.closed;
  });

  it("has its upstream's trailers (RFC 9113 §8.1)", async () => {
    const { session } = await through({
      onRequest: () =>
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\nExpires: 0\r\n\r\n",
    });
    const response = await responseOf(session.request({ ":path": "/" }));
    expect(response.content.toString()).toBe("ok");
    expect(response.trailers).toEqual(["x-sum", "1", "x-sum", "2"]);
  });

  it("may be trailers only, and trailers beside a length for those who ask (gRPC)", async () => {
    const { port, exchanges } = await listen(
      (exchange) => {
        exchange.writeHead(200, exchange.target === "/length" ? ["Content-Length", "2"] : []);
        if (exchange.target === "/length") exchange.write(Buffer.from("ok"));
        exchange.end(["grpc-status", "0"]);
      },
      { h2c: true },
    );
    const session = await openSession(`http://127.0.0.1:${port}`);
    for (const target of ["/none", "/length"]) {
      const response = await responseOf(session.request({ ":path": target, te: "trailers" }));
      expect(response.trailers).toEqual(["grpc-status", "0"]);
    }
    for (const exchange of exchanges) expect(await outcomeOf(exchange).closed).toBe(true);
  });

  it.each(["content", "empty content", "a length of 0"])(
    "to a request with %s is complete when all of it is out",
    async (kind) => {
      const { session, proxy } = await through({ onRequest: () => toyResponse(200, "hello") });
      for (let round = 0; round < 5; round++) {
        const length = kind === "a length of 0" ? { "content-length": "0" } : {};
        const stream = session.request({ ":method": "POST", ":path": "/", ...length });
        stream.end(kind === "content" ? "abc" : undefined);
        expect((await responseOf(stream)).content.toString()).toBe("hello");
        expect(await proxy.accessed()).toMatchObject({ outcome: "complete", responseBytes: 5 });
      }
    },
  );

  it("beyond its length is cut off, and short of it is never ended as whole", async () => {
    const { port, exchanges } = await listen(
      (exchange) => {
        exchange.writeHead(200, ["Content-Length", "4"]);
        exchange.write(Buffer.from(exchange.target === "/short" ? "ok" : "ok okay"));
        exchange.end();
      },
      { h2c: true },
    );
    const session = await openSession(`http://127.0.0.1:${port}`);
    expect((await responseOf(session.request({ ":path": "/long" }))).content.toString()).toBe(
      "ok o",
    );
    await expect(responseOf(session.request({ ":path": "/short" }))).rejects.toThrow(
      "INTERNAL_ERROR",
    );
    expect(await outcomeOf(exchanges[1]).closed).toBe(false);
  });
});

describe("a client's RST_STREAM (PUB-09)", () => {
  it.each(["before the head", "in the middle of the content"])(
    "%s ends the upstream's request, and no other",
    async (moment) => {
      const { session, upstream, proxy } = await through({
        onRequest: ({ target }) => {
          if (target === "/other") return toyResponse(200, "ok");
          return moment === "before the head"
            ? undefined
            : "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nx";
        },
      });
      const stream = session.request({ ":path": "/" });
      stream.on("error", () => {});
      const origin = await upstream.connection(1);
      await upstream.request(1);
      if (moment !== "before the head") await once(stream, "data");
      stream.close(constants.NGHTTP2_CANCEL);
      await origin.closed;
      expect(await proxy.accessed()).toMatchObject({ outcome: "aborted" });
      expect((await responseOf(session.request({ ":path": "/other" }))).status).toBe(200);
    },
  );

  it("after all that was declared has come, is no abort, and its upstream is let go", async () => {
    // All that it declares, and an end that never comes: that of our stream goes with the last byte.
    const origin = await http2Origin({
      onRequest: ({ stream }) => {
        stream.respond({ ":status": 200, "content-length": "10" });
        stream.write("0123456789");
      },
    });
    const { proxy, session } = await through({
      config: {
        limits: { http2: { resets: 2 } },
        requestContent: { buffer: false },
        upstreams: { api: { targets: [origin.url], http2: true } },
      },
    });
    for (let round = 1; round <= 6; round++) {
      const stream = session.request({ ":path": `/${round}`, ":method": "POST" });
      stream.on("error", () => {});
      stream.write("and more to come");
      const closed = once(stream, "close");
      stream.once("end", () => stream.close(constants.NGHTTP2_CANCEL)).resume();
      const { stream: upstream } = await origin.arrived(round);
      if (!upstream.closed) await once(upstream, "close");
      expect(await proxy.accessed(({ path }) => path === `/${round}`)).toMatchObject({
        outcome: "complete",
        responseBytes: 10,
      });
      await closed;
    }
    // And none of the six counts as a request that was reset.
    expect(session.closed).toBe(false);
  });

  it.each([
    ["GET", headers(1)],
    ["POST, whose content was read", Buffer.concat([headers(1, POST, false), data(1, "x", true)])],
  ])("to %s with NO_ERROR, while content waits, is no complete response", async (_name, frames) => {
    // Looked at every 2 s, where node does not tell by itself.
    const { port, exchanges } = await listen(
      (exchange) => {
        const send = (): void => answer(exchange, "x".repeat(100_000));
        if (exchange.content === undefined) send();
        else void readContent(exchange.content).then(send);
      },
      { h2c: true, limits: { sendIdleMs: 8000 } },
    );
    const client = await connectFrames(port);
    client.send(frames);
    await expect.poll(() => client.received(1).length).toBe(65_535);
    client.send(rstStream(1, CODE.NO_ERROR));
    expect(await outcomeOf(exchanges[0]).closed).toBe(false);
    client.destroy();
  });

  it("is the same as the end of its connection", async () => {
    const { port, exchanges } = await listen((exchange) => exchange.writeHead(200, []), {
      h2c: true,
    });
    const client = await connectFrames(port);
    client.send(headers(1), headers(3));
    await client.status(3);
    client.destroy();
    expect(await outcomeOf(exchanges[0]).closed).toBe(false);
    expect(await outcomeOf(exchanges[1]).closed).toBe(false);
  });
});

describe("an upstream that is cut (PUB-11)", () => {
  it.each([
    ["short of its length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"],
    [
      "without the last chunk",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
    ],
  ])("%s is RST_STREAM with INTERNAL_ERROR, never END_STREAM", async (_name, bytes) => {
    const { proxy } = await through({ onRequest: (_request, origin) => origin.finish(bytes) });
    const client = await connectFrames(proxy.port);
    client.send(headers(1));
    expect(await client.refusal(1)).toEqual({ kind: "stream", code: CODE.INTERNAL_ERROR });
    expect(
      client.frames.filter(
        ({ type, flags }) => type === TYPE.DATA && (flags & FLAG.END_STREAM) !== 0,
      ),
    ).toEqual([]);
    expect(await client.isAlive()).toBe(true);
    expect(await proxy.accessed()).toMatchObject({ outcome: "cut", error: "PROXY_UPSTREAM_RESET" });
    expect(proxy.takeErrors()).toHaveLength(1);
    client.destroy();
  });
});

describe("a stream whose window is shut (PUB-10)", () => {
  it("stops its upstream, and others run on; opened again, it is whole", async () => {
    const size = 8 * 1024 * 1024;
    const { proxy, upstream } = await through({
      onRequest: ({ target }, origin) => {
        if (target !== "/big") return toyResponse(200, "ok");
        origin.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        origin.send(Buffer.alloc(size, "x"));
      },
    });
    const client = await connectFrames(proxy.port, { settings: settings([4, 16_384]) });
    client.send(windowUpdate(0, size), headers(1, request([":path", "/big"])));
    await expect.poll(() => client.received(1).length).toBe(16_384);
    const origin = await upstream.connection(1);
    await expect.poll(() => origin.socket.writableLength).toBeGreaterThan(0);
    client.send(headers(3));
    expect((await client.content(3)).toString()).toBe("ok");
    expect(origin.socket.writableLength).toBeGreaterThan(0);
    client.send(windowUpdate(1, size));
    expect(await client.content(1, 10_000)).toHaveLength(size);
    client.destroy();
  });
});
