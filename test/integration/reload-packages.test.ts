import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";

import { expect, it, vi } from "vitest";

import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

const answer = async (proxy: TestProxy): Promise<string> => (await fetch(proxy.url)).text();

const toRestart = async (proxy: TestProxy): Promise<readonly string[]> =>
  (await proxy.running.status()).restartToPickUp;

const config = `
  import { version } from "stamp";
  export default { onRequest: (request, ctx) => ctx.respond(200, version) };
`;

it("asks for a restart when an installed package changes, until the bundle takes it in", async () => {
  const proxy = await startProxy({
    files: {
      "proxy.config.ts": config,
      "package.json": '{ "type": "module" }',
      "node_modules/stamp/package.json": '{ "type": "module", "exports": "./index.js" }',
      "node_modules/stamp/index.js": 'export const version = "one";',
    },
  });
  expect(await answer(proxy)).toBe("one");
  expect(await toRestart(proxy)).toEqual([]);

  await proxy.write("node_modules/stamp/index.js", 'export const version = "two";');
  await vi.waitUntil(() => proxy.log.lines.some(({ msg }) => msg === "restart to pick up stamp"));
  expect(await toRestart(proxy)).toEqual(["stamp"]);
  expect(await proxy.running.reload()).toMatchObject({ outcome: "live" });
  expect(await answer(proxy)).toBe("one");
  expect(await toRestart(proxy)).toEqual(["stamp"]);

  // From now on it is bundled, so there is nothing left that a restart would change.
  await proxy.write("package.json", '{ "type": "module", "gatewright": { "bundle": ["stamp"] } }');
  await vi.waitUntil(async () => (await answer(proxy)) === "two");
  expect(await toRestart(proxy)).toEqual([]);
  await proxy.write("node_modules/stamp/index.js", 'export const version = "three";');
  await vi.waitUntil(async () => (await answer(proxy)) === "three");

  await proxy.write("package.json", '{ "type": "module" }');
  await vi.waitUntil(async () => (await answer(proxy)) === "one");
  expect(await toRestart(proxy)).toEqual(["stamp"]);
});

it("reloads when a linked package is edited", async () => {
  const proxy = await startProxy({
    files: {
      "proxy.config.ts": "export default { onRequest: (request, ctx) => ctx.respond(200, '0') };",
      "packages/stamp/package.json": '{ "type": "module", "exports": "./index.ts" }',
      "packages/stamp/index.ts": 'export const version: string = "one";',
    },
  });
  await mkdir(join(proxy.dir, "node_modules"), { recursive: true });
  await symlink("../packages/stamp", join(proxy.dir, "node_modules/stamp"));
  await proxy.write("proxy.config.ts", config);
  await vi.waitUntil(async () => (await answer(proxy)) === "one");
  await proxy.write("packages/stamp/index.ts", 'export const version: string = "two";');
  await vi.waitUntil(async () => (await answer(proxy)) === "two");
  expect(await toRestart(proxy)).toEqual([]);
});
