/**
 * http-tests/cache-tests, as it is, through a proxy with `cache: true` and otherwise default options. It is not part of
 * this repository: `GATEWRIGHT_CACHE_TESTS` names a folder with a checkout of https://github.com/http-tests/cache-tests
 * and its packages installed. Without it the test is skipped.
 */
import { execFile, spawn } from "node:child_process";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { describe, expect, it, onTestFinished } from "vitest";

import { startProxy } from "../helpers/start-proxy.ts";
import { CACHE_GAPS } from "./cache-gaps.ts";

const folder = process.env["GATEWRIGHT_CACHE_TESTS"];
const MIN_REQUIRED = 150;
const MIN_OPTIMAL = 85;

interface SuiteTest {
  readonly id: string;
  readonly kind?: "required" | "optimal" | "check";
  readonly browser_only?: boolean;
}

describe("http-tests/cache-tests", () => {
  it.skipIf(folder === undefined)(
    "passes but for the known gaps (set GATEWRIGHT_CACHE_TESTS to its folder)",
    { timeout: 300_000 },
    async () => {
      const origin = await startOrigin(folder ?? "");
      const proxy = await startProxy({
        config: {
          upstreams: { origin: { targets: [`http://127.0.0.1:${origin}`] } },
          routes: [{ upstream: "origin", cache: true }],
        },
      });
      const results = await runClient(folder ?? "", proxy.url);
      // The suite's origin cuts connections on purpose.
      proxy.takeErrors();
      const failed = await failures(folder ?? "", results);
      const count = (kind: string): string => {
        const [total, bad] = [failed.totals[kind] ?? 0, failed[kind as "required"].length];
        return `${total - bad} of ${total} ${kind}`;
      };
      print(`cache-tests: ${count("required")}, ${count("optimal")}`);
      for (const id of [...failed.required, ...failed.optimal])
        print(`  ${id}: ${JSON.stringify(results[id])} ${CACHE_GAPS[id] ?? "NEW"}`);
      const unexpected = [...failed.required, ...failed.optimal].filter(
        (id) => !(id in CACHE_GAPS),
      );
      expect(unexpected).toEqual([]);
      expect((failed.totals["required"] ?? 0) - failed.required.length).toBeGreaterThanOrEqual(
        MIN_REQUIRED,
      );
      expect((failed.totals["optimal"] ?? 0) - failed.optimal.length).toBeGreaterThanOrEqual(
        MIN_OPTIMAL,
      );
    },
  );
});

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function startOrigin(suite: string): Promise<number> {
  const port = await freePort();
  const child = spawn(process.execPath, [join(suite, "test-engine/server/server.mjs")], {
    cwd: suite,
    env: {
      ...process.env,
      npm_config_protocol: "http",
      npm_config_port: `${port}`,
      npm_config_pidfile: join(tmpdir(), `cache-tests-${port}.pid`),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error("the suite's server has ended")));
    child.stdout.on("data", (text: Buffer) => {
      if (text.toString().includes("Listening")) resolve();
    });
  });
  return port;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function runClient(suite: string, base: string): Promise<Readonly<Record<string, unknown>>> {
  const id = process.env["GATEWRIGHT_CACHE_TEST_ID"] ?? "";
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ["--no-warnings", join(suite, "test-engine/cli.mjs")],
      {
        cwd: suite,
        env: {
          ...process.env,
          npm_config_base: base,
          npm_config_id: id,
          npm_package_config_id: "",
        },
        maxBuffer: 64 * 1024 ** 2,
      },
      (error, stdout, stderr) => {
        if (id !== "") print(stdout);
        if (error !== null) reject(new Error(stderr || error.message));
        else if (id === "") resolve(JSON.parse(stdout) as Record<string, unknown>);
        else resolve({});
      },
    );
  });
}

async function failures(
  suite: string,
  results: Readonly<Record<string, unknown>>,
): Promise<{ required: string[]; optimal: string[]; totals: Record<string, number> }> {
  const load = (file: string): Promise<Record<string, unknown>> =>
    import(pathToFileURL(join(suite, file)).href) as Promise<Record<string, unknown>>;
  const suites = (await load("tests/index.mjs"))["default"] as { tests: SuiteTest[] }[];
  const { determineTestResult, resultTypes } = (await load("test-engine/lib/results.mjs")) as {
    determineTestResult(suites: unknown, id: string, results: unknown): unknown;
    resultTypes: Record<string, unknown>;
  };
  const failed = { required: [] as string[], optimal: [] as string[] };
  const totals: Record<string, number> = {};
  for (const test of suites.flatMap((one) => one.tests)) {
    const kind = test.kind ?? "required";
    if (test.browser_only === true || kind === "check") continue;
    totals[kind] = (totals[kind] ?? 0) + 1;
    if (determineTestResult(suites, test.id, results) !== resultTypes["pass"])
      failed[kind].push(test.id);
  }
  return { ...failed, totals };
}
