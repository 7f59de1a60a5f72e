import { afterAll, beforeAll, expect, it } from "vitest";

import { startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startCommand(["start", "--port", "0"], { dir: import.meta.dirname });
});

afterAll(async () => {
  await proxy?.stop();
});

it("routes to a Hono app, which sees the client's address in X-Forwarded-For", async () => {
  const response = await fetch(`${proxy.url}/api/books/7`);
  expect(response.headers.get("content-type")).toContain("application/json");
  expect(await response.json()).toEqual({ id: "7", client: "127.0.0.1" });
});

it("streams request content to the app", async () => {
  const body = "hello ".repeat(50_000);
  const response = await fetch(`${proxy.url}/api/echo`, {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body,
  });
  expect(response.status).toBe(200);
  expect(await response.text()).toBe(body);
});

it("passes on the app's own 404", async () => {
  const response = await fetch(`${proxy.url}/api/none`);
  expect(response.status).toBe(404);
  expect(await response.text()).toBe("404 Not Found");
});

it("gives a Workers-style module its execution context", async () => {
  expect(await (await fetch(`${proxy.url}/a`)).text()).toBe(
    "Worker asked for /a, visits before: 0\n",
  );
  expect(await (await fetch(`${proxy.url}/b`)).text()).toBe(
    "Worker asked for /b, visits before: 1\n",
  );
});

it("lets a hook refuse before the app is asked", async () => {
  const response = await fetch(`${proxy.url}/api/echo`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect(response.status).toBe(415);
  expect(await response.json()).toEqual({ error: "text/plain, please" });
});
