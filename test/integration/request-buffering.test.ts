/** Request content through the whole proxy: whole before an upstream is asked, readable refusals, streams where asked for. */
import { createHash, randomBytes } from "node:crypto";
import { readdir, readlink, stat } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { closing } from "../helpers/protocol-matrix.ts";
import { connectRaw, fieldOf, type RawClient } from "../helpers/raw-client.ts";
import { scaled } from "../helpers/scale.ts";
import { throughProxy, type ThroughProxy } from "../helpers/through-proxy.ts";
import { toyResponse, type ToyRequest } from "../helpers/toy-upstream.ts";

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const answerDigest = (request: ToyRequest): string => toyResponse(200, digest(request.content));
const MB = 1024 ** 2;

const withLength = (length: number): string =>
  `POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n\r\n`;
const IN_CHUNKS = "POST /up HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";

function chunk(bytes: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from("\r\n"),
  ]);
}

/** Sizes of what has a name in the spill folder (-1), and of files without a name that this process has open there. */
async function spillFiles({ proxy }: Pick<ThroughProxy, "proxy">): Promise<number[]> {
  const folder = join(proxy.dir, ".gatewright", "spill");
  const sizes = (await readdir(folder).catch(() => [])).map(() => -1);
  for (const fd of await readdir("/proc/self/fd")) {
    const path = `/proc/self/fd/${fd}`;
    const target = await readlink(path).catch(() => "");
    if (target.startsWith(folder)) sizes.push((await stat(path)).size);
  }
  return sizes;
}

describe("content is whole before an upstream is asked", () => {
  it.each([
    ["in memory, with a length", 300_000, false],
    ["in memory, in chunks", 300_000, true],
    ["in a file, with a length", 5 * MB + 7, false],
    ["in a file, in chunks", 5 * MB + 7, true],
  ])("%s: byte for byte, with its length", async (_name, size, chunked) => {
    const through = await throughProxy({ onRequest: answerDigest });
    const content = randomBytes(size);
    const client = await through.connect();
    await client.send(chunked ? IN_CHUNKS : withLength(size));
    const half = content.subarray(0, size / 2);
    await client.send(chunked ? chunk(half) : half);
    // A round of its own through the proxy: what was to reach the upstream early would have by now.
    const other = await through.connect();
    await other.send("GET /other HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await other.response();
    expect(through.upstream.connections).toHaveLength(1);
    expect(through.upstream.connections[0]?.received.includes("/up")).toBe(false);
    const rest = content.subarray(size / 2);
    await client.send(chunked ? Buffer.concat([chunk(rest), Buffer.from("0\r\n\r\n")]) : rest);
    const response = await client.response();
    expect(response.content.toString()).toBe(digest(content));
    const request = await through.upstream.request(2);
    expect(request.field("Content-Length")).toBe(String(size));
    expect(request.field("Transfer-Encoding")).toBeUndefined();
    expect(through.upstream.violations).toEqual([]);
    await expect.poll(() => spillFiles(through)).toEqual([]);
    client.destroy();
    other.destroy();
  });

  it.each(["in memory", "in a file"])("and sent again to a fallback: %s", async (where) => {
    const size = where === "in memory" ? 200_000 : 3 * MB;
    const { connect, proxy } = await throughProxy({
      onHead: (_request, connection) =>
        void connection.socket.once("data", () => connection.reset()),
      config: {
        upstreams: {
          other: { fetch: async (request) => new Response(digest(await request.bytes())) },
        },
        routes: [{ match: { path: "/*" }, upstream: "api" }],
        onError: (_error, ctx) => ctx.forward("other"),
      },
    });
    const content = randomBytes(size);
    const client = await connect();
    await client.send(withLength(size));
    void client.send(content);
    const response = await client.response();
    expect([response.status, response.content.toString()]).toEqual([200, digest(content)]);
    expect(proxy.takeErrors().length).toBe(1);
    client.destroy();
  });

  it("and a file is gone after success, abort and failure of the upstream", async () => {
    const through = await throughProxy({
      onRequest: (request, connection) =>
        request.target === "/up" ? answerDigest(request) : connection.reset(),
    });
    const content = randomBytes(3 * MB);
    const ok = await through.connect();
    await ok.send(withLength(content.length));
    void ok.send(content);
    await ok.response();
    await expect.poll(() => spillFiles(through)).toEqual([]);

    const gone = await through.connect();
    await gone.send(withLength(content.length));
    await gone.send(content.subarray(0, 2 * MB));
    await expect.poll(async () => (await spillFiles(through)).length).toBe(1);
    gone.reset();
    await expect.poll(() => spillFiles(through)).toEqual([]);

    const failed = await through.connect();
    await failed.send(withLength(content.length).replace("/up", "/fails"));
    void failed.send(content);
    expect((await failed.response()).status).toBe(502);
    await expect.poll(() => spillFiles(through)).toEqual([]);
    through.proxy.takeErrors();
    ok.destroy();
    failed.destroy();
  });

  it.each([
    ["by its length", withLength(100)],
    ["in chunks", IN_CHUNKS],
  ])("content that breaks off reaches no upstream: %s", async (_name, start) => {
    const { connect, upstream, proxy } = await throughProxy();
    const client = await connect();
    await client.send(`${start}4\r\nhalf`);
    client.end();
    expect(await client.closes()).toBe(true);
    expect(await proxy.accessed()).toMatchObject({ outcome: "aborted" });
    expect(upstream.connections).toHaveLength(0);
  });

  it("content whose chunks are broken is 400 and reaches no upstream", async () => {
    const { connect, upstream } = await throughProxy();
    const client = await connect();
    await client.send(`${IN_CHUNKS}4\r\nhalf\r\nxyz\r\n`);
    expect((await client.response()).status).toBe(400);
    expect(upstream.connections).toHaveLength(0);
    client.destroy();
  });
});

describe("content beyond the maximum (PUB-47)", () => {
  const MAX = scaled(1, 1) * MB;
  const TOO_MUCH = scaled(10, 50) * MB;

  it("by its declared length is refused before it is read, and without 100", async () => {
    const { connect, upstream } = await throughProxy({
      config: { requestContent: { max: MAX } },
    });
    const client = await connect();
    await client.send(withLength(MAX + 1).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
    const response = await client.response();
    expect(response.status).toBe(413);
    expect(fieldOf(response, "connection")).toBe(closing());
    expect(upstream.connections).toHaveLength(0);
    client.destroy();
  });

  it.each(["with a length", "in chunks"])(
    "can be read by a client that sends all of it first: %s, ten of ten times",
    { timeout: 60_000 },
    async (framing) => {
      const { connect, upstream } = await throughProxy({
        config: { requestContent: { max: MAX } },
      });
      for (let round = 0; round < 10; round++) {
        const client = await connect();
        await sendAll(client, framing === "in chunks", TOO_MUCH);
        const response = await client.response({ timeoutMs: 20_000 });
        expect(response.status).toBe(413);
        expect(await client.closes()).toBe(true);
        expect(client.wasReset).toBe(false);
      }
      expect(upstream.connections).toHaveLength(0);
    },
  );

  it("exactly at the maximum passes", async () => {
    const { connect } = await throughProxy({
      onRequest: answerDigest,
      config: { requestContent: { max: 2 * MB } },
    });
    const content = randomBytes(2 * MB);
    const client = await connect();
    await client.send(withLength(content.length));
    void client.send(content);
    expect((await client.response()).content.toString()).toBe(digest(content));
    client.destroy();
  });

  it("cuts the upstream's request where it streams in chunks", async () => {
    const { connect, upstream } = await throughProxy({
      config: { requestContent: { max: MAX, buffer: false } },
    });
    const client = await connect();
    await sendAll(client, true, 4 * MB);
    expect((await client.response()).status).toBe(413);
    await upstream.openAtMost(0);
    expect(upstream.requests).toHaveLength(0);
    client.destroy();
  });

  it("is a route's own, key by key", async () => {
    const { ask } = await throughProxy({
      config: {
        requestContent: { max: "10b", memory: "5b" },
        routes: [
          { match: { path: "/large" }, upstream: "api", requestContent: { max: "20b" } },
          { upstream: "api" },
        ],
        async onRequest(request) {
          if (request.search === "?read") await request.text();
        },
      },
    });
    const post = (path: string, size: number): string =>
      `${withLength(size).replace("/up", path)}${"x".repeat(size)}`;
    expect((await ask(post("/up", 11))).status).toBe(413);
    expect((await ask(post("/large", 11))).status).toBe(200);
    expect((await ask(post("/large", 21))).status).toBe(413);
    expect((await ask(post("/large?read", 6))).status).toBe(413);
    expect((await ask(post("/large?read", 5))).status).toBe(200);
  });
});

describe("an upstream that answers early", () => {
  it.each([
    ["buffered", true],
    ["streamed", false],
  ])("is relayed while the content is still on its way: %s", async (_name, buffer) => {
    const { connect } = await throughProxy({
      onHead: (_request, connection) => {
        connection.raw = true;
        return "HTTP/1.1 401 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
      },
      config: { requestContent: { buffer } },
    });
    const client = await connect();
    const content = randomBytes(8 * MB);
    await client.send(withLength(content.length));
    void client.send(content);
    const response = await client.response({ timeoutMs: 10_000 });
    expect([response.status, response.content.toString()]).toEqual([401, "no"]);
    client.destroy();
  });
});

describe("a slow client", () => {
  it.each([
    ["buffered", true, 0],
    ["streamed", false, 1],
  ])("is cut by the minimum rate: %s", async (_name, buffer, connections) => {
    const { connect, upstream, proxy } = await throughProxy({
      config: { requestContent: { buffer, minRate: 500, minRateAfter: scaled(400, 10_000) } },
    });
    const client = await connect();
    await client.send(withLength(10_000));
    const trickle = setInterval(() => void client.send("x"), scaled(50, 1000));
    const response = await client.response({ timeoutMs: scaled(5000, 30_000) });
    clearInterval(trickle);
    expect(response.status).toBe(408);
    expect(upstream.connections).toHaveLength(connections);
    expect(upstream.requests).toHaveLength(0);
    expect(await proxy.accessed()).toMatchObject({ error: "PROXY_REQUEST_CONTENT_TIMEOUT" });
    client.destroy();
  });
});

describe("the budget of all requests", () => {
  it("answers 507 when the disk's part is used, and serves again when it is free", async () => {
    const { connect, proxy } = await throughProxy({
      onRequest: answerDigest,
      config: { requestContent: { memory: "10kb", budget: { disk: "1mb", clientShare: 1 } } },
    });
    const holder = await connect();
    await holder.send(withLength(900_000));
    await holder.send(Buffer.alloc(800_000));
    await expect.poll(async () => (await spillFiles({ proxy }))[0]).toBeGreaterThan(700_000);
    const refused = await untilStatus(connect, 507);
    expect(fieldOf(refused, "retry-after")).toBe("1");
    holder.destroy();
    await untilStatus(connect, 200);
    expect(proxy.takeErrors().every(({ code }) => code === "PROXY_CONTENT_STORAGE")).toBe(true);
  });

  it("answers 503 to a hook that reads when the memory's part is used", async () => {
    const { connect, proxy } = await throughProxy({
      config: {
        requestContent: { budget: { memory: "100kb", clientShare: 1 } },
        async onRequest(request) {
          await request.bytes();
        },
      },
    });
    const holder = await connect();
    await holder.send(withLength(99_000));
    await holder.send(Buffer.alloc(90_000));
    // Some rounds through the proxy: it has read what the holder's kernel had by then.
    for (let round = 0; round < 3; round++) await untilStatus(connect, 200, 1);
    await untilStatus(connect, 503, 50_000);
    holder.destroy();
    await untilStatus(connect, 200, 50_000);
    expect(proxy.takeErrors().every(({ code }) => code === "PROXY_CONTENT_MEMORY")).toBe(true);
  });
});

describe("the budget of one client", () => {
  it("is a part of that of all: another client's upload is taken while the first one's is refused", async () => {
    const { connect, proxy } = await throughProxy({
      onRequest: answerDigest,
      config: { requestContent: { memory: "10kb", budget: { disk: "1mb" } } },
    });
    const holder = await connect();
    await holder.send(withLength(400_000));
    await holder.send(Buffer.alloc(350_000));
    await expect.poll(async () => (await spillFiles({ proxy }))[0]).toBeGreaterThan(300_000);
    const content = Buffer.alloc(200_000);
    const second = await connect();
    await second.send(withLength(content.length));
    await second.send(content);
    expect((await second.response()).status).toBe(507);
    const other = await connectRaw(proxy.port, "127.0.0.1", "127.0.0.2");
    await other.send(withLength(content.length));
    await other.send(content);
    expect((await other.response()).status).toBe(200);
    for (const one of [holder, second, other]) one.destroy();
    expect(proxy.takeErrors().map(({ code }) => code)).toEqual(["PROXY_CONTENT_STORAGE"]);
  });
});

describe("what streams always", () => {
  it("is gRPC, whatever the options", async () => {
    const { connect, upstream } = await throughProxy();
    const client = await connect();
    await client.send(
      withLength(100).replace("\r\n\r\n", "\r\nContent-Type: application/grpc+proto\r\n\r\nhalf"),
    );
    const connection = await upstream.connection(1);
    await expect.poll(() => connection.received.includes("half")).toBe(true);
    client.destroy();
    await connection.closed;
  });
});

async function sendAll(client: RawClient, chunked: boolean, size: number): Promise<void> {
  await client.send(chunked ? IN_CHUNKS : withLength(size));
  const piece = Buffer.alloc(65_536);
  for (let at = 0; at < size; at += piece.length) await client.send(chunked ? chunk(piece) : piece);
  if (chunked) await client.send("0\r\n\r\n");
}

/** Sends one upload after the other until one is answered so. */
async function untilStatus(
  connect: () => Promise<RawClient>,
  status: number,
  size = 400_000,
): Promise<Awaited<ReturnType<RawClient["response"]>>> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const client = await connect();
    await client.send(withLength(size));
    void client.send(Buffer.alloc(size));
    const response = await client.response();
    client.destroy();
    if (response.status === status) return response;
    expect([200, 503, 507]).toContain(response.status);
  }
  throw new Error(`never answered with ${status}`);
}
