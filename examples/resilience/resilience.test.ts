import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, expect, it } from "vitest";

import { runCommand, startCommand, type StartedProxy } from "../../test/helpers/run-command.ts";
import { startService } from "./services.ts";

let servers: Server[];
let services: string;
let proxy: StartedProxy;

beforeAll(async () => {
  servers = [
    await startService("good", 0),
    await startService("flaky", 0, 4),
    await startService("canary", 0),
  ];
  services = servers
    .map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    .join();
  proxy = await startCommand(["start", "--port", "0"], {
    dir: import.meta.dirname,
    env: { SERVICES: services },
  });
});

afterAll(async () => {
  await proxy?.stop();
  for (const server of servers ?? []) server.closeAllConnections();
  for (const server of servers ?? []) server.close();
});

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${proxy.port}${path}`, { headers });

it("answers every request though a service fails every fourth time", async () => {
  const answers = new Set<string>();
  for (let i = 0; i < 40; i++) {
    const response = await get("/search");
    expect(response.status).toBe(200);
    answers.add(await response.text());
  }
  expect([...answers].toSorted()).toEqual(["flaky\n", "good\n"]);
});

it("gives the canary to who asks for it", async () => {
  expect(await (await get("/", { "x-canary": "yes" })).text()).toBe("canary\n");
});

it("goes on when a service is gone, and says sorry when all are", async () => {
  const [good, flaky] = servers as [Server, Server];
  for (const server of [flaky, good]) {
    expect((await get("/search")).status).toBe(200);
    server.close();
    server.closeAllConnections();
  }
  const response = await get("/search");
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("60");
  expect(await response.text()).toBe("We will be back in a minute.\n");
});

it("explains how a target is chosen and what happens if it fails", async () => {
  const { code, stdout } = await runCommand(["explain", "GET", "http://127.0.0.1/search"], {
    dir: import.meta.dirname,
    env: { SERVICES: services },
  });
  expect(code).toBe(0);
  expect(stdout).toContain("balance: least-connections; 2 targets in the config");
  expect(stdout).toContain("connection 1000 ms, head 2000 ms, silence 300000 ms, whole 5000 ms");
  expect(stdout).toContain("up to 3 attempts");
  expect(stdout).toContain("also on 503");
  expect(stdout).toContain("hedged: after 100 ms, up to 1 beside the first");
});
