import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startMeasuredProxy, type MeasuredProxy } from "../helpers/measured-proxy.ts";
import { connectRaw, type RawClient } from "../helpers/raw-client.ts";
import { scaled } from "../helpers/scale.ts";
import { startToyUpstream, type ToyConnection, type ToyUpstream } from "../helpers/toy-upstream.ts";

const ROUNDS = scaled(30, 500);
const WARM_UP_ROUNDS = scaled(20, 60);
const AT_ONCE = 10;
const SEEN_WITHIN_MS = 1000;

/** Where in the exchange the client goes away. */
interface Moment {
  readonly name: string;
  readonly request: string;
  /** Of the access record: 499 where no head was sent. */
  readonly status: number;
  /** Brings the exchange to the point where the client goes; the upstream has the request's head. */
  reach(client: RawClient, upstream: ToyConnection): Promise<void>;
}

const GET = "GET /ID HTTP/1.1\r\nHost: a.test\r\n\r\n";
const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n";

const MOMENTS: readonly Moment[] = [
  { name: "before the head", request: GET, status: 499, reach: async () => {} },
  {
    name: "after the head",
    request: GET,
    status: 200,
    async reach(client, upstream) {
      upstream.send(HEAD);
      await client.readThrough("\r\n\r\n");
    },
  },
  {
    name: "in the middle of the content",
    request: GET,
    status: 200,
    async reach(client, upstream) {
      upstream.send(`${HEAD}abcdef`);
      await client.readThrough("abcdef");
    },
  },
  {
    name: "while it uploads",
    request: `POST /ID HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n${"x".repeat(5000)}`,
    status: 499,
    reach: async () => {},
  },
  {
    name: "while it uploads in chunks and is being answered",
    request:
      "POST /ID HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    status: 200,
    async reach(client, upstream) {
      upstream.send(`${HEAD}abcdef`);
      await client.readThrough("abcdef");
    },
  },
  {
    name: "while a hook waits for a subrequest",
    request: "GET /subrequest/ID HTTP/1.1\r\nHost: a.test\r\n\r\n",
    status: 499,
    reach: async () => {},
  },
  {
    name: "while a hook reads the answer",
    request: "GET /read/ID HTTP/1.1\r\nHost: a.test\r\n\r\n",
    status: 499,
    async reach(client, upstream) {
      upstream.send(`${HEAD}abcdef`);
      await client.readThrough("103 ");
    },
  },
  {
    name: "while a transform waits",
    request: "GET /edit/ID HTTP/1.1\r\nHost: a.test\r\n\r\n",
    status: 200,
    async reach(client, upstream) {
      upstream.send(`${HEAD}abcdef`);
      await client.readThrough("begun");
    },
  },
];

const config = (url: string): string => `
export default {
  upstreams: { slow: { targets: ["${url}"] } },
  // Uploads are to be cut in the middle, so they must reach the upstream before they are whole.
  requestContent: { buffer: false },
  async onRequest(request, ctx) {
    ctx.state.path = request.path;
    if (!request.path.startsWith("/subrequest")) return;
    const response = await ctx.fetch("slow", { path: request.path.slice("/subrequest".length) });
    return ctx.respond(200, await response.text());
  },
  async onResponse(response, ctx) {
    if (ctx.state.path.startsWith("/read")) {
      ctx.earlyHints(["</reading>; rel=preload"]);
      response.headers.set("x-length", String((await response.text()).length));
    }
    if (ctx.state.path.startsWith("/edit")) {
      response.transform(async function* (chunks) {
        yield "begun";
        for await (const chunk of chunks) yield chunk;
      });
    }
  },
};`;

describe("a client that goes away (PUB-09)", () => {
  const arrivals = new Map<string, (connection: ToyConnection) => void>();
  let upstream: ToyUpstream;
  let proxy: MeasuredProxy;

  beforeAll(async () => {
    upstream = await startToyUpstream({
      onHead: (request, connection) =>
        arrivals.get(request.target.slice(request.target.lastIndexOf("/")))?.(connection),
      onRequest: () => {},
    });
    proxy = await startMeasuredProxy({ config: config(upstream.url) });
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await upstream.close();
  });

  for (const moment of MOMENTS) {
    it(
      `${moment.name}: takes its upstream request with it, leaves nothing behind and is no error`,
      { timeout: scaled(20_000, 120_000) },
      async () => {
        const run = (rounds: number): Promise<number> =>
          abortRounds(rounds, moment, proxy.port, upstream, arrivals);
        const known = proxy.access.length;
        await run(WARM_UP_ROUNDS);
        const before = await proxy.measure();
        const slowestMs = await run(ROUNDS);
        const after = await proxy.measure();

        expect(slowestMs).toBeLessThan(SEEN_WITHIN_MS);
        expect(after.openFiles).toBeLessThanOrEqual(before.openFiles);
        expect(after.heapBytes).toBeLessThan(before.heapBytes * 1.1);
        await expect.poll(() => proxy.access.length).toBe(known + WARM_UP_ROUNDS + ROUNDS);
        for (const record of proxy.access.slice(known)) {
          expect(record).toMatchObject({ outcome: "aborted", status: moment.status });
        }
        expect(proxy.errors).toEqual([]);
      },
    );
  }
});

/** The longest time from the client's end to that of the upstream's socket. */
async function abortRounds(
  rounds: number,
  moment: Moment,
  port: number,
  upstream: ToyUpstream,
  arrivals: Map<string, (connection: ToyConnection) => void>,
): Promise<number> {
  let slowestMs = 0;
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started < rounds) {
      const round = started++;
      const target = `/${round}`;
      const arrived = new Promise<ToyConnection>((resolve) => arrivals.set(target, resolve));
      const client = await connectRaw(port);
      await client.send(moment.request.replace("/ID", target));
      const connection = await arrived;
      await moment.reach(client, connection);
      const goneAt = performance.now();
      if (round % 2 === 0) client.destroy();
      else client.reset();
      await connection.closed;
      slowestMs = Math.max(slowestMs, performance.now() - goneAt);
      arrivals.delete(target);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await upstream.openAtMost(0);
  return slowestMs;
}
