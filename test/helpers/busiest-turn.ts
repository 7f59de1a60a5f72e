/**
 * How much CPU time this thread spends at most between two turns of its loop while `work` goes on, in milliseconds. Not
 * the time that passes: on a busy machine others take their share of that, and no code of ours can do anything about it.
 */
export async function busiestTurnMs(work: () => Promise<unknown>): Promise<number> {
  let most = 0;
  let last = cpuMs();
  let isOver = false;
  const tick = (): void => {
    const now = cpuMs();
    most = Math.max(most, now - last);
    last = now;
    if (!isOver) setImmediate(tick);
  };
  setImmediate(tick);
  try {
    await work();
  } finally {
    isOver = true;
  }
  return most;
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
