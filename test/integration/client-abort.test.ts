import { describe, expect, it } from "vitest";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { connectRaw, type RawClient } from "../helpers/raw-client.ts";
import { scaled } from "../helpers/scale.ts";
import { startToyUpstream, type ToyConnection, type ToyUpstream } from "../helpers/toy-upstream.ts";

const ROUNDS = scaled(40, 500);
const WARM_UP_ROUNDS = 40;
const AT_ONCE = 20;
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
];

describe("a client that goes away (PUB-09)", () => {
  for (const moment of MOMENTS) {
    it(
      `${moment.name}: takes its upstream request with it, leaves nothing behind and is no error`,
      { timeout: scaled(20_000, 120_000) },
      async () => {
        const arrivals = new Map<string, (connection: ToyConnection) => void>();
        const upstream = await startToyUpstream({
          onHead: (request, connection) => arrivals.get(request.target)?.(connection),
          onRequest: () => {},
        });
        await using proxy = await startMeasuredProxy({
          config: `export default { upstreams: { slow: { targets: ["${upstream.url}"] } } };`,
        });
        const run = (rounds: number): Promise<number> =>
          abortRounds(rounds, moment, proxy.port, upstream, arrivals);
        await run(WARM_UP_ROUNDS);
        const before = await proxy.measure();
        const slowestMs = await run(ROUNDS);
        const after = await proxy.measure();

        expect(slowestMs).toBeLessThan(SEEN_WITHIN_MS);
        expect(after.openFiles).toBeLessThanOrEqual(before.openFiles);
        expect(after.heapBytes).toBeLessThan(before.heapBytes * 1.1);
        await expect.poll(() => proxy.access.length).toBe(WARM_UP_ROUNDS + ROUNDS);
        for (const record of proxy.access) {
          expect(record).toMatchObject({ outcome: "aborted", status: moment.status });
        }
        expect(proxy.errors).toEqual([]);
        await upstream.close();
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
