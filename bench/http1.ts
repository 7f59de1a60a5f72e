/**
 * `npm run bench`: a small GET in plain text through every proxy that is installed. CPU time (user + system, whole
 * process tree) per request; ratios against the yardstick.
 *
 * BENCH_CONNECTIONS (default 32).
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
import { PEERS } from "./peers.ts";

const WARM_UP_REQUESTS = 60_000;
const CONNECTIONS = Number(process.env["BENCH_CONNECTIONS"] ?? 32);

export async function benchHttp1(): Promise<void> {
  needs("wrk");
  await withPeers(PEERS, (contestants) => {
    const figures = runRounds(contestants, load, WARM_UP_REQUESTS);
    const yardstick = figures.find((one) => one.name.startsWith("yardstick"));
    console.log(
      `Small GET, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s, one core; Node ${process.version}\n`,
    );
    printTable(
      ["proxy", "CPU µs a request (median)", "to the yardstick", "Gatewright to it", "errors"],
      figures.map((one) => [
        one.name,
        median(one.samples).toFixed(1),
        toText(ratio(one, yardstick), 2),
        toText(ratio(figures[0], one), 2),
        String(one.errors),
      ]),
    );
  });
}

function load(port: number, seconds: number): Work {
  const text = runLoad("wrk", [
    "-t1",
    `-c${CONNECTIONS}`,
    `-d${Math.ceil(seconds)}s`,
    `http://127.0.0.1:${port}/small`,
  ]);
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+)/.exec(text);
  const broken = socket === null ? 0 : socket.slice(1).reduce((sum, one) => sum + Number(one), 0);
  return { done: Number(/(\d+) requests in/.exec(text)?.[1] ?? 0), errors: bad + broken };
}
