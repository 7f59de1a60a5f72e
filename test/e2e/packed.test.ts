import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { PROJECT_KINDS, type ProjectKind } from "../../runtime/cli/project/project-files.ts";
import { runCommand, startCommand } from "../helpers/command.ts";
import { writeProject } from "../helpers/new-project.ts";
import { startNpmRegistry, type NpmRegistry } from "../helpers/npm-registry.ts";
import { packPackages } from "../helpers/packed-packages.ts";
import { describeCommand } from "./command-contract.ts";
import { describeHandlerPackage } from "./handler-package-contract.ts";

let dir: string;
/** A project made and installed as a user does it; others use its packages. */
let home: string;
let registry: NpmRegistry;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "gatewright-packed-"));
  registry = await startNpmRegistry(packPackages(join(dir, "packages")));
  await npm(["create", "--yes", "gatewright", "home", "--", "--template", "plain"], dir);
  home = join(dir, "home");
  await npm(["install", "gatewright-plugin-api-key"], home);
}, 180_000);

afterAll(async () => {
  await registry?.close();
  rmSync(dir, { recursive: true, force: true });
});

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--registry", registry.url];
  const result = await runCommand("npm", [...quiet, ...args], { cwd });
  if (result.code !== 0) throw new Error(`npm ${args.join(" ")}: ${result.out}${result.err}`);
  return result.out;
}

describe("the packed packages, installed elsewhere", () => {
  /** Beside the project's node_modules, so that its packages are found. */
  const newProject = (kind?: ProjectKind): string => {
    const project = mkdtempSync(join(home, "project-"));
    writeProject(project, kind);
    return project;
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

  it("make a project of which `npm run dev` shows a save at once", async () => {
    const dev = startCommand("npm", ["run", "dev", "--", "--port", "0"], { cwd: home });
    const [, url] = await dev.until(/"url":"(http:\/\/127\.0\.0\.1:\d+)"[^\n]*"msg":"listening"/);
    expect(await (await fetch(`${url}/world`)).text()).toBe("Hello from /world\n");
    const file = join(home, "proxy.config.ts");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace("Hello from", "Changed at"));
    await dev.until(/"msg":"reloaded"/);
    expect(await (await fetch(`${url}/world`)).text()).toBe("Changed at /world\n");
    writeFileSync(file, text);
    // npm does not pass signals on.
    const [, pid] = await dev.until(/"pid":(\d+)/);
    process.kill(Number(pid), "SIGTERM");
    await dev.exited;
  });

  it.each(Object.keys(PROJECT_KINDS) as ProjectKind[])(
    "make the test, the types and the check of a new %s project pass",
    async (kind) => {
      const project = newProject(kind);
      const test = await runCommand("npm", ["test"], { cwd: project });
      expect(test.out + test.err).toMatch(/fail 0/);
      expect(test.code).toBe(0);
      const types = await runCommand(join(home, "node_modules/.bin/tsc"), ["-p", "."], {
        cwd: project,
      });
      expect(types.out).toBe("");
      const check = await runCommand("npx", ["gatewright", "check"], { cwd: project });
      expect(check.out + check.err).toMatch(/^ok proxy\.config\.ts/m);
    },
  );
});

describe("a packed handler package, installed elsewhere", () => {
  describeHandlerPackage(() => home);
});
