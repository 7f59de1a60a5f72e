/**
 * `npm run bench -- cache`: 1 KiB of JSON from the store, beside the same request proxied, the store's Brotli variant, and
 * the caches of nginx and Varnish. CPU time (user + system, whole process tree) for each request.
 */
import {
  median,
  needs,
  printTable,
  ratio,
  ROUNDS,
  runLoad,
  runRounds,
  SECONDS,
  toText,
  withPeers,
  type Contestant,
  type Work,
} from "./contest.ts";
import { gatewright, nginxPeer, varnishPeer } from "./peers.ts";
import { gatewrightCaching, nginxCaching, nginxProxy, varnishCaching } from "./peers/configs.ts";

const WARM_UP_REQUESTS = 100_000;
const CONNECTIONS = 32;
const PROXIED = "Gatewright, proxied";
const HIT = "Gatewright, hit";
const HIT_BROTLI = "Gatewright, hit of a Brotli variant";

const PEERS = [
  gatewright(PROXIED, (_dir, port, origin) => gatewrightCaching(port, origin, false)),
  gatewright(HIT, (_dir, port, origin) => gatewrightCaching(port, origin, true)),
  gatewright(HIT_BROTLI, (_dir, port, origin) => gatewrightCaching(port, origin, true)),
  { ...nginxPeer("nginx", nginxProxy), name: "nginx, proxied" },
  { ...nginxPeer("nginx", nginxCaching), name: "nginx, hit (proxy_cache)" },
  { ...varnishPeer(varnishCaching), name: "Varnish, hit" },
];

export async function benchCache(): Promise<void> {
  needs("wrk", "curl", "nginx");
  await withPeers(PEERS, async (contestants) => {
    const brotli = contestants.find(({ name }) => name === HIT_BROTLI)?.port;
    const load = (port: number, seconds: number): Work =>
      ask(port, seconds, port === brotli ? ["-H", "Accept-Encoding: br"] : []);
    for (const one of contestants) await check(one);
    const figures = runRounds(contestants, load, WARM_UP_REQUESTS);
    const proxied = figures.find(({ name }) => name === PROXIED);
    const hit = figures.find(({ name }) => name === HIT);
    console.log(
      `1 KiB of JSON, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s, one core; Node ${process.version}\n`,
    );
    printTable(
      ["proxy", "CPU µs a request (median)", "to ours, proxied", "our hit to it", "errors"],
      figures.map((one) => [
        one.name,
        median(one.samples).toFixed(1),
        toText(ratio(one, proxied), 2),
        toText(ratio(hit, one), 2),
        String(one.errors),
      ]),
    );
  });
}

/** Throws where what is measured later is not what its name says. */
async function check({ name, port }: Contestant): Promise<void> {
  const isBrotli = name === HIT_BROTLI;
  let head = "";
  for (let i = 0; i < 3; i++) {
    const coding = isBrotli ? "br" : "identity";
    head = runLoad("curl", [
      ...["-s", "-o", "/dev/null", "-D", "-", "-H", `Accept-Encoding: ${coding}`],
      `http://127.0.0.1:${port}/kib`,
    ]);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const isHit = /^cache-status: .*hit/im.test(head);
  const isCoded = /^content-encoding: br/im.test(head);
  if (isHit !== name.includes("hit") || isCoded !== isBrotli) {
    throw new Error(`${name} did not answer as it should:\n${head}`);
  }
}

function ask(port: number, seconds: number, fields: readonly string[]): Work {
  const text = runLoad("wrk", [
    ...["-t1", `-c${CONNECTIONS}`, `-d${Math.ceil(seconds)}s`, ...fields],
    `http://127.0.0.1:${port}/kib`,
  ]);
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  return { done: Number(/(\d+) requests in/.exec(text)?.[1] ?? 0), errors: bad };
}
