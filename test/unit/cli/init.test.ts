import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

import { runInit } from "../../../runtime/cli/init.ts";
import { projectFiles, TEMPLATE_VERSIONS } from "../../../runtime/cli/templates.ts";
import { UsageError, type Terminal } from "../../../runtime/cli/terminal.ts";

interface Manifest {
  version: string;
  name: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const root = resolve(import.meta.dirname, "../../..");
const readManifest = (file: string): Manifest => JSON.parse(readFileSync(file, "utf8")) as Manifest;

function silent(): Terminal & { text: string } {
  const terminal = {
    text: "",
    out: (text: string): void => void (terminal.text += `${text}\n`),
    err: (text: string): void => void (terminal.text += `${text}\n`),
    outColor: false,
    errColor: false,
  };
  return terminal;
}

describe("runInit", () => {
  it("writes every file into the working folder and says what comes next", () => {
    const cwd = mkdtempSync(join(tmpdir(), "gatewright-init-"));
    const terminal = silent();
    expect(runInit(terminal, cwd, undefined)).toBe(0);
    expect(readdirSync(cwd).toSorted()).toEqual([...projectFiles("x").keys()].toSorted());
    expect(terminal.text).toContain("npm install");
    expect(terminal.text).not.toContain("cd ");
  });

  it("writes none of them if one is there, and lists it", () => {
    const cwd = mkdtempSync(join(tmpdir(), "gatewright-init-"));
    writeFileSync(join(cwd, "tsconfig.json"), "{}");
    expect(() => runInit(silent(), cwd, ".")).toThrow(/tsconfig\.json/);
    expect(readdirSync(cwd)).toEqual(["tsconfig.json"]);
    expect(readFileSync(join(cwd, "tsconfig.json"), "utf8")).toBe("{}");
  });

  it("refuses a file in place of a folder", () => {
    const cwd = mkdtempSync(join(tmpdir(), "gatewright-init-"));
    writeFileSync(join(cwd, "x"), "");
    expect(() => runInit(silent(), cwd, "x")).toThrow(UsageError);
  });

  it.each([
    ["My Proxy", "my-proxy"],
    [".hidden", "hidden"],
    ["Ünï", "n"],
    ["漢字", "proxy"],
    ["a_b.c-d", "a_b.c-d"],
  ])("names the package of folder %s %s", (folder, name) => {
    const cwd = mkdtempSync(join(tmpdir(), "gatewright-init-"));
    mkdirSync(join(cwd, folder));
    runInit(silent(), cwd, folder);
    expect(readManifest(join(cwd, folder, "package.json")).name).toBe(name);
  });
});

describe("the project's template", () => {
  it("pins the versions that this workspace is tested with", () => {
    const workspace = readManifest(join(root, "package.json")).devDependencies;
    for (const [name, version] of Object.entries(TEMPLATE_VERSIONS))
      expect(workspace[name]).toBe(version);
    const { dependencies } = JSON.parse(projectFiles("x").get("package.json")!) as Manifest;
    expect(dependencies).toEqual({
      "@gatewright/sdk": readManifest(join(root, "sdk/package.json")).version,
      gatewright: readManifest(join(root, "runtime/package.json")).version,
    });
  });
});
