import { describe, expect, it } from "vitest";

import { connectRaw } from "../helpers/raw-client.ts";
import { throughProxy, type ThroughProxyOptions } from "../helpers/through-proxy.ts";
import type { ToyConnection } from "../helpers/toy-upstream.ts";

const PART = "x".repeat(40);
const CHUNKED = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n28\r\n${PART}\r\n`;

const CUTS: readonly (readonly [name: string, cut: (connection: ToyConnection) => void])[] = [
  [
    "short of its length",
    (connection) => connection.finish(`HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n${PART}`),
  ],
  ["without the last chunk", (connection) => connection.finish(CHUNKED)],
  ["within a chunk", (connection) => connection.finish(`${CHUNKED}28\r\nxx`)],
  [
    "by a reset within chunks",
    (connection) => {
      connection.send(CHUNKED);
      setTimeout(() => connection.reset(), 20);
    },
  ],
];

/** The ways that content takes: straight through, through an edit, read by a hook first. */
const WAYS: readonly (readonly [
  name: string,
  config: NonNullable<ThroughProxyOptions["config"]>,
])[] = [
  ["passed on", {}],
  [
    "edited in passing",
    {
      onResponse(response) {
        response.transform(async function* (chunks) {
          yield* chunks;
        });
      },
    },
  ],
];

describe.each(WAYS)("an upstream's answer that is cut (PUB-11), %s", (_way, config) => {
  it.each(CUTS)("%s, is never ended as if it were whole (RFC 9112 §8)", async (_name, cut) => {
    const { proxy } = await throughProxy({ config, onRequest: (_request, to) => cut(to) });
    const client = await connectRaw(proxy.port);
    await client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    const { bytes } = await client.readUntilClose();
    const text = bytes.toString("latin1");
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).not.toContain("\r\n0\r\n");
    const record = await proxy.accessed();
    expect([record.outcome, record.status, record.error]).toEqual([
      "cut",
      200,
      "PROXY_UPSTREAM_RESET",
    ]);
    expect(proxy.takeErrors()).toHaveLength(1);

    await expect(fetch(proxy.url).then((response) => response.text())).rejects.toThrow();
    await proxy.accessed(() => proxy.access.length === 2);
    expect(proxy.takeErrors()).toHaveLength(1);
  });

  it("is reset towards a client of HTTP/1.0, to whom a close is the end", async () => {
    const { proxy } = await throughProxy({
      config,
      onRequest: (_request, to) => {
        to.send(CHUNKED);
        setTimeout(() => to.reset(), 20);
      },
    });
    const client = await connectRaw(proxy.port);
    await client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    expect((await client.readUntilClose()).reset).toBe(true);
    await proxy.accessed();
    expect(proxy.takeErrors()).toHaveLength(1);
  });

  it("does not concern one without length and chunks, which ends with its connection", async () => {
    const { get } = await throughProxy({
      config,
      onRequest: (_request, to) => to.finish(`HTTP/1.1 200 OK\r\n\r\n${PART}`),
    });
    const response = await get("/");
    expect(response.framing).toBe("chunked");
    expect(response.content.toString()).toBe(PART);
  });
});

describe("an upstream's answer that is cut while a hook reads it (PUB-11)", () => {
  it.each(CUTS)("%s, is answered with 502", async (_name, cut) => {
    const { proxy, get } = await throughProxy({
      config: {
        async onResponse(response) {
          if (response.source === "upstream") response.setBody(await response.text());
        },
      },
      onRequest: (_request, to) => cut(to),
    });
    const response = await get("/");
    expect(response.status).toBe(502);
    // Much of it: a request id may have a letter or two of it by chance.
    expect(response.content.toString()).not.toContain("x".repeat(16));
    expect(proxy.takeErrors()).not.toHaveLength(0);
  });
});
