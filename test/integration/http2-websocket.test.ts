/** WebSocket over HTTP/2 (RFC 8441) to an upstream of HTTP/1.1. */
import { once } from "node:events";
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";

import { describe, expect, it, onTestFinished } from "vitest";

import { connectFrames, headers, request } from "../helpers/h2-frames.ts";
import { responseOf } from "../helpers/h2-text.ts";
import { throughProxy, type ThroughProxyOptions } from "../helpers/through-proxy.ts";
import { toyResponse, type ToyConnection } from "../helpers/toy-upstream.ts";

const ACCEPTED =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Accept: whatever\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

async function through(
  onRequest: NonNullable<ThroughProxyOptions["onRequest"]>,
  options: ThroughProxyOptions = {},
) {
  const { proxy, upstream } = await throughProxy({
    ...options,
    onRequest,
    config: { listen: { port: 0, h2c: true }, ...options.config },
  });
  const session = connect(proxy.url);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  await once(session, "remoteSettings");
  return { proxy, upstream, session };
}

function open(session: ClientHttp2Session, path = "/chat"): ClientHttp2Stream {
  const stream = session.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": "http",
    ":authority": "a.test",
    ":path": path,
    "sec-websocket-version": "13",
    "sec-websocket-protocol": "chat",
    origin: "http://a.test",
  });
  stream.on("error", () => {});
  return stream;
}

const accept = (_request: unknown, connection: ToyConnection): string => {
  connection.raw = true;
  return ACCEPTED;
};

describe("WebSocket over HTTP/2", () => {
  it("is offered in SETTINGS", async () => {
    const { session } = await through(accept);
    expect(session.remoteSettings.enableConnectProtocol).toBe(true);
  });

  it("reaches an upstream of HTTP/1.1 as an upgrade with a key of ours, and its bytes pass both ways", async () => {
    const { session, upstream } = await through(accept);
    const stream = open(session);
    const [fields] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(fields).toMatchObject({ ":status": 200, "sec-websocket-protocol": "chat" });
    expect(Object.keys(fields)).not.toContain("sec-websocket-accept");
    expect(Object.keys(fields)).not.toContain("upgrade");

    const origin = await upstream.connection(1);
    const head = origin.received.toString();
    expect(head).toMatch(/^GET \/chat HTTP\/1\.1\r\n/);
    expect(head).toMatch(/\r\nsec-websocket-key: [A-Za-z0-9+/]{22}==\r\n/i);
    expect(head).toMatch(/\r\nupgrade: websocket\r\n/i);
    expect(head).toMatch(/\r\nconnection: upgrade\r\n/i);
    expect(head).not.toContain(":protocol");

    stream.write("from client");
    await expect.poll(() => origin.received.toString()).toContain("from client");
    origin.send("from origin");
    const [chunk] = (await once(stream, "data")) as [Buffer];
    expect(chunk.toString()).toBe("from origin");
    stream.close(constants.NGHTTP2_CANCEL);
    await origin.closed;
  });

  it("ends in order: END_STREAM is the upstream's FIN and the other way round", async () => {
    const { session, upstream, proxy } = await through(accept);
    const stream = open(session);
    await once(stream, "response");
    const origin = await upstream.connection(1);
    const closed = once(stream, "close");
    stream.resume();
    stream.end("bye");
    // The toy answers a FIN with its own.
    await origin.closed;
    expect(origin.ended).toBe(true);
    expect(origin.received.toString()).toContain("bye");
    await closed;
    expect(stream.rstCode).toBe(0);
    expect(await proxy.accessed()).toMatchObject({ outcome: "complete", protocol: "HTTP/2" });
  });

  it("ends in order when its upstream ends first", async () => {
    const { session, upstream } = await through(accept);
    const stream = open(session);
    await once(stream, "response");
    const origin = await upstream.connection(1);
    const ended = once(stream.resume(), "end");
    const closed = once(stream, "close");
    origin.finish("bye");
    await ended;
    stream.end();
    await closed;
    expect(stream.rstCode).toBe(0);
    await origin.closed;
  });

  it("is reset with CANCEL when its upstream is, and no other stream", async () => {
    const { session, upstream } = await through(accept);
    const stream = open(session);
    const other = open(session);
    await Promise.all([once(stream, "response"), once(other, "response")]);
    const origin = await upstream.connection(1);
    origin.reset();
    const gone = await Promise.race([
      once(stream, "close").then(() => stream),
      once(other, "close").then(() => other),
    ]);
    expect(gone.rstCode).toBe(constants.NGHTTP2_CANCEL);
    const left = gone === stream ? other : stream;
    expect(left.closed).toBe(false);
    left.close();
  });

  it("with back pressure: a client that does not read stops its upstream", async () => {
    const { session, upstream } = await through(accept);
    const stream = open(session);
    await once(stream, "response");
    const origin = await upstream.connection(1);
    origin.send(Buffer.alloc(8 * 1024 * 1024, "x"));
    await expect.poll(() => stream.readableLength).toBeGreaterThan(0);
    expect(origin.socket.writableLength).toBeGreaterThan(0);
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => (bytes += chunk.length));
    await expect.poll(() => bytes, { timeout: 10_000 }).toBe(8 * 1024 * 1024);
    stream.close();
  });

  it("that the upstream refuses is an ordinary answer", async () => {
    const { session } = await through(() => toyResponse(403, "no"));
    const response = await responseOf(open(session));
    expect([response.status, response.content.toString()]).toEqual([403, "no"]);
  });

  it("is not open because an upstream says 200: that would be taken for a tunnel (RFC 8441 §4)", async () => {
    const { session, proxy } = await through(() => toyResponse(200, "a page"));
    const response = await responseOf(open(session));
    expect(response.status).toBe(502);
    proxy.takeErrors();
  });

  it("passes the hooks of an upgrade, which may refuse it", async () => {
    const seen: unknown[] = [];
    const { session } = await through(accept, {
      config: {
        onUpgrade(incoming, ctx) {
          seen.push([incoming.method, incoming.path, incoming.headers.get("origin")]);
          if (incoming.path === "/blocked") return ctx.block("no", 403);
        },
      },
    });
    expect((await responseOf(open(session, "/blocked"))).status).toBe(403);
    const stream = open(session);
    const [fields] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(fields[":status"]).toBe(200);
    expect(seen).toEqual([
      ["GET", "/blocked", "http://a.test"],
      ["GET", "/chat", "http://a.test"],
    ]);
    stream.close();
  });

  it("is counted as a tunnel, and drained with 1001", async () => {
    const { session, proxy, upstream } = await through(accept, { config: { drainTimeout: 100 } });
    const stream = open(session);
    await once(stream, "response");
    const origin = await upstream.connection(1);
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    const closed = once(stream, "close");
    await proxy.running.close();
    await closed;
    await origin.closed;
    // A close frame with 1001 (RFC 6455 §5.5.1).
    expect(Buffer.concat(chunks).subarray(0, 4)).toEqual(Buffer.from([0x88, 2, 3, 0xe9]));
  });

  it("for a protocol that is not in `upgrades` is a 405", async () => {
    const { proxy } = await through(accept);
    const client = await connectFrames(proxy.port);
    client.send(headers(1, request([":method", "CONNECT"], [":protocol", "other"])));
    expect(await client.status(1)).toBe(405);
    client.destroy();
  });
});
