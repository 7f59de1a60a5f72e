import { copyFile, mkdir, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { startLoad } from "../helpers/paced-load.ts";
import { scaled } from "../helpers/scale.ts";
import { startProxy, type TestProxy } from "../helpers/start-proxy.ts";

const SAVES = scaled(4, 20);

const config = (version: number): string =>
  `export default { log: { access: false }, onRequest: (request, ctx) => ctx.respond(200, "${version}") };`;

/** The ways in which editors, tools and people save. `pause` is theirs, not a wait for us. */
const WAYS: Record<string, (file: string, text: string) => Promise<void>> = {
  "in place": (file, text) => writeFile(file, text),
  "beside and renamed": async (file, text) => {
    await writeFile(`${file}.tmp`, text);
    await rename(`${file}.tmp`, file);
  },
  "deleted and written anew": async (file, text) => {
    await unlink(file);
    await pause(50);
    await writeFile(file, text);
  },
  "as vim does": async (file, text) => {
    await writeFile(join(file, "..", "4913"), "");
    await rm(join(file, "..", "4913"));
    await rename(file, `${file}~`);
    await writeFile(file, text);
    await rm(`${file}~`);
  },
  "with a backup copy": async (file, text) => {
    await copyFile(file, `${file}.bak`);
    await writeFile(file, text);
  },
  "in two halves": async (file, text) => {
    await writeFile(file, text.slice(0, text.length / 2));
    await pause(150);
    await writeFile(file, text);
  },
  "ten times in a row": async (file, text) => {
    for (let save = 0; save < 10; save++) {
      await writeFile(file, text);
      await pause(10);
    }
  },
};

async function expectServed(proxy: TestProxy, version: number, count: number): Promise<void> {
  await proxy.commit(count);
  expect(await (await fetch(proxy.url)).text()).toBe(String(version));
}

describe("PUB-40: a config that is saved", () => {
  it.each(Object.entries(WAYS))(
    "%s goes live while every request is answered by a whole version",
    { timeout: 30_000 },
    async (_way, save) => {
      const proxy = await startProxy({ files: { "proxy.config.ts": config(1) } });
      const load = startLoad(proxy.url, 200);
      for (let version = 2; version <= SAVES + 1; version++) {
        await save(join(proxy.dir, "proxy.config.ts"), config(version));
        await expectServed(proxy, version, version);
      }
      await load.stop();
      expect(load.failures).toEqual([]);
      // In the order in which they first came: never an old one after a newer one.
      const versions = [...load.contents].map(Number);
      expect(versions).toEqual(versions.toSorted((one, other) => one - other));
      expect(proxy.commits).toHaveLength(SAVES + 1);
      // A half file, or none, is told; it is no error.
      proxy.takeReports();
    },
  );

  it("by the swap of a folder link, as Kubernetes does, goes live", async () => {
    const proxy = await startProxy({
      files: { "mount/.keep": "", "proxy.config.ts": config(0) },
      watch: false,
    });
    const mount = join(proxy.dir, "mount");
    const release = async (version: number): Promise<void> => {
      const name = `..v${version}`;
      await mkdir(join(mount, name));
      await writeFile(join(mount, name, "proxy.config.ts"), config(version));
      await symlink(name, join(mount, "..data_tmp"));
      await rename(join(mount, "..data_tmp"), join(mount, "..data"));
    };
    await release(1);
    const file = join(mount, "proxy.config.ts");
    await symlink(join("..data", "proxy.config.ts"), file);
    const mounted = await startProxy({ file });
    for (let version = 2; version <= SAVES + 1; version++) {
      await release(version);
      await expectServed(mounted, version, version);
      await rm(join(mount, `..v${version - 1}`), { recursive: true });
    }
  });
});
