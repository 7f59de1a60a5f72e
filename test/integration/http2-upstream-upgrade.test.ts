import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";

import {
  FRAME,
  frameOrigin,
  http2Origin,
  http2UpstreamOver,
  type FrameConnection,
  type Http2OriginOptions,
} from "../helpers/http2-origin.ts";
import { send } from "../helpers/recording-receiver.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const UPGRADE = {
  upgrade: "websocket",
  fields: ["Sec-WebSocket-Key", "abc", "sec-websocket-version", "13"],
};

function connectOrigin(options: Http2OriginOptions = {}) {
  return http2Origin({ settings: { enableConnectProtocol: true }, ...options });
}

describe("an upgrade to an HTTP/2 upstream (RFC 8441)", () => {
  it("is an extended CONNECT without handshake keys, and bytes in both directions", async () => {
    const origin = await connectOrigin({
      onRequest: ({ stream }) => {
        stream.respond({ ":status": 200, "sec-websocket-protocol": "p" });
        stream.pipe(stream);
      },
    });
    const upstream = http2UpstreamOver([origin]);
    const done = await send(upstream, { ...UPGRADE, path: "/chat?a=1" }).done();
    expect(origin.requests[0]?.fields).toEqual([
      ...[":method", "CONNECT", ":scheme", "http", ":authority", "a.test", ":path", "/chat?a=1"],
      ...[":protocol", "websocket", "sec-websocket-version", "13"],
    ]);
    const accept = createHash("sha1")
      .update("abc258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
      .digest("base64");
    expect(done.upgrade?.fields).toContain("p");
    expect(done.upgrade?.fields.slice(-2)).toEqual(["Sec-WebSocket-Accept", accept]);
    const tunnel = done.upgrade?.stream as Duplex;
    tunnel.write("hello");
    expect(String((await once(tunnel, "data"))[0])).toBe("hello");
    expect(upstream.stats()).toMatchObject({ open: 1, active: 1 });
    tunnel.end();
    tunnel.resume();
    await once(tunnel, "close");
    expect(tunnel.readableEnded).toBe(true);
  });

  const cuts: [string, (connection: FrameConnection) => void][] = [
    ["a reset with NO_ERROR", (connection) => connection.reset(1, 0)],
    ["a reset with CANCEL", (connection) => connection.reset(1, 8)],
    ["a TCP reset", (connection) => connection.socket.resetAndDestroy()],
    ["GOAWAY and FIN", (connection) => void (connection.goaway(1, 0), connection.socket.end())],
  ];
  for (const [what, cut] of cuts) {
    it(`that the upstream cuts by ${what} is cut, not ended`, async () => {
      const origin = await frameOrigin({
        settings: [[8, 1]],
        onFrame(frame, connection) {
          if (frame.type === FRAME.headers) connection.headers(frame.stream, [":status", "200"]);
        },
      });
      const done = await send(http2UpstreamOver([origin]), UPGRADE).done();
      const tunnel = done.upgrade?.stream as Duplex;
      tunnel.resume();
      cut(origin.connections[0] as FrameConnection);
      await once(tunnel, "close");
      expect(tunnel.readableEnded).toBe(false);
    });
  }

  it("that the upstream ends and then resets is closed", async () => {
    const origin = await connectOrigin({
      onRequest: ({ stream }) => stream.respond({ ":status": 200 }),
    });
    const done = await send(http2UpstreamOver([origin]), UPGRADE).done();
    const tunnel = done.upgrade?.stream as Duplex;
    tunnel.resume();
    // Node sends END_STREAM first.
    origin.requests[0]?.stream.close(2);
    await once(tunnel, "close");
    expect(tunnel.readableEnded).toBe(true);
  });

  it("that the client cuts is cancelled", async () => {
    const origin = await connectOrigin({
      onRequest: ({ stream }) => stream.respond({ ":status": 200 }),
    });
    const done = await send(http2UpstreamOver([origin]), UPGRADE).done();
    const { stream } = await origin.arrived(1);
    const closed = once(stream, "close");
    done.upgrade?.stream.destroy();
    await closed;
    expect(stream.rstCode).toBe(8);
  });

  it("that is refused is an ordinary response", async () => {
    const origin = await connectOrigin({
      onRequest: ({ stream }) => {
        stream.respond({ ":status": 403 });
        stream.end("no");
      },
    });
    const done = await send(http2UpstreamOver([origin]), UPGRADE).done();
    expect([done.status, done.text, done.upgrade]).toEqual([403, "no", undefined]);
  });

  it("to an upstream that does not offer it says so", async () => {
    const origin = await http2Origin();
    const upstream = http2UpstreamOver([origin]);
    const { error } = await send(upstream, UPGRADE).done();
    expect(error?.code).toBe("PROXY_UPSTREAM_PROTOCOL");
    expect(error?.message).toContain("RFC 8441");
    expect((await send(upstream).done()).status).toBe(200);
    expect(origin.requests.length).toBe(1);
  });

  it("works for a WebSocket client over HTTP/1.1, through the whole proxy", async () => {
    const origin = await connectOrigin({
      onRequest: ({ stream }) => {
        stream.respond({ ":status": 200 });
        // An unmasked text frame "hi", whatever the client says.
        stream.once("data", () => stream.write(Buffer.from([0x81, 2, 0x68, 0x69])));
      },
    });
    const proxy = await startProxy({
      config: { upstreams: { chat: { targets: [origin.url], http2: true } } },
    });
    const socket = new WebSocket(proxy.url.replace("http", "ws"));
    socket.on("error", () => {});
    await once(socket, "open");
    socket.send("hello");
    expect(String((await once(socket, "message"))[0])).toBe("hi");
    socket.terminate();
    const { stream } = await origin.arrived(1);
    if (!stream.readableEnded) await once(stream, "end");
    stream.end();
    await proxy.accessed((record) => record.status === 101);
  });
});
