/** All examples in one place: each folder is found, starts, answers, is listed and has a test of its own. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { createTestProxy } from "gatewright/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { createAllPackages } from "../helpers/all-packages.ts";

const EXAMPLES = resolve(import.meta.dirname, "../../examples");

/** Folders, without those that tests make. */
function foldersIn(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(?:\.|node_modules$)/.test(entry.name))
    .map((entry) => entry.name);
}

const packages = foldersIn(join(EXAMPLES, "packages")).map((name) => `packages/${name}`);
const handlers = ["handler-package", ...packages];
const configs = foldersIn(EXAMPLES).filter(
  (name) => name !== "packages" && !handlers.includes(name),
);

const read = (...path: string[]): string => readFileSync(join(EXAMPLES, ...path), "utf8");
const testsOf = (name: string): string[] =>
  readdirSync(join(EXAMPLES, name)).filter((file) => file.endsWith(".test.ts"));

describe.each([...configs, ...handlers])("examples/%s", (name) => {
  it("has a README that is linked from the one above, and a package.json with its test", () => {
    expect(existsSync(join(EXAMPLES, name, "README.md"))).toBe(true);
    const above = name.startsWith("packages/") ? read("packages/README.md") : read("README.md");
    expect(above).toContain(`](${name.replace("packages/", "")})`);
    const { scripts } = JSON.parse(read(name, "package.json")) as {
      scripts: Record<string, string>;
    };
    expect(scripts["test"]).toContain(`examples/${name}`);
  });

  it("has a test that runs it", () => {
    const tests = testsOf(name);
    expect(tests).not.toEqual([]);
    const text = tests.map((file) => read(name, file)).join("\n");
    // A config is run by the command, over sockets; a package in a proxy.
    const runs = handlers.includes(name) ? "createTestProxy(" : "startCommand(";
    expect(text).toContain(runs);
    expect(text).not.toMatch(/\b(?:it|test|describe)\.(?:skip|todo|only)\b/);
  });
});

describe("every example with a config starts and answers:", () => {
  let dataDir = "";
  beforeAll(() => {
    vi.stubEnv("JWT_SECRET", "a secret of at least thirty-two bytes");
    dataDir = mkdtempSync(join(tmpdir(), "gatewright-examples-"));
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it.each(configs)("%s", async (name) => {
    await using proxy = await createTestProxy(join(EXAMPLES, name, "proxy.config.ts"), {
      dataDir: join(dataDir, name),
    });
    const response = await proxy.fetch("/");
    await response.arrayBuffer();
    // Services that are not there make it a 502 or 503; what it must not be is a fault of the example's own.
    expect([500, 501, 504]).not.toContain(response.status);
    const wrong = proxy.logs.filter(({ level, code }) => level === "error" && code === undefined);
    expect(wrong).toEqual([]);
  });
});

it("every package works in one config with all others", async () => {
  const { visit, env } = await createAllPackages();
  const file = resolve(import.meta.dirname, "../fixtures/packages/proxy.config.ts");
  for (const name of packages) {
    const { name: packageName } = JSON.parse(read(name, "package.json")) as { name: string };
    expect(readFileSync(file, "utf8")).toContain(`from "${packageName}"`);
  }
  await using proxy = await createTestProxy(file, {
    env: { ...process.env, ...env },
    clock: "system",
  });
  const ask = ((url: string, init: RequestInit) => proxy.fetch(url, init)) as typeof fetch;
  expect(await visit(ask, "http://localhost")).toBe("1");
});
