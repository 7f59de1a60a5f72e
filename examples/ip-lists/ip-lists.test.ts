import { afterAll, beforeAll, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: import.meta.dirname });
});

afterAll(async () => {
  await proxy?.stop();
});

async function status(path: string, client: string): Promise<number> {
  return (await fetch(proxy.url + path, { headers: { "x-forwarded-for": client } })).status;
}

it("refuses who is in the file", async () => {
  expect(await status("/", "203.0.113.5")).toBe(403);
  expect(await status("/", "192.0.2.9")).toBe(200);
});

it("lists whoever walks into the trap, unless an allowlist has them", async () => {
  expect(await status("/wp-login.php", "192.0.2.1")).toBe(403);
  expect(await status("/", "192.0.2.1")).toBe(403);
  await status("/wp-login.php", "198.51.100.1");
  expect(await status("/", "198.51.100.1")).toBe(200);
});
