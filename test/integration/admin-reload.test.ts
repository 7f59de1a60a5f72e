import { expect, it } from "vitest";

import { startProxy } from "../helpers/start-proxy.ts";

const config = (version: number, admin = "{ port: 0 }"): string =>
  `export default { admin: ${admin}, onRequest: (request, ctx) => ctx.respond(200, "${version}") };`;

it("reloads on POST /api/reload, answers with the outcome and shows it in the status", async () => {
  const proxy = await startProxy({ files: { "proxy.config.ts": config(1) }, watch: false });
  const post = async () => {
    const response = await fetch(`${proxy.adminUrl}/api/reload`, { method: "POST" });
    return { status: response.status, body: (await response.json()) as object };
  };
  // Asked for explicitly, the same code goes live once more: it may read files that have changed.
  expect(await post()).toMatchObject({ status: 200, body: { outcome: "live" } });
  await proxy.write("proxy.config.ts", config(2));
  expect(await post()).toMatchObject({ status: 200, body: { outcome: "live" } });
  expect(await (await fetch(proxy.url)).text()).toBe("2");
  await proxy.write("proxy.config.ts", "export default 7;");
  expect(await post()).toMatchObject({ status: 422, body: { outcome: "failed" } });
  expect(proxy.takeReports()).toHaveLength(1);
  const status = await fetch(`${proxy.adminUrl}/api/status`);
  expect(await status.json()).toMatchObject({
    state: "live",
    configFile: `${proxy.dir}/proxy.config.ts`,
    lastReload: { outcome: "failed", problem: { stage: "validate" } },
    listeners: [{ url: proxy.url }],
  });
});

it("moves and closes the admin listener with the config, and keeps it where only its token changes", async () => {
  const proxy = await startProxy({ files: { "proxy.config.ts": config(1) }, watch: false });
  const first = proxy.adminUrl;
  await proxy.write("proxy.config.ts", config(2, '{ port: 0, hosts: ["admin.test"] }'));
  await proxy.running.reload();
  expect(proxy.adminUrl).toBe(first);
  await proxy.write("proxy.config.ts", config(3, '{ port: 0, host: "::1" }'));
  await proxy.running.reload();
  expect(proxy.adminUrl).not.toBe(first);
  await expect(fetch(`${first}/healthz`)).rejects.toThrow();
  expect((await fetch(`${proxy.adminUrl}/healthz`)).status).toBe(200);
  await proxy.write("proxy.config.ts", config(4, "false"));
  await proxy.running.reload();
  expect(proxy.adminUrl).toBeUndefined();
});

it("refuses a config whose admin port is taken and keeps the old generation", async () => {
  const proxy = await startProxy({ files: { "proxy.config.ts": config(1) }, watch: false });
  await proxy.write("proxy.config.ts", config(2, `{ port: ${proxy.port} }`));
  expect(await proxy.running.reload()).toMatchObject({ outcome: "failed" });
  const [report] = proxy.takeReports();
  expect(report).toMatchObject({ stage: "listen", issues: [{ path: "admin" }] });
  expect(await (await fetch(proxy.url)).text()).toBe("1");
  expect((await fetch(`${proxy.adminUrl}/readyz`)).status).toBe(200);
});
