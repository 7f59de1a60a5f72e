import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { createLockFile } from "../../../../../runtime/primitives/tls/acme/renewal-lock.ts";

async function makePath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gatewright-lock-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "lock");
}

describe("the renewal lock", () => {
  it("is had by one at a time", async () => {
    const path = await makePath();
    const locks = Array.from({ length: 20 }, () => createLockFile({ path }));
    const taken = (await Promise.all(locks.map((lock) => lock.acquire()))).filter(
      (release) => release !== undefined,
    );
    expect(taken).toHaveLength(1);
    await taken[0]?.();
    const again = await locks[0]?.acquire();
    expect(again).toBeDefined();
    await again?.();
  });

  it.each([
    ["of a process that has ended", { id: "x", pid: 2 ** 22 + 1, host: hostname() }],
    [
      "of an earlier process with our number, as in containers",
      { id: "x", pid: process.pid, host: hostname() },
    ],
  ])("takes over the lock %s", async (_whose, content) => {
    const path = await makePath();
    await writeFile(path, JSON.stringify(content));
    const release = await createLockFile({ path }).acquire();
    expect(release).toBeDefined();
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid });
    await release?.();
    expect(await readdir(join(path, ".."))).toEqual([]);
  });

  it("is given up with its process, however that ends", async () => {
    const path = await makePath();
    const module = new URL(
      "../../../../../runtime/primitives/tls/acme/renewal-lock.ts",
      import.meta.url,
    );
    const child = spawn(process.execPath, [
      "--input-type=module",
      "--eval",
      `import { createLockFile } from ${JSON.stringify(module.href)};
       await createLockFile({ path: ${JSON.stringify(path)} }).acquire();
       console.log("held");
       setInterval(() => {}, 1000);`,
    ]);
    await once(child.stdout, "data");
    const lock = createLockFile({ path });
    expect(await lock.acquire()).toBeUndefined();
    child.kill("SIGKILL");
    await once(child, "exit");
    const release = await lock.acquire();
    expect(release).toBeDefined();
    await release?.();
  });

  it("leaves the lock of a living process and of another machine", async () => {
    const path = await makePath();
    for (const content of [
      { id: "x", pid: process.ppid, host: hostname() },
      { id: "x", pid: 1, host: "elsewhere" },
    ]) {
      await writeFile(path, JSON.stringify(content));
      expect(await createLockFile({ path }).acquire()).toBeUndefined();
    }
  });

  it.each([
    ["another machine's", JSON.stringify({ id: "x", pid: 1, host: "elsewhere" })],
    ["a broken one", "{"],
  ])("takes over %s when nobody has touched it for long", async (_whose, text) => {
    const path = await makePath();
    await writeFile(path, text);
    const lock = createLockFile({ path });
    expect(await lock.acquire()).toBeUndefined();
    const old = new Date(Date.now() - 61_000);
    await utimes(path, old, old);
    const release = await lock.acquire();
    expect(release).toBeDefined();
    await release?.();
  });

  it("is taken over by one of many, and does not remove a successor's", async () => {
    const path = await makePath();
    await writeFile(path, JSON.stringify({ id: "x", pid: 2 ** 22 + 1, host: hostname() }));
    const locks = Array.from({ length: 20 }, () => createLockFile({ path }));
    const taken = (await Promise.all(locks.map((lock) => lock.acquire()))).filter(
      (release) => release !== undefined,
    );
    expect(taken).toHaveLength(1);
    const successor = JSON.stringify({ id: "y", pid: 1, host: "elsewhere" });
    await writeFile(path, successor);
    await taken[0]?.();
    expect(await readFile(path, "utf8")).toBe(successor);
  });
});
