/**
 * slowhttptest (Debian package of that name) against the real command: slow heads, slow contents, slow readers. While it
 * runs, others are served. Only in `npm run test:full`, and only where it is installed.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it, onTestFinished } from "vitest";

import { startMeasuredProxy } from "../helpers/measured-proxy.ts";
import { startPatternOrigin } from "../helpers/pattern-origin.ts";
import { isFullScale } from "../helpers/scale.ts";

const isInstalled = spawnSync("slowhttptest", ["-h"]).error === undefined;
/** A thousand of them are four times what may wait for clients. */
const CONTENT_BYTES = 1024 * 1024;
const SECONDS = 40;
const CLIENTS = ["-c", "1000", "-l", String(SECONDS), "-p", "3"];

/** Rows of its report: seconds, connections that close, pend, are connected, whether its own probe was answered. */
const AVAILABLE = 4;

describe.skipIf(!isFullScale || !isInstalled)("slowhttptest", () => {
  it.for<[name: string, mode: string[]]>([
    ["heads", ["-H", "-r", "200", "-i", "5", "-t", "GET", "-x", "24"]],
    ["contents", ["-B", "-r", "200", "-i", "5", "-s", "8192", "-t", "POST", "-x", "10"]],
    // 50 MiB of answers a second: what they wait for is their own slowness, not what one core can move.
    ["readers", ["-X", "-r", "50", "-n", "5", "-w", "512", "-y", "1024", "-z", "32", "-k", "3"]],
  ])(
    "finds the service available throughout: slow %s",
    { timeout: 120_000 },
    async ([, mode], { annotate }) => {
      const origin = await startPatternOrigin(CONTENT_BYTES);
      const folder = await mkdtemp(join(tmpdir(), "gatewright-slowhttptest-"));
      onTestFinished(async () => {
        origin.close();
        await rm(folder, { recursive: true, force: true });
      });
      await using proxy = await startMeasuredProxy({
        config: `export default {
        upstreams: { api: { targets: ["${origin.url}"] } },
        routes: [{ match: { path: "/probe" }, respond: { body: "ok" } }, { upstream: "api" }],
        log: { access: false },
      };`,
      });
      const report = join(folder, "report");
      const child = spawn(
        "slowhttptest",
        [...mode, ...CLIENTS, "-u", `${proxy.url}/`, "-g", "-o", report],
        {
          stdio: "ignore",
        },
      );
      const exited = once(child, "exit");
      let over = false;
      void exited.then(() => (over = true));
      let slowestMs = 0;
      let probes = 0;
      while (!over) {
        const startedAt = performance.now();
        const response = await fetch(`${proxy.url}/probe`, { signal: AbortSignal.timeout(5000) });
        expect(await response.text()).toBe("ok");
        slowestMs = Math.max(slowestMs, performance.now() - startedAt);
        probes += 1;
        await delay(100);
      }
      const rows = (await readFile(`${report}.csv`, "utf8")).trim().split("\n").slice(1);
      const unavailable = rows.filter((row) => Number(row.split(",")[AVAILABLE]) === 0);
      await annotate(
        `${probes} probes, the slowest ${slowestMs.toFixed(0)} ms; ${rows.length} rows`,
      );
      expect(rows.length).toBeGreaterThan(5);
      expect(unavailable).toEqual([]);
      expect(slowestMs).toBeLessThan(1000);
    },
  );
});
