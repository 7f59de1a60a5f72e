/**
 * `npm run bench -- idle`: memory (resident, whole process tree) for each idle TLS connection that has made one request
 * over HTTP/1.1.
 *
 * BENCH_IDLE: how many connections (default 2000; the full size is 10000, which needs `ulimit -n 20000`).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { needs, printTable, toText, withPeers } from "./contest.ts";
import { LOAD_CORE } from "./peers.ts";
import { treeRssBytes } from "./process-usage.ts";
import { withTlsPeers } from "./tls-peers.ts";

const COUNT = Number(process.env["BENCH_IDLE"] ?? 2000);
const WARM_UP = 200;
const SETTLE_MS = 2000;
const HOLDER = join(import.meta.dirname, "idle-load.ts");

export async function benchIdle(): Promise<void> {
  needs();
  await withTlsPeers((tls) =>
    withPeers([tls.gatewright, tls.nginx, tls.caddy], async (contestants) => {
      const bytes: number[] = [];
      for (const { port, child } of contestants) {
        await hold(port, WARM_UP, async () => {});
        const before = treeRssBytes(child.pid ?? 0);
        await hold(port, COUNT, async () => {
          bytes.push((treeRssBytes(child.pid ?? 0) - before) / COUNT);
        });
      }
      console.log(`${COUNT} idle TLS connections; Node ${process.version}\n`);
      printTable(
        ["server", "KB a connection", "Gatewright to it"],
        contestants.map(({ name }, at) => [
          name,
          toText((bytes[at] ?? 0) / 1000, 1),
          toText((bytes[0] ?? 0) / (bytes[at] ?? 0), 2),
        ]),
      );
    }),
  );
}

async function hold(port: number, count: number, look: () => Promise<void>): Promise<void> {
  const holder = spawn(
    "taskset",
    ["-c", String(LOAD_CORE), process.execPath, HOLDER, String(port), String(count)],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const failed = once(holder, "exit").then(([code]) => {
    throw new Error(`connections could not be held: exit ${code}`);
  });
  failed.catch(() => {});
  await Promise.race([once(holder.stdout, "data"), failed]);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  await look();
  holder.stdin.end();
  await once(holder, "exit");
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}
