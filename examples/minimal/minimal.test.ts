import { afterAll, beforeAll, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: import.meta.dirname });
});

afterAll(async () => {
  await proxy?.stop();
});

it("forwards to the only upstream and stamps the response", async () => {
  const response = await fetch(`${proxy.url}/here`);
  expect(response.status).toBe(200);
  expect(response.headers.get("x-served-by")).toBe("gatewright");
  expect(await response.text()).toBe("Hello from /here\n");
});

it("answers a redirect without asking the upstream", async () => {
  const response = await fetch(`${proxy.url}/old`, { redirect: "manual" });
  expect(response.status).toBe(308);
  expect(response.headers.get("location")).toBe("/new");
  expect(response.headers.get("x-served-by")).toBe("gatewright");
});
