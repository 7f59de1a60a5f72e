import { Agent, createServer, get, type IncomingMessage, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";

import { DeadlineWheel } from "../../runtime/clock.ts";
import { LocalBudget } from "../../runtime/upstream/targets/connection-budget.ts";
import type {
  BalanceRequest,
  Balancer,
  BalanceTarget,
} from "../../runtime/upstream/balance/balancer.ts";
import type { Target } from "../../runtime/upstream/target.ts";
import { http2UpstreamOver, http2Origin } from "../helpers/http2-origin.ts";
import { send } from "../helpers/recording-receiver.ts";
import { startProxy } from "../helpers/start-proxy.ts";
import { scaled } from "../helpers/scale.ts";
import { toyResponse } from "../helpers/toy-upstream.ts";
import { toy, upstreamOver } from "../helpers/upstream-fixture.ts";

/** Counts its open connections as it sees them, each one after all closes that came with it. */
async function countingOrigin(
  answer: (count: number) => { closes: boolean; resets: boolean },
  answerMs = 0,
) {
  let open = 0;
  let served = 0;
  const figures = { most: 0, connections: 0 };
  const server: Server = createServer((request, response) => {
    const { closes, resets } = answer(++served);
    request.resume();
    const reply = (): void => {
      if (resets) request.socket.destroy();
      else response.writeHead(200, closes ? { connection: "close" } : {}).end("ok");
    };
    if (answerMs === 0) setImmediate(reply);
    else setTimeout(reply, answerMs);
  });
  server.on("connection", (socket) => {
    open += 1;
    figures.connections += 1;
    socket.on("close", () => (open -= 1));
    // Closes that reached the machine before this connection may be read after it, in this round or the next.
    setImmediate(() => setImmediate(() => (figures.most = Math.max(figures.most, open))));
  });
  server.listen(0, "127.0.0.1", 8192);
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port, figures };
}

const REQUESTS = scaled(500, 5000);
const CAP = scaled(20, 100);

describe("maxConnections, as the origin counts", () => {
  it.each([
    ["keeps all connections", () => ({ closes: false, resets: false })],
    ["closes every third", (count: number) => ({ closes: count % 3 === 0, resets: false })],
    ["resets every fifth", (count: number) => ({ closes: false, resets: count % 5 === 0 })],
  ] as const)("is never exceeded by an origin that %s", async (_what, answer) => {
    const origin = await countingOrigin(answer);
    const upstream = upstreamOver([origin], { maxConnections: CAP, maxQueue: REQUESTS });
    let round = 0;
    const receivers = Array.from({ length: REQUESTS }, () => send(upstream, { method: "POST" }));
    // Clients that give up are part of it: their connections are closed and replaced.
    for (const receiver of receivers) if (++round % 7 === 0) receiver.call?.abort();
    const kept = receivers.filter((_receiver, at) => (at + 1) % 7 !== 0);
    await Promise.all(kept.map((receiver) => receiver.done()));
    expect(origin.figures.most).toBeLessThanOrEqual(CAP);
    expect(origin.figures.most).toBeGreaterThan(CAP / 2);
    expect(upstream.stats()).toMatchObject({ queued: 0 });
  });

  it("holds over an old and a new pool that draw on one budget, and neither starves the other", async () => {
    const origin = await countingOrigin(() => ({ closes: false, resets: false }));
    const budget = new LocalBudget(CAP);
    const options = { budget, maxConnections: CAP, maxQueue: REQUESTS };
    const before = upstreamOver([origin], options);
    const after = upstreamOver([origin], options);
    const receivers = Array.from({ length: REQUESTS }, (_, at) =>
      send(at % 2 === 0 ? before : after),
    );
    const done = await Promise.all(receivers.map((receiver) => receiver.done()));
    expect(done.every(({ status }) => status === 200)).toBe(true);
    expect(origin.figures.most).toBeLessThanOrEqual(CAP);
    expect(budget.taken).toBeLessThanOrEqual(CAP);
    await before.close();
    await after.close();
    expect(budget.taken).toBe(0);
  });

  it("lets HTTP/2 take over from HTTP/1.1 when the idle connections of the old pool fill it", async () => {
    const origin = await toy();
    const modern = await http2Origin();
    const budget = new LocalBudget(1);
    const before = upstreamOver([origin], { budget, maxConnections: 1 });
    await send(before).done();
    expect(before.stats()).toMatchObject({ open: 1, idle: 1 });
    const after = http2UpstreamOver([modern], { budget, maxConnections: 1 });
    expect((await send(after).done()).status).toBe(200);
    expect([before.stats().open, after.stats().open]).toEqual([0, 1]);
  });
});

describe("maxConnections of a whole proxy", () => {
  it("holds for as many clients as come, while the list of targets changes under them", async () => {
    const one = await countingOrigin(() => ({ closes: false, resets: false }), 20);
    const url = (host: string) => `http://${host}:${one.port}`;
    const config = (targets: string[]) => ({
      upstreams: { api: { targets, maxConnections: CAP, maxQueue: REQUESTS } },
    });
    const proxy = await startProxy({ config: config([url("127.0.0.1")]) });
    const agent = new Agent({ keepAlive: true, maxSockets: REQUESTS });
    onTestFinished(() => agent.destroy());
    const answered = Array.from({ length: REQUESTS }, () => ask(proxy.port, agent));
    // The same place under another name is another target: its connections count beside those of the first.
    await proxy.update(config([url("127.0.0.1"), url("localhost")]));
    await proxy.update(config([url("localhost")]));
    const statuses = await Promise.all(answered);
    expect(statuses.every((status) => status === 200)).toBe(true);
    expect(one.figures.most).toBeLessThanOrEqual(CAP);
    expect(one.figures.most).toBeGreaterThan(CAP / 2);
  }, 120_000);
});

async function ask(port: number, agent: Agent): Promise<number | undefined> {
  const request = get({ host: "127.0.0.1", port, agent });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  return response.statusCode;
}

describe("maxConnections of a target", () => {
  it("is a lower cap of its own: what does not fit goes to the others", async () => {
    const waiting: (() => void)[] = [];
    const origin = () =>
      toy({
        onRequest: (_request, connection) =>
          void waiting.push(() => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")),
      });
    const [small, large] = [await origin(), await origin()];
    const upstream = upstreamOver([small, large], { maxConnections: 10 });
    const [first, second] = upstream.targets.members;
    upstream.targets.setMembers([
      { ...(first as NonNullable<typeof first>).target, maxConnections: 2 },
      (second as NonNullable<typeof second>).target,
    ]);
    const receivers = Array.from({ length: 8 }, () => send(upstream));
    while (waiting.length < 8) await new Promise((resolve) => setImmediate(resolve));
    expect(upstream.targetStats?.().map(({ open, active }) => [open, active])).toEqual([
      [2, 2],
      [6, 6],
    ]);
    for (const answer of waiting) answer();
    await Promise.all(receivers.map((receiver) => receiver.done()));
  });

  it("makes requests wait where there is no other", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin], { maxConnections: 10 });
    const [only] = upstream.targets.members;
    upstream.targets.setMembers([
      { ...(only as NonNullable<typeof only>).target, maxConnections: 1 },
    ]);
    const receivers = Array.from({ length: 5 }, () => send(upstream));
    expect(upstream.stats()).toMatchObject({ open: 1, queued: 4 });
    const done = await Promise.all(receivers.map((receiver) => receiver.done()));
    expect(done.every(({ status }) => status === 200)).toBe(true);
    expect(origin.connections.length).toBe(1);
  });
});

describe("a balancer whose choice is binding", () => {
  /** By the path: `/0` is the first target's, `/1` the second's. */
  class ByPath implements Balancer {
    readonly binding = true;
    #targets: readonly BalanceTarget[] = [];
    update(targets: readonly BalanceTarget[]): void {
      this.#targets = targets;
    }
    pick(request: BalanceRequest): BalanceTarget | undefined {
      return this.#targets[Number(request.path.slice(1))];
    }
  }

  it("lets requests for a full target wait for it, and nobody wait for them", async () => {
    let release: (() => void) | undefined;
    const slow = await toy({
      onRequest: (_request, connection) => {
        if (release !== undefined) return toyResponse(200, "slow");
        release = () => connection.send(toyResponse(200, "slow"));
        return undefined;
      },
    });
    const fast = await toy();
    const upstream = upstreamOver([slow, fast], { balancer: new ByPath(), maxConnections: 4 });
    const [first, second] = upstream.targets.members.map(({ target }) => target) as [
      Target,
      Target,
    ];
    upstream.targets.setMembers([{ ...first, maxConnections: 1 }, second]);
    const held = [send(upstream, { path: "/0" }), send(upstream, { path: "/0" })];
    expect(upstream.stats()).toMatchObject({ open: 1, queued: 1 });
    expect((await send(upstream, { path: "/1" }).done()).text).toBe("ok");
    expect(upstream.stats()).toMatchObject({ queued: 1 });
    release?.();
    const done = await Promise.all(held.map((receiver) => receiver.done()));
    expect(done.map(({ text }) => text)).toEqual(["slow", "slow"]);
  });

  it("gets its target at the cap: an idle connection to another one gives way", async () => {
    const origins = [await toy(), await toy()];
    const upstream = upstreamOver(origins, { balancer: new ByPath(), maxConnections: 1 });
    const paths = ["/0", "/1", "/1", "/0"];
    for (const path of paths) expect((await send(upstream, { path }).done()).status).toBe(200);
    expect(origins.map(({ connections }) => connections.length)).toEqual([2, 1]);
    expect(upstream.stats()).toMatchObject({ open: 1, idle: 1 });
  });
});

describe("how long a connection lives", () => {
  it("ends with maxRequestsPerConnection", async () => {
    const origin = await toy();
    const upstream = upstreamOver([origin], { maxRequestsPerConnection: 3 });
    for (let i = 0; i < 7; i++) await send(upstream).done();
    expect(origin.connections.map(({ requests }) => requests.length)).toEqual([3, 3, 1]);
  });

  it("ends with maxConnectionAge, between two requests", async () => {
    let now = 0;
    const clock = { now: () => now, monotonic: () => now };
    const origin = await toy();
    const upstream = upstreamOver([origin], {
      clock,
      wheel: new DeadlineWheel(),
      maxConnectionAgeMs: 1000,
    });
    await send(upstream).done();
    now = 999;
    await send(upstream).done();
    now = 1000;
    await send(upstream).done();
    expect(origin.connections.map(({ requests }) => requests.length)).toEqual([2, 1]);
  });
});

describe("a full upstream", () => {
  it("says when to come back", async () => {
    const origin = await toy({ onRequest: () => undefined, onHead: () => undefined });
    const upstream = upstreamOver([origin], { maxConnections: 1, maxQueue: 1, queueTimeoutMs: 50 });
    const running = send(upstream);
    const waiting = send(upstream);
    const full = await send(upstream).done();
    expect([full.error?.code, full.error?.fields]).toEqual([
      "PROXY_UPSTREAM_QUEUE_FULL",
      ["Retry-After", "1"],
    ]);
    const late = await waiting.done();
    expect([late.error?.code, late.error?.fields]).toEqual([
      "PROXY_UPSTREAM_QUEUE_TIMEOUT",
      ["Retry-After", "1"],
    ]);
    running.call?.abort();
  });
});
