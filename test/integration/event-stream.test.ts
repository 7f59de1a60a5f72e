import { once } from "node:events";

import { describe, expect, it } from "vitest";

import { fieldOf } from "../helpers/raw-client.ts";
import { throughProxy } from "../helpers/through-proxy.ts";
import { toyResponse, type ToyConnection } from "../helpers/toy-upstream.ts";

const SOON_MS = 200;

describe.each([
  ["events", "text/event-stream; charset=utf-8"],
  ["lines of text", "text/plain"],
])("a stream of %s (PUB-16)", (_name, type) => {
  it.each([
    ["passed on", {}],
    [
      "edited in passing",
      {
        onResponse(response: {
          transform(fn: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>): void;
        }) {
          response.transform(async function* (chunks) {
            yield* chunks;
          });
        },
      },
    ],
  ])("%s, gives its head before its first event, and each event at once", async (_way, config) => {
    let origin: ToyConnection | undefined;
    const { connect, upstream } = await throughProxy({
      config,
      onRequest: (_request, to) => {
        origin = to;
        return `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`;
      },
    });
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await upstream.request(1);
    const head = await client.readThrough("\r\n\r\n", SOON_MS);
    expect(head).toContain(`Content-Type: ${type}\r\n`);
    expect(head.toLowerCase()).not.toContain("content-encoding");
    for (let i = 0; i < 5; i++) {
      const event = `data: ${String(i).padStart(12, "0")}\n\n`;
      origin?.send(`14\r\n${event}\r\n`);
      expect(await client.readThrough("\n\n\r\n", SOON_MS)).toBe(`14\r\n${event}\r\n`);
    }
    client.destroy();
    await upstream.openAtMost(0);
  });
});

describe("a stream of events (PUB-16)", () => {
  it("is not cut while it is silent, and ends when its client goes", async () => {
    let origin: ToyConnection | undefined;
    const { proxy, connect, upstream } = await throughProxy({
      config: { limits: { keepAlive: 100, contentIdle: 100 } },
      onRequest: (_request, to) => {
        origin = to;
        return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
      },
    });
    const client = await connect();
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await client.readThrough("\r\n\r\n");
    expect(await client.closes(500)).toBe(false);
    origin?.send("data: late\n\n");
    await client.readThrough("data: late\n\n\r\n");
    const gone = once(origin?.socket ?? client.socket, "close");
    client.destroy();
    await gone;
    await upstream.openAtMost(0);
    expect((await proxy.accessed()).outcome).toBe("aborted");
  });
});

describe("Cache-Control: no-transform (PUB-16)", () => {
  it("leaves the content as it is (RFC 9110 §7.7)", async () => {
    const json = JSON.stringify({ list: Array.from({ length: 10_000 }, (_, i) => i) });
    const { get } = await throughProxy({
      onRequest: () =>
        toyResponse(200, json, "Content-Type: application/json", "Cache-Control: no-transform"),
    });
    const response = await get("/", "Accept-Encoding: br, gzip");
    expect(response.content.toString()).toBe(json);
    expect(fieldOf(response, "Content-Encoding")).toBeUndefined();
    expect(fieldOf(response, "Content-Length")).toBe(String(json.length));
  });
});
