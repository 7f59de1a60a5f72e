import type { AccessRecord, GatewrightConfig } from "@gatewright/sdk";
import { describe, expect, it } from "vitest";

import { testProtocol } from "../helpers/protocol-matrix.ts";
import { connectRaw, exchangeRaw, type RawClient } from "../helpers/raw-client.ts";
import {
  throughProxy,
  type ThroughProxy,
  type ThroughProxyOptions,
} from "../helpers/through-proxy.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";

type Act = (through: ThroughProxy, client: RawClient) => Promise<void>;

const GET = "GET /x?token=secret&a=1 HTTP/1.1\r\nHost: a.test\r\nUser-Agent: test\r\n\r\n";
const STREAM = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n";

const answered: Act = async (_through, client) => {
  await client.send(GET);
  await client.response();
};

const ENDS: readonly {
  readonly name: string;
  readonly onRequest?: ThroughProxyOptions["onRequest"];
  readonly config?: GatewrightConfig<string>;
  readonly act: Act;
  readonly record: Partial<AccessRecord>;
}[] = [
  {
    name: "a response from the upstream",
    act: answered,
    record: {
      status: 200,
      outcome: "complete",
      upstream: "api",
      responseBytes: 2,
      path: "/x?token=[redacted]&a=1",
      userAgent: "test",
    },
  },
  {
    name: "an answer of a hook",
    config: { onRequest: (_request, ctx) => ctx.respond(201, "abc") },
    act: answered,
    record: { status: 201, outcome: "complete", upstream: undefined, responseBytes: 3 },
  },
  {
    name: "a route that is not there",
    config: { upstreams: { other: { targets: ["http://127.0.0.1:1"] } }, onRequest() {} },
    act: answered,
    record: { status: 404, outcome: "complete", error: "PROXY_ROUTE_NOT_FOUND" },
  },
  {
    name: "a refused path",
    act: async (_through, client) => {
      await client.send("GET /a/../b HTTP/1.1\r\nHost: a.test\r\n\r\n");
      await client.response();
    },
    record: { status: 400, outcome: "complete", error: "PROXY_REQUEST_PATH" },
  },
  {
    name: "OPTIONS *",
    act: async (_through, client) => {
      await client.send("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n");
      await client.response();
    },
    record: { status: 204, outcome: "complete" },
  },
  {
    name: "a drop",
    config: { onRequest: (_request, ctx) => ctx.drop() },
    act: async (_through, client) => {
      await client.send(GET);
      await client.readUntilClose();
    },
    record: { status: 0, outcome: "dropped" },
  },
  {
    name: "a client that goes before the head",
    onRequest: () => undefined,
    act: async ({ upstream }, client) => {
      await client.send(GET);
      await upstream.request(1);
      client.destroy();
      await upstream.openAtMost(0);
    },
    record: { status: 499, outcome: "aborted", upstream: "api" },
  },
  {
    name: "a client that goes within the content",
    onRequest: () => STREAM,
    act: async ({ upstream }, client) => {
      await client.send(GET);
      await client.readThrough("ok\r\n");
      client.reset();
      await upstream.openAtMost(0);
    },
    record: { status: 200, outcome: "aborted", upstream: "api", responseBytes: 2 },
  },
  {
    name: "a client that goes while a hook waits",
    config: {
      onRequest: (request) =>
        new Promise<undefined>((resolve) => {
          request.signal.addEventListener("abort", () => resolve(undefined));
        }),
    },
    act: async (_through, client) => {
      await client.send(GET);
      client.destroy();
    },
    record: { status: 499, outcome: "aborted", upstream: undefined },
  },
  {
    name: "a client that goes while its upload streams",
    config: { requestContent: { buffer: false } },
    act: async ({ upstream }, client) => {
      await client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf");
      await upstream.connection(1);
      client.destroy();
      await upstream.openAtMost(0);
    },
    record: { status: 499, outcome: "aborted", upstream: "api" },
  },
  {
    name: "a client that goes while its upload is taken",
    act: async (_through, client) => {
      await client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf");
      client.destroy();
    },
    record: { status: 499, outcome: "aborted", upstream: undefined },
  },
  {
    name: "an upstream that breaks off",
    onRequest: (_request, to) => to.finish(STREAM),
    act: async (_through, client) => {
      await client.send(GET);
      await client.readUntilClose();
    },
    record: { status: 200, outcome: "cut", error: "PROXY_UPSTREAM_RESET" },
  },
  {
    name: "a tunnel",
    onRequest: (_request, to) => {
      to.raw = true;
      return "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi";
    },
    act: async (_through, client) => {
      await client.send(
        "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      );
      await client.readThrough("hi");
      client.destroy();
    },
    record: { status: 101, outcome: "complete", upstream: "api" },
  },
  {
    name: "a hook that throws",
    config: {
      onRequest() {
        throw new Error("boom");
      },
    },
    act: answered,
    record: { status: 500, outcome: "complete", error: "PROXY_HOOK_FAILED" },
  },
];

describe("onComplete and the access log", () => {
  it.each(ENDS)("tell of $name exactly once", async ({ config = {}, onRequest, act, record }) => {
    const records: AccessRecord[] = [];
    const ids: string[] = [];
    const through = await throughProxy({
      ...(onRequest === undefined ? {} : { onRequest }),
      config: {
        ...config,
        onComplete(one, ctx) {
          records.push(one);
          ids.push(ctx.id);
        },
      },
    });
    const { proxy } = through;
    const client = await connectRaw(proxy.port);
    await act(through, client);
    client.destroy();
    await proxy.accessed();
    // Another request, so that a second record of the first would have had its time.
    await exchangeRaw(
      proxy.port,
      "GET /last HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
      300,
    ).catch(() => {});
    expect(records.filter(({ path }) => path !== "/last")).toHaveLength(1);
    expect(proxy.access.filter(({ path }) => path !== "/last")).toHaveLength(1);
    expect(records[0]).toMatchObject(record);
    expect(proxy.access[0]).toEqual(records[0]);
    expect(ids[0]).toBe(records[0]?.id);
    proxy.takeErrors();
  });

  it("count what went through, and time it", async () => {
    const { ask, proxy } = await throughProxy({
      onRequest: () => toyResponse(200, "x".repeat(1000)),
    });
    await ask(
      `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 500\r\nReferer: http://b.test/?sid=1&b\r\n\r\n${"y".repeat(500)}`,
    );
    const record = await proxy.accessed();
    expect(record).toMatchObject({
      method: "POST",
      host: "a.test",
      scheme: "http",
      protocol: testProtocol(),
      client: "127.0.0.1",
      requestBytes: 500,
      responseBytes: 1000,
      generation: 1,
      referer: "http://b.test/?sid=[redacted]&b",
    });
    expect(record.target).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(record.times.total).toBeGreaterThanOrEqual(record.times.upstream);
  });
});
