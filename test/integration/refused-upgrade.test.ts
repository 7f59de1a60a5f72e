import { describe, expect, it } from "vitest";

import { fieldOf } from "../helpers/raw-client.ts";
import { scaled } from "../helpers/scale.ts";
import { throughProxy } from "../helpers/through-proxy.ts";

const UPGRADE =
  "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

const REFUSALS = [
  ["with a length", "HTTP/1.1 401 No\r\nWWW-Authenticate: x\r\nContent-Length: 4\r\n\r\nnope"],
  [
    "in chunks",
    "HTTP/1.1 401 No\r\nWWW-Authenticate: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n",
  ],
] as const;

describe("an upgrade that the upstream refuses (PUB-15)", () => {
  it.each(REFUSALS)(
    "%s, is relayed with its content, and both sockets end",
    async (_name, answer) => {
      const { connect, upstream } = await throughProxy({ onRequest: () => answer });
      const client = await connect();
      await client.send(UPGRADE);
      const response = await client.response();
      expect(response.status).toBe(401);
      expect(fieldOf(response, "WWW-Authenticate")).toBe("x");
      expect(response.content.toString()).toBe("nope");
      expect(await client.closes(1000)).toBe(true);
      await upstream.openAtMost(0);
      expect((await upstream.request(1)).field("Upgrade")).toBe("websocket");
      client.destroy();
    },
  );

  it("without an answer, is a 502", async () => {
    const { proxy, connect, upstream } = await throughProxy({
      onRequest: (_request, to) => to.finish(),
    });
    const client = await connect();
    await client.send(UPGRADE);
    expect((await client.response()).status).toBe(502);
    expect(await client.closes(1000)).toBe(true);
    await upstream.openAtMost(0);
    expect(proxy.takeErrors()).toHaveLength(1);
    client.destroy();
  });

  it("leaks no socket over many tries", async () => {
    let kind = 0;
    const { proxy, connect, upstream } = await throughProxy({
      onRequest: (_request, to) => {
        kind += 1;
        if (kind % 3 === 2) to.finish();
        else return REFUSALS[kind % 3]?.[1];
      },
    });
    const tries = scaled(60, 200);
    for (let i = 0; i < tries; i++) {
      const client = await connect();
      await client.send(UPGRADE);
      expect([401, 502]).toContain((await client.response()).status);
      expect(await client.closes(1000)).toBe(true);
      client.destroy();
    }
    await upstream.openAtMost(0);
    expect(upstream.connections).toHaveLength(tries);
    proxy.takeErrors();
  });
});

describe("an upgrade that the upstream accepts (PUB-15)", () => {
  it("delivers bytes that came in one segment with the 101", async () => {
    const { connect } = await throughProxy({
      onRequest: (_request, to) => {
        to.raw = true;
        return "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\nearly";
      },
    });
    const client = await connect();
    await client.send(UPGRADE);
    const response = await client.response();
    expect(response.status).toBe(101);
    expect(fieldOf(response, "Sec-WebSocket-Accept")).toBe("y");
    expect((await client.read(5)).toString()).toBe("early");
    client.destroy();
  });
});
