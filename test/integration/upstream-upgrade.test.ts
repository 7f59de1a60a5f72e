import { once } from "node:events";
import { describe, expect, it } from "vitest";

import { send } from "../helpers/recording-receiver.ts";
import { scaled } from "../helpers/scale.ts";
import { openCount, toy, upstreamOver } from "../helpers/upstream-fixture.ts";

const ACCEPTED =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-A: 1\r\n\r\n";

describe("an upgrade (RFC 9110 §7.8)", () => {
  it("hands over the connection's bytes, those that came with the 101 included", async () => {
    const origin = await toy({
      onRequest: (_request, connection) => {
        connection.raw = true;
        connection.socket.on("data", (bytes) => connection.socket.write(bytes));
        return `${ACCEPTED}first`;
      },
    });
    const receiver = await send(upstreamOver([origin]), {
      upgrade: "echo",
      fields: ["Sec-WebSocket-Key", "abc"],
    }).done();
    expect(origin.requests[0]?.head).toBe(
      "GET / HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: echo\r\nSec-WebSocket-Key: abc",
    );
    expect(receiver.upgrade?.fields).toEqual([
      ...["Connection", "Upgrade", "Upgrade", "echo", "X-A", "1"],
    ]);
    const stream = receiver.upgrade?.stream;
    let text = "";
    stream?.on("data", (bytes) => (text += String(bytes)));
    stream?.write(" second");
    while (text !== "first second") await once(stream as never, "data");
    stream?.end();
    await origin.openAtMost(0);
  });

  it("keeps early bytes that nobody reads at once", async () => {
    const origin = await toy({
      onRequest: (_request, connection) => {
        connection.raw = true;
        return `${ACCEPTED}HTTP/1.1 100 not for the parser\r\n\r\n`;
      },
    });
    const receiver = await send(upstreamOver([origin]), { upgrade: "echo" }).done();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const [bytes] = await once(receiver.upgrade?.stream as never, "data");
    expect(String(bytes)).toBe("HTTP/1.1 100 not for the parser\r\n\r\n");
  });

  const refusals: [string, string][] = [
    ["with a length", "HTTP/1.1 401 No\r\nWWW-Authenticate: x\r\nContent-Length: 4\r\n\r\nnope"],
    ["chunked", "HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n"],
  ];
  for (const [what, bytes] of refusals) {
    it(`PUB-15: that is refused ${what} is an ordinary response, and leaves no socket`, async () => {
      const origin = await toy({ onRequest: () => bytes });
      const upstream = upstreamOver([origin]);
      for (let i = 0; i < scaled(20, 200); i++) {
        const done = await send(upstream, { upgrade: "echo" }).done();
        expect([done.status, done.text, done.error]).toEqual([401, "nope", undefined]);
      }
      await origin.openAtMost(0);
      await openCount(upstream, 0);
    });
  }

  it("PUB-15: that is answered by a silent close is a 502", async () => {
    const origin = await toy({ onRequest: (_request, connection) => connection.finish() });
    const done = await send(upstreamOver([origin]), { upgrade: "echo" }).done();
    expect(done.error?.code).toBe("PROXY_UPSTREAM_RESET");
  });

  it("PUB-14: that is reset afterwards, with nobody listening, hurts nobody and frees its place", async () => {
    const origin = await toy({
      onRequest: (_request, connection) => {
        connection.raw = true;
        return ACCEPTED;
      },
    });
    const upstream = upstreamOver([origin]);
    for (let i = 0; i < scaled(20, 200); i++) {
      const done = await send(upstream, { upgrade: "echo" }).done();
      done.upgrade?.stream.write("x");
      origin.connections.at(-1)?.reset();
      done.upgrade?.stream.resume();
      await openCount(upstream, 0);
    }
  });

  it("that is given up meanwhile is closed, not handed over", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin]);
    const receiver = send(upstream, { upgrade: "echo" });
    await receiver.when(() => receiver.targets.length > 0);
    receiver.call?.abort();
    await origin.openAtMost(0);
    expect(receiver.lastCalls).toBe(0);
  });
});
