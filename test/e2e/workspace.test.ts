import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { runCommand, startCommand } from "../helpers/command.ts";
import { writeProject } from "../helpers/new-project.ts";
import { describeCommand } from "./command-contract.ts";

const root = resolve(import.meta.dirname, "../..");
const dirs: string[] = [];

/** Inside the workspace, so that the SDK resolves as for the examples. */
function newProject(): string {
  const dir = mkdtempSync(join(root, "examples", ".e2e-"));
  dirs.push(dir);
  writeProject(dir);
  // Here the SDK is its sources: the condition is the workspace's.
  writeFileSync(
    join(dir, "tsconfig.json"),
    '{ "extends": "../../tsconfig.json", "include": ["**/*.ts"] }',
  );
  return dir;
}

afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

describe("the command in the workspace, without a build", () => {
  let bin: string;
  beforeAll(() => {
    bin = join(root, "node_modules/.bin/gatewright");
    // A build that lies around would be picked up if the sources were not.
    expect(existsSync(join(root, "runtime/cli.ts"))).toBe(true);
  });

  describeCommand(() => ({
    command: [bin],
    newProject: () => Promise.resolve(newProject()),
  }));

  it("runs the root config with `npm start`, whatever Node the machine has", async () => {
    const dir = mkdtempSync(join(root, "examples", ".e2e-"));
    dirs.push(dir);
    cpSync(join(root, "proxy.config.ts"), join(dir, "proxy.config.ts"));
    writeFileSync(
      join(dir, "package.json"),
      JSON.stringify({ type: "module", scripts: { start: "gatewright start" } }),
    );
    const proxy = startCommand("npm", ["start", "--silent", "--", "--port", "0"], { cwd: dir });
    const [, url] = await proxy.until(/"url":"(http:\/\/127\.0\.0\.1:\d+)"[^\n]*"msg":"listening"/);
    expect((await fetch(url!)).status).toBe(200);
    expect((await (await fetch(`${url}/api/hello?name=you`)).json()) as unknown).toEqual({
      hello: "you",
    });
    const [, pid] = await proxy.until(/"pid":(\d+)[^\n]*"msg":"open /);
    process.kill(Number(pid), "SIGTERM");
    expect(await proxy.exited).toBe(0);
  });

  it("tells an old Node in one sentence what it needs, with exit code 2", async () => {
    const script = `Object.defineProperty(process.versions, "node", { value: "20.1.0" }); await import(${JSON.stringify(join(root, "runtime/bin/gatewright.js"))});`;
    const result = await runCommand(process.execPath, ["--input-type=module", "-e", script], {
      cwd: root,
    });
    expect(result.code).toBe(2);
    expect(result.err.trim().split("\n")).toHaveLength(1);
    expect(result.err).toContain("Node.js 24 or newer");
  });
});
