/**
 * sqlmap (Debian package of that name), at its most eager, against an application that glues values into SQL: it reads a
 * table there, and learns nothing through the WAF at paranoia 1. Only in `npm run test:full`, and only where it is
 * installed; test/integration/waf-injection.test.ts has injections of our own that run always.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { SECRET, startSqlApp } from "../helpers/injectable-apps.ts";
import { isFullScale } from "../helpers/scale.ts";
import { startProxy } from "../helpers/start-proxy.ts";

const isInstalled = spawnSync("sqlmap", ["--version"]).error === undefined;

const DOORS: readonly [name: string, options: readonly string[]][] = [
  ["a query", ["-p", "id", "-u", "/item?id=1"]],
  ["a form", ["-p", "name", "-u", "/find", "--data", "name=lamp"]],
  [
    "JSON",
    [
      "-p",
      "name",
      "-u",
      "/find",
      "--data",
      '{"name":"lamp"}',
      "-H",
      "Content-Type: application/json",
    ],
  ],
  ["a cookie", ["-p", "shop", "-u", "/mine", "--cookie", "shop=north"]],
];

describe.skipIf(!isFullScale || !isInstalled)("sqlmap at level 5 and risk 3", () => {
  it.for(DOORS)(
    "reads a table through %s, and nothing through the WAF",
    { timeout: 1_200_000 },
    async ([, options], { annotate }) => {
      const app = await startSqlApp();
      expect(await run(app.url, options)).toContain(SECRET);
      const before = app.statements.length;
      const proxy = await startProxy({
        config: { waf: { mode: "block" }, upstreams: { app: { targets: [app.url] } } },
      });
      const report = await run(proxy.url, [...options, "--random-agent"]);
      await annotate(
        `${proxy.access.length} requests, ${app.statements.length - before} of them passed`,
      );
      expect(report).not.toContain(SECRET);
      expect(report).not.toMatch(/sqlmap identified the following injection point/);
      expect(report).toMatch(/do(?:es)? not (?:appear|seem) to be injectable/);
      expect(proxy.access.length).toBeGreaterThan(100);
    },
  );
});

/** What it prints. */
async function run(base: string, options: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gatewright-sqlmap-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const target = options.map((option) => (option.startsWith("/") ? base + option : option));
  const child = spawn(
    "sqlmap",
    [
      ...target,
      ...["--batch", "--disable-coloring", "--flush-session", "--skip-waf", "--output-dir", folder],
      ...["--level", "5", "--risk", "3", "--threads", "4", "--dbms", "sqlite"],
      ...["--time-sec", "1", "--ignore-code", "*", "--dump", "-T", "account"],
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => (printed += text));
  }
  onTestFinished(() => void child.kill());
  await new Promise((resolve) => child.once("close", resolve));
  return printed;
}
