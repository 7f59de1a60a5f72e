/**
 * `npm run bench -- h2`: a small GET over HTTP/2 with TLS, from h2load. CPU time (user + system, whole process tree) per
 * request.
 *
 * BENCH_CONNECTIONS (default 32), BENCH_STREAMS on each (default 16).
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
  type Work,
} from "./contest.ts";
import { withTlsPeers } from "./tls-peers.ts";

const WARM_UP_REQUESTS = 60_000;
const CONNECTIONS = Number(process.env["BENCH_CONNECTIONS"] ?? 32);
const STREAMS = Number(process.env["BENCH_STREAMS"] ?? 16);

export async function benchH2(): Promise<void> {
  needs("h2load");
  await withTlsPeers((tls) =>
    withPeers([tls.gatewright, tls.bareHttp2, tls.nginx, tls.caddy], (contestants) => {
      const figures = runRounds(contestants, load, WARM_UP_REQUESTS);
      console.log(
        `Small GET over h2, ${STREAMS} streams on each of ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s, one core; Node ${process.version}\n`,
      );
      printTable(
        ["proxy", "CPU µs a request (median)", "Gatewright to it", "errors"],
        figures.map((one) => [
          one.name,
          median(one.samples).toFixed(1),
          toText(ratio(figures[0], one), 2),
          String(one.errors),
        ]),
      );
    }),
  );
}

/** Requests a second that each peer has managed, by port. */
const rates = new Map<number, number>();
const FIRST_REQUESTS = 10_000;

/**
 * A number of requests rather than a time: at the end of a time every stream is cut in the middle, and that would be
 * measured too. As many as take about that time.
 */
function load(port: number, seconds: number): Work {
  const rate = rates.get(port);
  const wanted = rate === undefined ? FIRST_REQUESTS : Math.max(2000, Math.round(rate * seconds));
  const began = performance.now();
  const text = runLoad("h2load", [
    "-t1",
    `-c${CONNECTIONS}`,
    `-m${STREAMS}`,
    `-n${wanted}`,
    `https://127.0.0.1:${port}/small`,
  ]);
  const statuses = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(text) ?? [];
  const [, good = "0", ...bad] = statuses;
  const broken = Number(/(\d+) errored/.exec(text)?.[1] ?? 0);
  if (good === "0") throw new Error(`nothing succeeds:\n${text}`);
  rates.set(port, wanted / ((performance.now() - began) / 1000));
  return { done: Number(good), errors: bad.reduce((sum, one) => sum + Number(one), broken) };
}
