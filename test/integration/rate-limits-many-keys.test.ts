import { once } from "node:events";
import { connect } from "node:net";

import { expect, it } from "vitest";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { scaled } from "../helpers/scale.ts";

const CONFIG = `export default {
  trustedProxies: ["127.0.0.0/8"],
  upstreams: { app: { fetch: () => new Response("ok") } },
  rateLimits: {
    perClient: { key: ["ip", "user-agent"], limit: 100, window: "24h" },
    perIp: { key: "ip", limit: 200, window: "24h" },
  },
  limits: { pipelined: 64 },
  log: { access: false },
};`;

const BATCH = 50;
const STATUS_LINE = /HTTP\/1\.1 (\d{3})/g;

/** Statuses of so many requests on one connection, by how often they came. */
async function statusesOf(
  port: number,
  count: number,
  lines: (at: number) => string,
): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  await once(socket, "connect");
  let rest = "";
  let got = 0;
  const answers = (wanted: number): Promise<void> =>
    new Promise((resolve, reject) => {
      socket.once("close", () => reject(new Error(`closed after ${got} answers`)));
      socket.on("data", (text: string) => {
        rest += text;
        let end = 0;
        for (const found of rest.matchAll(STATUS_LINE)) {
          const [line, status = ""] = found;
          seen[status] = (seen[status] ?? 0) + 1;
          got += 1;
          end = found.index + line.length;
        }
        // A status line that is only half there is found with its other half.
        rest = rest.slice(Math.max(end, rest.length - 11));
        if (got < wanted) return;
        socket.removeAllListeners();
        resolve();
      });
    });
  for (let sent = 0; sent < count; sent += BATCH) {
    let text = "";
    for (let at = sent; at < sent + BATCH; at++) {
      text += `GET / HTTP/1.1\r\nHost: a.test\r\n${lines(at)}\r\n\r\n`;
    }
    socket.write(text);
    await answers(sent + BATCH);
  }
  socket.destroy();
  return seen;
}

const random = (most: number): number => Math.floor(Math.random() * most);
const group = (): string => random(65_536).toString(16);

it(
  "one /64 and one IPv4 address get their share, however many addresses and User-Agents they make up, and memory stays as it is (PUB-31)",
  { timeout: 300_000 },
  async () => {
    const many = scaled(2_500, 100_000);
    await using proxy = await startMeasuredProxy({ config: CONFIG });
    const inOne64 = (): string =>
      `X-Forwarded-For: 2001:db8:0:1:${group()}:${group()}:${group()}:${group()}\r\nUser-Agent: curl/8`;
    const ofOneIpv4 = (): string =>
      `X-Forwarded-For: 203.0.113.7\r\nUser-Agent: agent ${random(2 ** 48)}`;
    // What is compiled and grown once is no leak.
    expect(await statusesOf(proxy.port, 1000, inOne64)).toEqual({ 200: 100, 429: 900 });
    expect(await statusesOf(proxy.port, 1000, ofOneIpv4)).toEqual({ 200: 200, 429: 800 });
    const before = await proxy.measure();
    expect(await statusesOf(proxy.port, many, inOne64)).toEqual({ 429: many });
    expect(await statusesOf(proxy.port, many, ofOneIpv4)).toEqual({ 429: many });
    const after = await proxy.measure();
    expect(after.heapBytes - before.heapBytes).toBeLessThan(2 * 2 ** 20);
    // Others do not notice.
    const others = (at: number): string =>
      at % 2 === 0
        ? `X-Forwarded-For: 2001:db8:1:${at.toString(16)}::1`
        : `X-Forwarded-For: 198.51.100.${at}`;
    expect(await statusesOf(proxy.port, 100, others)).toEqual({ 200: 100 });
  },
);
