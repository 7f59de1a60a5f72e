/** PUB-43: five packages with the same hook, one of each format, and a linked one, asked over a socket. */
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";

import { expect, it, vi } from "vitest";

import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

/** What each has in common; where it is loaded a second time, there is a second number. */
const SHARED = {
  "node_modules/shared/package.json":
    '{ "name": "shared", "type": "module", "exports": "./index.js" }',
  "node_modules/shared/index.js":
    "globalThis.sharedCopies = (globalThis.sharedCopies ?? 0) + 1; export const copy = globalThis.sharedCopies;",
};

const hook = (name: string) =>
  `() => ({ name: "${name}", api: 1, onRequest(request, ctx) { if (request.path === "/${name}") return ctx.respond(200, "${name} " + shared.copy); } })`;

function packageFiles(
  name: string,
  manifest: object,
  files: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries([
    [`node_modules/${name}/package.json`, JSON.stringify({ name, ...manifest })],
    ...Object.entries(files).map(([file, text]) => [`node_modules/${name}/${file}`, text]),
  ]) as Record<string, string>;
}

const IMPORT = 'import * as shared from "shared";';
const REQUIRE = 'const shared = require("shared");';

const PACKAGES = {
  ...SHARED,
  ...packageFiles(
    "pkg1",
    { type: "module", exports: "./index.js" },
    { "index.js": `${IMPORT} export default ${hook("pkg1")};` },
  ),
  ...packageFiles(
    "pkg2",
    { main: "index.js" },
    { "index.js": `${REQUIRE} module.exports = ${hook("pkg2")};` },
  ),
  ...packageFiles(
    "pkg3",
    { main: "index.js" },
    {
      "index.js": `${REQUIRE} Object.defineProperty(exports, "__esModule", { value: true }); exports.default = ${hook("pkg3")};`,
    },
  ),
  ...packageFiles(
    "pkg4",
    { type: "module", exports: "./index.js" },
    { "index.js": `${IMPORT} export const plugin = ${hook("pkg4")};` },
  ),
  ...packageFiles(
    "pkg5",
    { exports: { ".": { import: "./index.mjs", require: "./index.cjs" } } },
    {
      "index.mjs": `${IMPORT} export default ${hook("pkg5")};`,
      "index.cjs": 'throw new Error("the wrong one");',
    },
  ),
  // One that needs what only `require` gives: a package beside it, and a file of its own.
  ...packageFiles(
    "pkg6",
    { type: "module", exports: "./index.js" },
    {
      "index.js": `import { createRequire } from "node:module"; const require = createRequire(import.meta.url); ${REQUIRE} require("./part.cjs"); export default ${hook("pkg6")};`,
      "part.cjs": "module.exports = __dirname;",
    },
  ),
};

const text = async (proxy: TestProxy, path: string): Promise<string> =>
  (await fetch(proxy.url + path)).text();

it("serves what packages of every format answer, with one copy of what they share, over reloads too", async () => {
  const config = (version: number) => `
    import { copy } from "shared";
    import pkg1 from "pkg1"; import pkg2 from "pkg2"; import pkg3 from "pkg3";
    import { plugin as pkg4 } from "pkg4"; import pkg5 from "pkg5"; import pkg6 from "pkg6";
    export default {
      plugins: [pkg1(), pkg2(), pkg3.default(), pkg4(), pkg5(), pkg6()],
      onRequest: (request, ctx) => ctx.respond(200, "config ${version} " + copy),
    };`;
  const proxy = await startProxy({
    files: { "package.json": '{ "type": "module" }', ...PACKAGES, "proxy.config.ts": config(1) },
    watch: false,
  });
  const names = ["pkg1", "pkg2", "pkg3", "pkg4", "pkg5", "pkg6"];
  for (const version of [1, 2]) {
    const texts = await Promise.all(names.map((name) => text(proxy, `/${name}`)));
    const copy = /^config \d (\d+)$/.exec(await text(proxy, "/"))?.[1];
    expect(copy).toBeDefined();
    expect(texts).toEqual(names.map((name) => `${name} ${copy}`));
    expect(await text(proxy, "/")).toBe(`config ${version} ${copy}`);
    await proxy.write("proxy.config.ts", config(2));
    expect(await proxy.running.reload()).toMatchObject({ outcome: "live" });
  }
});

it("serves a linked package and its edit, and keeps the installed one that it shares", async () => {
  const linked = (version: number) =>
    `import * as shared from "shared"; export default () => ({ name: "linked", api: 1 as const, onRequest: (_request: unknown, ctx: any) => ctx.respond(200, "linked ${version}, copy " + shared.copy) });`;
  const proxy = await startProxy({
    files: {
      "package.json": '{ "type": "module" }',
      ...SHARED,
      "proxy.config.ts": "export default { onRequest: (request, ctx) => ctx.respond(200, '0') };",
      "packages/linked/package.json":
        '{ "name": "linked", "type": "module", "exports": "./index.ts" }',
      "packages/linked/index.ts": linked(1),
    },
  });
  await mkdir(join(proxy.dir, "node_modules"), { recursive: true });
  await symlink("../packages/linked", join(proxy.dir, "node_modules/linked"));
  await proxy.write(
    "proxy.config.ts",
    'import linked from "linked"; export default { plugins: [linked()], onRequest() {} };',
  );
  const answer = async () => /^linked (\d), copy (\d+)$/.exec(await text(proxy, "/"));
  await vi.waitUntil(async () => (await answer())?.[1] === "1");
  const copy = (await answer())?.[2];
  await proxy.write("packages/linked/index.ts", linked(2));
  await vi.waitUntil(async () => (await answer())?.[1] === "2");
  expect((await answer())?.[2]).toBe(copy);
});
