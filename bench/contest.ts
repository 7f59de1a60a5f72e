/** What every scenario of the benchmark has in common: peers beside each other, in rounds, and their figures. */
import { spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";

import { accepting, freePort, LOAD_CORE, makeDir, startOrigin, type Peer } from "./peers.ts";
import { treeCpuSeconds } from "./process-usage.ts";

export const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
export const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 4);

const LEAD_IN_SECONDS = 1.5;
const MAX_WARM_UP_MS = 40_000;
const ONLY = process.env["BENCH_ONLY"]?.toLowerCase().split(",");

export interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
}

/** What one run of the load has done. */
export interface Work {
  readonly done: number;
  readonly errors: number;
}

export interface Figures {
  readonly name: string;
  /** CPU microseconds for one unit of work, one for each round. */
  readonly samples: number[];
  errors: number;
}

/** Starts the origin and the peers that are here, and ends them after `contest`. */
export async function withPeers(
  peers: readonly Peer[],
  contest: (contestants: readonly Contestant[]) => void | Promise<void>,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "gatewright-bench-"));
  const originPort = await freePort();
  const origin = startOrigin(makeDir(root, "origin"), originPort);
  const contestants: Contestant[] = [];
  try {
    await accepting(originPort);
    for (const peer of peers) {
      if (ONLY !== undefined && !ONLY.some((part) => peer.name.toLowerCase().includes(part))) {
        continue;
      }
      const missing = peer.missing();
      if (missing !== undefined) {
        console.error(`left out: ${peer.name} (${missing})`);
        continue;
      }
      const port = await freePort();
      const child = peer.start(makeDir(root, peer.name), port, originPort);
      contestants.push({ name: peer.name, port, child });
      await accepting(port);
    }
    await contest(contestants);
  } finally {
    await Promise.all(contestants.map((contestant) => stop(contestant.child)));
    await stop(origin);
    rmSync(root, { recursive: true, force: true });
  }
}

/**
 * Each round visits every peer in turn, so that a drifting machine drifts for all. Before that each peer does `warmUp`
 * units of work: code is compiled by how often it has run, and on a busy machine that takes longer than any fixed time.
 */
export function runRounds(
  contestants: readonly Contestant[],
  load: (port: number, seconds: number) => Work,
  warmUp = 1,
): Figures[] {
  const figures = contestants.map(({ name }): Figures => ({ name, samples: [], errors: 0 }));
  for (const { port } of contestants) {
    const until = performance.now() + MAX_WARM_UP_MS;
    for (let done = 0; done < warmUp && performance.now() < until;) done += load(port, 2).done;
  }
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [at, { port, child }] of contestants.entries()) {
      // While the others had their turn, its heap was shrunk and its code grew cold.
      load(port, LEAD_IN_SECONDS);
      const before = treeCpuSeconds(child.pid ?? 0);
      const { done, errors } = load(port, SECONDS);
      const spent = treeCpuSeconds(child.pid ?? 0) - before;
      const figure = figures[at] as Figures;
      figure.errors += errors;
      figure.samples.push((spent / Math.max(1, done)) * 1e6);
    }
    console.error(`round ${round} of ${ROUNDS}`);
  }
  return figures;
}

/** Median of what `one` costs in a round, divided by what `other` costs in it. */
export function ratio(one: Figures | undefined, other: Figures | undefined): number {
  if (one === undefined || other === undefined) return Number.NaN;
  return median(one.samples.map((sample, i) => sample / (other.samples[i] ?? Number.NaN)));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  console.log([line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line), ""].join("\n"));
}

export function toText(value: number, digits: number): string {
  return Number.isNaN(value) ? "" : value.toFixed(digits);
}

/** Runs on the core of load and origin; its standard output. */
export function runLoad(command: string, args: readonly string[]): string {
  const result = spawnSync("taskset", ["-c", String(LOAD_CORE), command, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (result.status !== 0) throw new Error(`${command} failed: ${result.stderr || result.stdout}`);
  return result.stdout;
}

/** Throws if something that the benchmark cannot do without is missing. */
export function needs(...commands: readonly string[]): void {
  if (cpus().length < 2) throw new Error("the benchmark needs two cores");
  for (const command of ["taskset", ...commands]) {
    if (spawnSync("sh", ["-c", `command -v ${command}`]).status !== 0) {
      throw new Error(
        `the benchmark needs ${command} (Debian: apt-get install wrk nghttp2-client util-linux)`,
      );
    }
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  await Promise.race([once(child, "exit"), new Promise((resolve) => setTimeout(resolve, 3000))]);
  if (child.exitCode === null) child.kill("SIGKILL");
}
