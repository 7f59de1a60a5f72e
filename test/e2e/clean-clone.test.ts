/** README's two commands in a clean clone of what is committed. Takes a minute or two: at full scale only. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { runCommand, startCommand } from "../helpers/command.ts";
import { isFullScale } from "../helpers/scale.ts";

const root = resolve(import.meta.dirname, "../..");
const git = (...args: string[]) => spawnSync("git", args, { cwd: root, encoding: "utf8" });
const isCheckout = git("rev-parse", "--verify", "HEAD").status === 0;
/** What is installed here would be found before what the clone installs. */
const PATH = (process.env["PATH"] ?? "")
  .split(":")
  .filter((folder) => !folder.includes("node_modules"))
  .join(":");

it("README's two commands are those that this test runs", () => {
  const commands = readFileSync(join(root, "README.md"), "utf8")
    .match(/```sh\n([^`]*)```/)?.[1]
    ?.split("\n")
    .map((line) => line.replace(/\s+#.*/, ""));
  expect(commands?.slice(0, 2)).toEqual(["npm ci && npm start", "npm ci && npm test"]);
});

it.runIf(isFullScale && isCheckout)(
  "a clean clone starts and runs tests after `npm ci`",
  { timeout: 600_000 },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "gatewright-clone-"));
    // Tens of thousands of files: on a busy disk longer than hooks usually may.
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }), 120_000);
    expect(git("clone", "--quiet", "--no-hardlinks", root, dir)).toMatchObject({ status: 0 });
    const options = { cwd: dir, env: { PATH, GATEWRIGHT_TEST_SCALE: undefined } };
    const quiet = ["--prefer-offline", "--no-audit", "--no-fund"];
    const installed = await runCommand("npm", ["ci", ...quiet], options);
    expect(installed, installed.err).toMatchObject({ code: 0 });

    const proxy = startCommand("npm", ["start", "--", "--port", "0"], options);
    const [, url] = await proxy.until(
      /"url":"(http:\/\/127\.0\.0\.1:\d+)"[^\n]*"msg":"listening"/,
      60_000,
    );
    const page = await fetch(url as string);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain("<html");
    // npm does not pass signals on.
    const [, pid] = await proxy.until(/"pid":(\d+)[^\n]*"msg":"open /);
    process.kill(Number(pid), "SIGTERM");
    expect(await proxy.exited).toBe(0);

    // The whole would be this test again, and all others.
    const files = ["test/unit/units.test.ts", "examples/minimal"];
    const tested = await runCommand("npm", ["test", "--", ...files], options);
    expect(tested.out).toMatch(/Tests: [1-9]\d* passed, 0 failed/);
    expect(tested.code).toBe(0);
  },
);
