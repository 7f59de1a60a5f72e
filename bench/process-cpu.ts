import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks a second of /proc's times; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface ProcessTimes {
  readonly parent: number;
  /** User and system time in ticks, dead and reaped children included. */
  readonly ticks: number;
}

/** CPU seconds (user + system) that a process and all its descendants have used so far. Linux only. */
export function treeCpuSeconds(root: number): number {
  const all = new Map<number, ProcessTimes>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const times = readTimes(Number(entry));
    if (times !== undefined) all.set(Number(entry), times);
  }
  let ticks = 0;
  for (const [pid, times] of all) {
    if (isDescendant(pid, root, all)) ticks += times.ticks;
  }
  return ticks / TICKS_PER_SECOND;
}

function readTimes(pid: number): ProcessTimes | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in parentheses may hold spaces: count from its end. Field 4 is the parent, 14 to 17 the times.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
    return { parent: Number(fields[1]), ticks };
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
