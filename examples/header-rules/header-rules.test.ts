import { afterAll, beforeAll, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start"], { dir: import.meta.dirname, env: { PORT: "0" } });
});

afterAll(async () => {
  await proxy?.stop();
});

it("removes what a client claims before the upstream's rule sets it", async () => {
  const response = await fetch(`${proxy.url}/`, { headers: { "X-Internal": "forged" } });
  expect(await response.json()).toMatchObject({ "x-internal": "gatewright" });
});

it("adds the route's field to that route's requests only", async () => {
  const admin: unknown = await (await fetch(`${proxy.url}/admin/users`)).json();
  const other: unknown = await (await fetch(`${proxy.url}/users`)).json();
  expect(admin).toMatchObject({ "x-area": "admin" });
  expect(other).not.toHaveProperty("x-area");
});

it("applies global and upstream rules to a response", async () => {
  const { headers } = await fetch(`${proxy.url}/`);
  expect(headers.has("server")).toBe(false);
  expect(headers.has("x-powered-by")).toBe(false);
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("referrer-policy")).toBe("same-origin");
  expect(headers.get("vary")).toBe("accept, x-tenant");
  expect(headers.get("cache-control")).toBe("max-age=60");
});

it("gives a route's rules the last word", async () => {
  const { headers } = await fetch(`${proxy.url}/admin/users`);
  expect(headers.get("cache-control")).toBe("no-store");
  expect(headers.get("x-frame-options")).toBe("DENY");
});

it("applies global response rules to error answers too", async () => {
  const response = await fetch(`${proxy.url}/a%00b`);
  expect(response.status).toBe(400);
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("referrer-policy")).toBe("no-referrer");
});
