/**
 * `npm run bench -- tls`: handshakes per CPU second (user + system, whole process tree) with an ECDSA P-256 certificate,
 * full and resumed. More is better: ratios are those of handshakes, not of costs.
 */
import { join } from "node:path";

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

const CLIENT = join(import.meta.dirname, "tls-load.ts");
const WARM_UP_HANDSHAKES = 6000;
const KINDS = [
  ["full", "TLSv1.3"],
  ["full", "TLSv1.2"],
  ["resumed", "TLSv1.3"],
  ["resumed", "TLSv1.2"],
] as const;
const WANTED = process.env["BENCH_HANDSHAKES"]?.split(",");

export async function benchTls(): Promise<void> {
  needs();
  await withTlsPeers((tls) =>
    withPeers([tls.gatewright, tls.bareTls, tls.nginx, tls.caddy], (contestants) => {
      for (const [kind, version] of KINDS) {
        const name = `${kind} ${version}`;
        if (WANTED !== undefined && !WANTED.some((part) => name.includes(part))) continue;
        const figures = runRounds(
          contestants,
          (port, seconds) => load(port, kind, version, seconds),
          WARM_UP_HANDSHAKES,
        );
        console.log(
          `${name}, ECDSA P-256, X25519, ${ROUNDS} rounds of ${SECONDS} s, one core; Node ${process.version}\n`,
        );
        printTable(
          ["server", "handshakes a CPU second (median)", "Gatewright to it", "errors"],
          figures.map((one) => [
            one.name,
            (1e6 / median(one.samples)).toFixed(0),
            toText(ratio(one, figures[0]), 2),
            String(one.errors),
          ]),
        );
      }
    }),
  );
}

function load(port: number, kind: string, version: string, seconds: number): Work {
  return JSON.parse(
    runLoad(process.execPath, [CLIENT, String(port), kind, version, String(seconds)]),
  ) as Work;
}
