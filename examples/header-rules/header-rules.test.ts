import { afterAll, beforeAll, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: import.meta.dirname });
});

afterAll(async () => {
  await proxy?.stop();
});

it("replaces what a client claims, and removes what it may not send", async () => {
  const headers = { "X-Internal": "forged", "X-Debug": "1" };
  const seen: unknown = await (await fetch(`${proxy.url}/`, { headers })).json();
  expect(seen).toMatchObject({ "x-internal": "gatewright" });
  expect(seen).not.toHaveProperty("x-debug");
});

it("adds the route's field to that route's requests only", async () => {
  const admin: unknown = await (await fetch(`${proxy.url}/admin/users`)).json();
  const other: unknown = await (await fetch(`${proxy.url}/users`)).json();
  expect(admin).toMatchObject({ "x-area": "admin" });
  expect(other).not.toHaveProperty("x-area");
});

it("applies global rules to a response", async () => {
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
