import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { projectFiles } from "../../runtime/cli/templates.ts";
import { runCommand } from "../helpers/command.ts";
import { describeCommand } from "./command-contract.ts";

const root = resolve(import.meta.dirname, "../..");
let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "gatewright-packed-"));
  const stage = join(home, "stage");
  buildInto(stage);
  const tarballs = ["sdk", "runtime"].map((name) => pack(join(stage, name)));
  writeFileSync(join(home, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const install = ["install", "--no-audit", "--no-fund", "--prefer-offline"];
  npm([...install, ...tarballs], home);
  // `check` uses the project's TypeScript: any copy will do.
  npm([...install, "--save-dev", "typescript@^7.0.2", "@types/node@^26.6.6"], home);
}, 120_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** A build in a copy: the workspace itself stays without dist, which other tests rely on. */
function buildInto(stage: string): void {
  execFileSync(process.execPath, [join(root, "scripts/build.ts"), "--no-check", "--into", stage], {
    cwd: root,
  });
}

function pack(folder: string): string {
  npm(["pack", "--pack-destination", home], folder);
  const { name } = JSON.parse(
    execFileSync("cat", [join(folder, "package.json")], { encoding: "utf8" }),
  ) as { name: string };
  const prefix = name.replace("@", "").replace("/", "-");
  return join(
    home,
    readdirSync(home).find((file) => file.startsWith(`${prefix}-`) && file.endsWith(".tgz"))!,
  );
}

function npm(args: readonly string[], cwd: string): void {
  execFileSync("npm", args, { cwd, stdio: "pipe" });
}

describe("the packed packages, installed elsewhere", () => {
  const newProject = (): string => {
    const dir = mkdtempSync(join(home, "project-"));
    for (const [file, text] of projectFiles("project")) writeFileSync(join(dir, file), text);
    return dir;
  };

  describeCommand(() => ({
    command: [join(home, "node_modules/.bin/gatewright")],
    newProject: () => Promise.resolve(newProject()),
  }));

  it("carry no TypeScript sources", () => {
    for (const name of ["gatewright", "@gatewright/sdk"]) {
      const files = readdirSync(join(home, "node_modules", name), {
        recursive: true,
        encoding: "utf8",
      });
      expect(files.filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))).toEqual([]);
    }
  });

  it("make the test of a new project pass", async () => {
    const dir = newProject();
    const result = await runCommand(process.execPath, ["--test"], { cwd: dir });
    expect(result.out + result.err).toMatch(/# pass 3|pass 3/);
    expect(result.code).toBe(0);
    expect(
      (await runCommand(join(home, "node_modules/.bin/tsc"), ["-p", "."], { cwd: dir })).out,
    ).toBe("");
  });
});
