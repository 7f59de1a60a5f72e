import { afterAll, beforeAll, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";
import { askRaw, getRequest } from "../../test/helpers/through-proxy.ts";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: import.meta.dirname });
});

afterAll(async () => {
  await proxy?.stop();
});

const BROWSER = ["Accept: text/html", "Accept-Language: en"];

async function ask(target: string, ...lines: string[]) {
  return askRaw(Number(new URL(proxy.url).port), getRequest(target, ...lines));
}

it("lets browsers through that do nothing suspicious", async () => {
  expect((await ask("/page", ...BROWSER)).status).toBe(200);
});

it("sends suspicious ones to the page, and refuses programs", async () => {
  const redirect = await ask("/page?suspicious", ...BROWSER);
  expect(redirect.status).toBe(302);
  expect(redirect.head).toContain("Location: /.well-known/gatewright/challenge?");
  expect((await ask("/page?suspicious", "Accept-Language: en")).status).toBe(403);
  expect((await ask("/members", ...BROWSER)).status).toBe(302);
});

it("asks nobody on a route that machines use", async () => {
  expect((await ask("/api/page?suspicious")).status).toBe(200);
});
