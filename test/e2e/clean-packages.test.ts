/** publint and attw for every package that could be published, knip for the whole. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { runCommand } from "../helpers/command.ts";
import { isFullScale } from "../helpers/scale.ts";

const root = resolve(import.meta.dirname, "../..");

interface Manifest {
  readonly private?: boolean;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly keywords?: readonly string[];
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>> | string>>;
}

function manifestOf(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
}

/** Workspaces that are not private. */
function published(): string[] {
  return (manifestOf(".")?.workspaces ?? [])
    .flatMap((pattern) =>
      pattern.endsWith("/*")
        ? readdirSync(join(root, pattern.slice(0, -2))).map((name) => pattern.slice(0, -1) + name)
        : [pattern],
    )
    .filter((folder) => manifestOf(folder)?.private === undefined && manifestOf(folder))
    .toSorted();
}

it("every package that could be published is among those that the build checks", async () => {
  const listed = await runCommand(process.execPath, ["scripts/build.ts", "--list"], { cwd: root });
  expect((JSON.parse(listed.out) as string[]).toSorted()).toEqual(published());
});

it("every handler package has the SDK as its peer, the keyword, and types first", () => {
  const handlers = published().filter((folder) => folder.startsWith("examples/"));
  expect(handlers.length).toBeGreaterThan(9);
  for (const folder of handlers) {
    const { dependencies, peerDependencies, keywords, exports } = manifestOf(folder) as Manifest;
    expect(keywords, folder).toContain("gatewright-plugin");
    expect(Object.keys(peerDependencies ?? {}), folder).toEqual(["@gatewright/sdk"]);
    expect(Object.keys(dependencies ?? {}), folder).not.toContain("gatewright");
    const conditions = Object.keys(exports?.["."] as object);
    // The workspace's own condition is not known elsewhere.
    expect(conditions.filter((name) => name !== "@gatewright/source")[0], folder).toBe("types");
  }
});

it.runIf(isFullScale)(
  "publint and attw find nothing in any of them",
  { timeout: 300_000 },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "gatewright-clean-"));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const built = await runCommand(process.execPath, ["scripts/build.ts", "--into", dir], {
      cwd: root,
    });
    expect(built.out + built.err).not.toContain("failed:");
    expect(built.code).toBe(0);
    for (const folder of published()) expect(built.out).toContain(`ok publint ${folder} `);
  },
);

it.runIf(isFullScale)("knip finds nothing that is unused", { timeout: 120_000 }, async () => {
  const result = await runCommand(join(root, "node_modules/.bin/knip"), [], { cwd: root });
  expect(result).toMatchObject({ code: 0 });
});
