/** Every package of `examples/`, packed, installed in an empty folder and run together. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { TEMPLATE_VERSIONS } from "../../runtime/cli/project/project-files.ts";
import { createAllPackages } from "../helpers/all-packages.ts";
import { runCommand, startCommand } from "../helpers/command.ts";
import { writeProject } from "../helpers/new-project.ts";
import { startNpmRegistry } from "../helpers/npm-registry.ts";
import { packPackages } from "../helpers/packed-packages.ts";
import { isFullScale } from "../helpers/scale.ts";

it.runIf(isFullScale)(
  "all packages work as npm installs them, and TypeScript finds their types",
  { timeout: 300_000 },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "gatewright-packed-all-"));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const tarballs = packPackages(join(dir, "packages"), "all");
    const registry = await startNpmRegistry(tarballs);
    onTestFinished(() => registry.close());

    const project = join(dir, "project");
    writeProject(project);
    const others = Object.entries(TEMPLATE_VERSIONS).map(([name, version]) => `${name}@${version}`);
    const names = tarballs.map(({ name }) => name).filter((name) => !name.startsWith("create-"));
    expect(names.length).toBeGreaterThan(11);
    const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--registry", registry.url];
    const installed = await runCommand("npm", ["install", ...quiet, ...names, ...others], {
      cwd: project,
    });
    expect(installed, installed.err).toMatchObject({ code: 0 });

    const packages = await createAllPackages();
    const config = packages
      .config(7)
      .replace('"../handler-package/index.ts"', '"gatewright-plugin-api-key"');
    expect(config).toContain("gatewright-plugin-api-key");
    writeFileSync(join(project, "proxy.config.ts"), config);
    const bin = join(project, "node_modules/.bin");
    const options = { cwd: project, env: packages.env };
    // Types included; what `init` wrote beside it is checked too.
    const check = await runCommand(join(bin, "gatewright"), ["check"], options);
    expect(check.out + check.err).toMatch(/^ok proxy\.config\.ts: .*10 plugins/);

    const proxy = startCommand(join(bin, "gatewright"), ["start", "--port", "0"], options);
    const [, url] = await proxy.until(
      /"url":"(http:\/\/127\.0\.0\.1:\d+)"[^\n]*"msg":"listening"/,
      60_000,
    );
    expect(await packages.visit(fetch, url as string)).toBe("7");
    expect(await proxy.stop()).toBe(0);
    expect(proxy.output.err).toBe("");
  },
);
