import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks a second of /proc's times; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Of Linux on x86-64, and mostly on arm64. */
const PAGE_BYTES = 4096;

interface ProcessTimes {
  readonly parent: number;
  /** User and system time in ticks, dead and reaped children included. */
  readonly ticks: number;
  readonly rssPages: number;
}

/** CPU seconds (user + system) that a process and all its descendants have used so far. Linux only. */
export function treeCpuSeconds(root: number): number {
  return sumOfTree(root, (times) => times.ticks) / TICKS_PER_SECOND;
}

/** Resident memory of a process and all its descendants. Linux only. */
export function treeRssBytes(root: number): number {
  return sumOfTree(root, (times) => times.rssPages) * PAGE_BYTES;
}

function sumOfTree(root: number, amount: (times: ProcessTimes) => number): number {
  const all = new Map<number, ProcessTimes>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const times = readTimes(Number(entry));
    if (times !== undefined) all.set(Number(entry), times);
  }
  let sum = 0;
  for (const [pid, times] of all) {
    if (isDescendant(pid, root, all)) sum += amount(times);
  }
  return sum;
}

function readTimes(pid: number): ProcessTimes | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in parentheses may hold spaces: count from its end. Field 4 is the parent, 14 to 17 are the times, 24 is
    // the resident size.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
    return { parent: Number(fields[1]), ticks, rssPages: Number(fields[21]) };
  } catch {
    return undefined;
  }
}

function isDescendant(pid: number, root: number, all: ReadonlyMap<number, ProcessTimes>): boolean {
  let at: number | undefined = pid;
  while (at !== undefined && at > 0) {
    if (at === root) return true;
    at = all.get(at)?.parent;
  }
  return false;
}
