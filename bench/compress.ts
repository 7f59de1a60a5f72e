/**
 * `npm run bench -- compress`: 100 KiB of JSON from the origin, compressed with gzip at level 6 by each proxy. Megabytes of
 * JSON for each CPU second of the whole process tree.
 *
 * BENCH_ENCODING: `br` or `zstd` at Gatewright's own levels instead; nginx then sends plain content and is left out.
 */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";

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
import { gatewright, JSON_BYTES, nginxPeer } from "./peers.ts";
import { gatewrightCompressing, nginxCompressing } from "./peers/configs.ts";

const WARM_UP_REQUESTS = 12_000;
const CONNECTIONS = 16;
const ENCODING = process.env["BENCH_ENCODING"] ?? "gzip";
const DECODE: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  gzip: gunzipSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

const PEERS = [
  gatewright("Gatewright", (_dir, port, origin) => gatewrightCompressing(port, origin)),
  ...(ENCODING === "gzip" ? [nginxPeer("nginx", nginxCompressing)] : []),
];

export async function benchCompress(): Promise<void> {
  needs("wrk", "curl", "nginx");
  await withPeers(PEERS, (contestants) => {
    const sizes = contestants.map(compressedBytes);
    const figures = runRounds(contestants, load, WARM_UP_REQUESTS);
    console.log(
      `JSON of ${JSON_BYTES / 1024} KiB with ${ENCODING}, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s, one core; Node ${process.version}\n`,
    );
    printTable(
      [
        "proxy",
        "MB a CPU second (median)",
        "Gatewright's throughput to it",
        "bytes sent",
        "errors",
      ],
      figures.map((one, at) => [
        one.name,
        (JSON_BYTES / median(one.samples)).toFixed(1),
        toText(1 / ratio(figures[0], one), 2),
        String(sizes[at]),
        String(one.errors),
      ]),
    );
  });
}

/** What is sent of it; throws if that is not the whole content in the coding. */
function compressedBytes({ name, port }: Contestant): number {
  const url = `http://127.0.0.1:${port}/json`;
  const text = runLoad("sh", [
    "-c",
    `curl -s -H "Accept-Encoding: ${ENCODING}" ${url} | base64 -w 0`,
  ]);
  const bytes = Buffer.from(text, "base64");
  if (DECODE[ENCODING]?.(bytes).length !== JSON_BYTES) {
    throw new Error(`${name} did not send the content in ${ENCODING}`);
  }
  return bytes.length;
}

function load(port: number, seconds: number): Work {
  const text = runLoad("wrk", [
    "-t1",
    `-c${CONNECTIONS}`,
    `-d${Math.ceil(seconds)}s`,
    "-H",
    `Accept-Encoding: ${ENCODING}`,
    `http://127.0.0.1:${port}/json`,
  ]);
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  return { done: Number(/(\d+) requests in/.exec(text)?.[1] ?? 0), errors: bad };
}
