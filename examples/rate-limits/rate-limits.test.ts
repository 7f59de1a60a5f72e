import { afterAll, beforeAll, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: import.meta.dirname });
});

afterAll(async () => {
  await proxy?.stop();
});

async function statuses(count: number, path: string, headers = {}): Promise<number[]> {
  const all: number[] = [];
  for (let at = 0; at < count; at++) all.push((await fetch(proxy.url + path, { headers })).status);
  return all;
}

it("limits the login, and nothing else", async () => {
  expect(await statuses(4, "/login")).toEqual([200, 200, 200, 429]);
  expect(await statuses(1, "/")).toEqual([200]);
});

it("lets a hook count by a key of its own", async () => {
  expect(await statuses(3, "/", { "x-account": "ada" })).toEqual([200, 200, 429]);
  expect(await statuses(1, "/", { "x-account": "bob" })).toEqual([200]);
});
