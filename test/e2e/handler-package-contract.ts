import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { digestOf } from "../../examples/handler-package/index.ts";
import { runCommand, startCommand } from "../helpers/command.ts";
import { writeProject } from "../helpers/new-project.ts";

const NAME = "gatewright-plugin-api-key";
const LISTENING = /"url":"(http:\/\/127\.0\.0\.1:\d+)"[^\n]*"msg":"listening"/;

const config = (options: string): string => `import { defineConfig } from "@gatewright/sdk";
import apiKey from "${NAME}";

export default defineConfig({
  listen: { port: 0 },
  upstreams: { app: { fetch: (request) => new Response(request.headers.get("x-api-client")) } },
  plugins: [
    apiKey({
      keys: { shop: "${digestOf("open")}" },
      ${options}
    }),
  ],
});
`;

const TEST = `import assert from "node:assert/strict";
import { test } from "node:test";
import { makeContext, makeRequest, runHook } from "@gatewright/sdk/testing";
import { createTestProxy } from "gatewright/testing";
import apiKey, { digestOf } from "${NAME}";

test("one hook", async () => {
  const plugin = apiKey({ keys: { shop: digestOf("open") } });
  const request = makeRequest("/", { headers: { "x-api-key": "open" } });
  assert.equal(await runHook(plugin, "onRequest", request, makeContext()), undefined);
  assert.equal(request.headers.get("x-api-client"), "shop");
});

test("the config", async () => {
  await using proxy = await createTestProxy("proxy.config.ts", {
    upstreams: { app: (request) => new Response(\`for \${request.headers.get("x-api-client")}\`) },
  });
  const response = await proxy.fetch("/", { headers: { "x-api-key": "open" } });
  assert.equal(await response.text(), "for shop");
  await proxy.advance("61s");
  assert.equal((await proxy.fetch("/")).status, 401);
});
`;

/** `home` has the packages installed from their tarballs, outside of this repository. */
export function describeHandlerPackage(home: () => string): void {
  const newProject = (options = ""): string => {
    const project = mkdtempSync(join(home(), "handler-"));
    writeProject(project);
    writeFileSync(join(project, "proxy.config.ts"), config(options));
    return project;
  };
  const gatewright = (): string => join(home(), "node_modules/.bin/gatewright");
  const ask = async (url: string | undefined, key: string): Promise<string> =>
    (await fetch(`${url}/`, { headers: { "x-api-key": key } })).text();

  it("is found by npm and TypeScript, and runs", async () => {
    const project = newProject();
    expect(await runCommand(gatewright(), ["check"], { cwd: project })).toMatchObject({ code: 0 });
    const proxy = startCommand(gatewright(), ["start"], { cwd: project });
    const [, url] = await proxy.until(LISTENING);
    expect(await ask(url, "open")).toBe("shop");
    expect(await ask(url, "guess")).toContain("an API key is needed");
    expect(await proxy.stop()).toBe(0);
  });

  it("is tested where it is used: the types are found, and `node --test` ends by itself", async () => {
    const project = newProject();
    writeFileSync(join(project, "api-key.test.ts"), TEST);
    const test = await runCommand(process.execPath, ["--test", "api-key.test.ts"], {
      cwd: project,
    });
    expect(test.out).toMatch(/pass 2\b/);
    expect(test.code).toBe(0);
    const types = await runCommand(join(home(), "node_modules/.bin/tsc"), ["-p", "."], {
      cwd: project,
    });
    expect(types.out).toBe("");
  });

  it("makes a wrong option an error at its line", async () => {
    const project = newProject("paths: 5,");
    const line =
      config("paths: 5,")
        .split("\n")
        .findIndex((text) => text.includes("paths: 5")) + 1;
    const types = await runCommand(join(home(), "node_modules/.bin/tsc"), ["-p", "."], {
      cwd: project,
    });
    expect(types.out).toMatch(new RegExp(`^proxy\\.config\\.ts\\(${line},`, "m"));
    const check = await runCommand(gatewright(), ["check"], { cwd: project });
    expect(check.code).toBe(2);
    expect(check.err).toContain(`proxy.config.ts:${line}:`);
  });

  it("is refused by name where it is made for another contract", async () => {
    const project = newProject();
    const copy = join(project, "node_modules", NAME);
    cpSync(join(home(), "node_modules", NAME), copy, { recursive: true });
    const file = join(copy, "dist/index.js");
    // As if it had been made with an SDK of the future.
    const text = readFileSync(file, "utf8");
    const made = text.replace(
      /definePlugin\(/,
      "((make) => (...all) => ({ ...make(...all), api: 2 }))(",
    );
    expect(made).not.toBe(text);
    writeFileSync(file, made);
    const check = await runCommand(gatewright(), ["check"], { cwd: project });
    expect(check.code).toBe(2);
    expect(check.err).toContain(
      `The plugin "${NAME}" is made for contract 2 of Gatewright; this version speaks contract 1.`,
    );
    expect(check.err).toContain(`Install a version of ${NAME} for contract 1.`);
  });

  it("reloads when it is edited as a linked package", async () => {
    const project = newProject();
    const source = join(project, "packages", "api-key");
    cpSync(join(home(), "node_modules", NAME), source, { recursive: true });
    mkdirSync(join(project, "node_modules"));
    symlinkSync(source, join(project, "node_modules", NAME));
    const proxy = startCommand(gatewright(), ["dev"], { cwd: project });
    const [, url] = await proxy.until(LISTENING);
    expect(await ask(url, "open")).toBe("shop");
    const file = join(source, "dist/index.js");
    const edited = readFileSync(file, "utf8").replace("encodeURIComponent(client)", '"edited"');
    writeFileSync(`${file}.new`, edited);
    renameSync(`${file}.new`, file);
    await proxy.until(/"msg":"reloaded"/);
    expect(await ask(url, "open")).toBe("edited");
    expect(await proxy.stop()).toBe(0);
  });
}
