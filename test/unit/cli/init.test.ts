import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

import { runInit } from "../../../runtime/cli/init.ts";
import {
  PROJECT_KINDS,
  projectFiles,
  TEMPLATE_VERSIONS,
  type ProjectKind,
} from "../../../runtime/cli/project/project-files.ts";
import { UsageError, type Terminal } from "../../../runtime/cli/terminal.ts";

interface Manifest {
  version: string;
  name: string;
  dependencies: Record<string, string>;
}

const root = resolve(import.meta.dirname, "../../..");
const readManifest = (file: string): Manifest => JSON.parse(readFileSync(file, "utf8")) as Manifest;
const newFolder = (): string => mkdtempSync(join(tmpdir(), "gatewright-init-"));

function silent(...answers: string[]): Terminal & { text: string } {
  const terminal = {
    text: "",
    out: (text: string): void => void (terminal.text += `${text}\n`),
    err: (text: string): void => void (terminal.text += `${text}\n`),
    outColor: false,
    errColor: false,
    ...(answers.length === 0 ? {} : { ask: async () => answers.shift() }),
  };
  return terminal;
}

function filesOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .toSorted();
}

describe("runInit", () => {
  it("writes every file into the working folder and says what comes next", async () => {
    const cwd = newFolder();
    const terminal = silent();
    expect(await runInit(terminal, cwd, undefined)).toBe(0);
    expect(filesOf(cwd)).toEqual([...projectFiles("x").keys()].toSorted());
    expect(terminal.text).toContain("npm install");
    expect(terminal.text).not.toContain("cd ");
  });

  it("writes none of them if one is there, of whatever kind, and lists it", async () => {
    const cwd = newFolder();
    writeFileSync(join(cwd, "blocked.txt"), "mine");
    await expect(runInit(silent(), cwd, ".")).rejects.toThrow(/blocked\.txt/);
    expect(filesOf(cwd)).toEqual(["blocked.txt"]);
    expect(readFileSync(join(cwd, "blocked.txt"), "utf8")).toBe("mine");
  });

  it("refuses a file in place of a folder", async () => {
    const cwd = newFolder();
    writeFileSync(join(cwd, "x"), "");
    await expect(runInit(silent(), cwd, "x")).rejects.toThrow(UsageError);
  });

  it.each([
    ["x/y", /^x\/y cannot be written: what should be its folder is a file\.\nName another folder/],
    // Nobody can, not even root.
    ["/proc/self/nowhere/x", / cannot be written: .*\nName another folder/],
  ])("says why nothing can be written to %s", async (folder, message) => {
    const cwd = newFolder();
    writeFileSync(join(cwd, "x"), "");
    await expect(runInit(silent(), cwd, folder)).rejects.toThrow(message);
    await expect(runInit(silent(), cwd, folder)).rejects.toThrow(UsageError);
  });

  it.each([
    ["My Proxy", "my-proxy"],
    [".hidden", "hidden"],
    ["Ünï", "n"],
    ["漢字", "proxy"],
    ["a_b.c-d", "a_b.c-d"],
  ])("names the package of folder %s %s", async (folder, name) => {
    const cwd = newFolder();
    mkdirSync(join(cwd, folder));
    await runInit(silent(), cwd, folder);
    expect(readManifest(join(cwd, folder, "package.json")).name).toBe(name);
  });

  it.each([
    [[""], "plain"],
    [["2"], "tls"],
    [["secure"], "secure"],
    [["4", "nonsense", "3"], "secure"],
  ] as [string[], ProjectKind][])(
    "asks whoever sits there what it shall be: %j is %s",
    async (answers, kind) => {
      const cwd = newFolder();
      await runInit(silent(...answers), cwd, undefined);
      expect(readFileSync(join(cwd, "proxy.config.ts"), "utf8")).toBe(
        projectFiles("x", kind).get("proxy.config.ts"),
      );
    },
  );

  it("does not ask if the kind is named, and writes nothing if the input ends", async () => {
    const cwd = newFolder();
    const terminal = { ...silent(), ask: async (): Promise<undefined> => undefined };
    await expect(runInit(terminal, cwd, undefined)).rejects.toThrow(/--template/);
    expect(filesOf(cwd)).toEqual([]);
    expect(await runInit(terminal, cwd, undefined, { template: "tls" })).toBe(0);
  });

  it("prints JSON for programs", async () => {
    const cwd = newFolder();
    const terminal = silent();
    await runInit(terminal, cwd, "app", { json: true });
    expect(JSON.parse(terminal.text)).toEqual({
      dir: join(cwd, "app"),
      template: "plain",
      files: [...projectFiles("app").keys()],
      next: ["cd app", "npm install", "npm run dev"],
    });
  });
});

describe("the project's template", () => {
  it("pins the versions that this workspace is tested with", () => {
    for (const [name, version] of Object.entries(TEMPLATE_VERSIONS)) {
      expect(readManifest(join(root, "node_modules", name, "package.json")).version).toBe(version);
    }
    const { dependencies } = JSON.parse(projectFiles("x").get("package.json")!) as Manifest;
    expect(dependencies).toEqual({
      "@gatewright/sdk": readManifest(join(root, "sdk/package.json")).version,
      gatewright: readManifest(join(root, "runtime/package.json")).version,
    });
  });

  it("has its command, create-gatewright, at the same version", () => {
    const { version } = readManifest(join(root, "runtime/package.json"));
    expect(readManifest(join(root, "runtime/create/package.json"))).toMatchObject({
      version,
      dependencies: { gatewright: version },
    });
  });

  it.each(Object.keys(PROJECT_KINDS) as ProjectKind[])("has every file of a %s project", (kind) => {
    const files = [...projectFiles("x", kind).keys()];
    for (const file of ["proxy.config.ts", "proxy.test.ts", "plugins/visits.ts", ".gitignore"]) {
      expect(files).toContain(file);
    }
  });
});
