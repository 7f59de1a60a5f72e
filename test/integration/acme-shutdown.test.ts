import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { startCommand } from "../helpers/run-command.ts";

it("ends at once on SIGTERM while a CA keeps an order waiting, and leaves no lock", async () => {
  const ca = createServer().listen(0, "127.0.0.1");
  await once(ca, "listening");
  const { port } = ca.address() as AddressInfo;
  const asked = once(ca, "connection") as Promise<[Socket]>;
  const dir = await mkdtemp(join(tmpdir(), "gatewright-test-"));
  const acme = { agreeTos: true, directory: `https://127.0.0.1:${port}/`, hosts: ["a.test"] };
  await writeFile(
    join(dir, "proxy.config.ts"),
    `export default {
      listen: { port: 0, tls: { acme: ${JSON.stringify(acme)} } },
      upstreams: { app: { fetch: () => new Response("hello") } },
    };`,
  );
  const proxy = await startCommand(["start"], { dir });
  onTestFinished(async () => {
    proxy.command.kill();
    ca.close();
    await rm(dir, { recursive: true, force: true });
  });
  const [socket] = await asked;
  socket.on("error", () => {});
  const begin = performance.now();
  expect((await proxy.stop()).code).toBe(0);
  expect(performance.now() - begin).toBeLessThan(5000);
  socket.destroy();
  const left = await readdir(join(dir, ".gatewright/acme"), { recursive: true });
  expect(left.filter((path) => /lock|tmp$/.test(path))).toEqual([]);
});
