/**
 * `npm run bench`: a small GET through every proxy that is installed, beside each other in one run.
 *
 * One core for the proxy, another for load (wrk) and origin. Each round visits every peer in turn, so that a drifting
 * machine drifts for all. The figure is CPU time (user + system, whole process tree) per request; medians over rounds,
 * ratios against the yardstick. Absolute times mean nothing beyond the machine they were taken on.
 *
 * BENCH_ROUNDS (default 5), BENCH_SECONDS a round and peer (default 4), BENCH_CONNECTIONS (default 32),
 * BENCH_ONLY (parts of peers' names, separated by commas).
 */
import { spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";

import { accepting, freePort, LOAD_CORE, makeDir, PEERS, startOrigin, type Peer } from "./peers.ts";
import { treeCpuSeconds } from "./process-cpu.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 4);
const CONNECTIONS = Number(process.env["BENCH_CONNECTIONS"] ?? 32);
const ONLY = process.env["BENCH_ONLY"]?.toLowerCase().split(",");

function wanted(name: string): boolean {
  return ONLY === undefined || ONLY.some((part) => name.toLowerCase().includes(part));
}

interface Contestant {
  readonly peer: Peer;
  readonly port: number;
  readonly child: ChildProcess;
  /** CPU microseconds per request, one for each round. */
  readonly samples: number[];
  errors: number;
}

function load(port: number, seconds: number): { requests: number; errors: number } {
  const result = spawnSync(
    "taskset",
    [
      "-c",
      String(LOAD_CORE),
      "wrk",
      "-t1",
      `-c${CONNECTIONS}`,
      `-d${seconds}s`,
      `http://127.0.0.1:${port}/small`,
    ],
    { encoding: "utf8" },
  );
  if (result.status !== 0) throw new Error(`wrk failed: ${result.stderr || result.stdout}`);
  const requests = Number(/(\d+) requests in/.exec(result.stdout)?.[1] ?? 0);
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(result.stdout)?.[1] ?? 0);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+)/.exec(result.stdout);
  const broken = socket === null ? 0 : socket.slice(1).reduce((sum, text) => sum + Number(text), 0);
  return { requests, errors: bad + broken };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  await Promise.race([once(child, "exit"), new Promise((resolve) => setTimeout(resolve, 3000))]);
  if (child.exitCode === null) child.kill("SIGKILL");
}

async function main(): Promise<void> {
  if (cpus().length < 2) throw new Error("the benchmark needs two cores");
  if (spawnSync("sh", ["-c", "command -v wrk && command -v taskset"]).status !== 0) {
    throw new Error("the benchmark needs wrk and taskset (Debian: apt-get install wrk util-linux)");
  }
  const root = mkdtempSync(join(tmpdir(), "gatewright-bench-"));
  const originPort = await freePort();
  const origin = startOrigin(makeDir(root, "origin"), originPort);
  const contestants: Contestant[] = [];
  try {
    await accepting(originPort);
    for (const peer of PEERS) {
      if (!wanted(peer.name)) continue;
      const missing = peer.missing();
      if (missing !== undefined) {
        console.error(`left out: ${peer.name} (${missing})`);
        continue;
      }
      const port = await freePort();
      const child = peer.start(makeDir(root, peer.name), port, originPort);
      await accepting(port);
      contestants.push({ peer, port, child, samples: [], errors: 0 });
      load(port, 2);
    }
    for (let round = 1; round <= ROUNDS; round++) {
      for (const contestant of contestants) {
        const pid = contestant.child.pid ?? 0;
        const before = treeCpuSeconds(pid);
        const { requests, errors } = load(contestant.port, SECONDS);
        const spent = treeCpuSeconds(pid) - before;
        contestant.errors += errors;
        contestant.samples.push((spent / Math.max(1, requests)) * 1e6);
      }
      console.error(`round ${round} of ${ROUNDS}`);
    }
    report(contestants);
  } finally {
    await Promise.all(contestants.map((contestant) => stop(contestant.child)));
    await stop(origin);
    rmSync(root, { recursive: true, force: true });
  }
}

function report(contestants: readonly Contestant[]): void {
  const yardstick = contestants.find((one) => one.peer.name.startsWith("yardstick"));
  const ratio = (one: Contestant, other: Contestant): string =>
    median(one.samples.map((sample, i) => sample / (other.samples[i] ?? Number.NaN))).toFixed(2);
  const ours = contestants[0];
  console.log(
    `Small GET, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s, one core; Node ${process.version}\n`,
  );
  console.log(
    "| proxy | CPU µs a request (median) | to the yardstick | Gatewright to it | errors |",
  );
  console.log("|---|---|---|---|---|");
  for (const one of contestants) {
    console.log(
      `| ${one.peer.name} | ${median(one.samples).toFixed(1)} | ${yardstick === undefined ? "" : ratio(one, yardstick)} | ${ours === undefined ? "" : ratio(ours, one)} | ${one.errors} |`,
    );
  }
}

await main();
