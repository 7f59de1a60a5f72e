import { cpSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { mkdir, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { watchInputs } from "../../runtime/config/watch.ts";
import type { InputWatcher } from "../../runtime/config/watch.ts";
import { createConfigProject } from "../helpers/config-project.ts";
import type { ConfigProject } from "../helpers/config-project.ts";

let project: ConfigProject;
let watcher: InputWatcher;
let changes: number;
let packages: string[];
let errors: unknown[];
let waiting: (() => void)[];

beforeEach(async () => {
  project = await createConfigProject({ "proxy.config.ts": "1", "lib/a.ts": "1" });
  changes = 0;
  packages = [];
  errors = [];
  waiting = [];
  const wake = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  watcher = watchInputs({
    onChange() {
      changes += 1;
      wake();
    },
    onPackageChange(name) {
      packages.push(name);
      wake();
    },
    onError: (error) => errors.push(error),
  });
});

afterEach(async () => {
  await watcher.close();
  await project[Symbol.asyncDispose]();
  expect(errors).toEqual([]);
});

async function watching(...names: string[]): Promise<void> {
  watcher.update(
    names.map((name) => project.path(name)),
    [],
  );
  await watcher.ready;
}

/** Waits for the change that `act` makes, and for the quiet after it. */
async function changeBy(act: () => Promise<unknown>): Promise<number> {
  const before = changes;
  const changed = new Promise<void>((resolve) => waiting.push(resolve));
  await act();
  await changed;
  await settle();
  return changes - before;
}

/** Longer than the debounce: what has not been reported by then is not going to be. */
const settle = () => delay(80);

describe("save styles (PUB-40)", () => {
  beforeEach(() => watching("proxy.config.ts", "lib/a.ts"));

  // In one go: on a busy machine any pause may be longer than the quiet time that ends a save.
  it.each<[string, (path: string, text: string) => void]>([
    ["in place", (path, text) => writeFileSync(path, text)],
    [
      "to a temporary file that is renamed",
      (path, text) => {
        writeFileSync(`${path}.tmp`, text);
        renameSync(`${path}.tmp`, path);
      },
    ],
    [
      "by removing and creating it",
      (path, text) => {
        unlinkSync(path);
        writeFileSync(path, text);
      },
    ],
    [
      "as vim does, with a backup",
      (path, text) => {
        renameSync(path, `${path}~`);
        writeFileSync(path, text);
        unlinkSync(`${path}~`);
      },
    ],
  ])("sees a file saved %s, once each time", async (_style, save) => {
    for (let round = 0; round < 5; round++) {
      const count = await changeBy(async () => save(project.path("proxy.config.ts"), `${round}`));
      expect(count).toBe(1);
    }
  });

  it("sees a file that is missing for a while when it comes back", async () => {
    await changeBy(() => unlink(project.path("proxy.config.ts")));
    await changeBy(() => writeFile(project.path("proxy.config.ts"), "2"));
    await changeBy(() => writeFile(project.path("proxy.config.ts"), "3"));
  });

  it("sees both halves of a file that is written with a pause", async () => {
    await changeBy(() => writeFile(project.path("proxy.config.ts"), "export default {"));
    await changeBy(() => writeFile(project.path("proxy.config.ts"), "export default {};"));
  });

  it("makes one change of ten saves in a burst", async () => {
    const count = await changeBy(async () => {
      for (let save = 0; save < 10; save++) {
        writeFileSync(project.path("proxy.config.ts"), String(save));
      }
    });
    expect(count).toBe(1);
  });

  it("reports a file that is written without a pause before its writer stops", async () => {
    const changed = new Promise<void>((resolve) => waiting.push(resolve));
    let isChanged = false;
    void changed.then(() => (isChanged = true));
    for (let save = 0; save < 400 && !isChanged; save++) {
      await writeFile(project.path("proxy.config.ts"), String(save));
      await delay(5);
    }
    expect(isChanged).toBe(true);
  });

  it("sees an imported file", async () => {
    await changeBy(() => writeFile(project.path("lib/a.ts"), "2"));
  });

  it("sees a folder of the project that is removed and restored", async () => {
    await changeBy(() => rm(project.path("lib"), { recursive: true }));
    await changeBy(() => project.write("lib/a.ts", "1"));
    await changeBy(() => project.write("lib/a.ts", "2"));
  });

  it("sees a folder of the project that is swapped by renaming", async () => {
    await project.write("lib.new/a.ts", "2");
    await changeBy(async () => {
      await rename(project.path("lib"), project.path("lib.old"));
      await rename(project.path("lib.new"), project.path("lib"));
    });
    await changeBy(() => writeFile(project.path("lib/a.ts"), "3"));
  });

  it("does not report files that nothing read", async () => {
    await project.write("other.ts", "1");
    await project.write("lib/other.ts", "1");
    await settle();
    expect(changes).toBe(0);
  });
});

describe("links", () => {
  it("sees a link to the file that is pointed elsewhere", async () => {
    await project.writeAll({ "v1.ts": "1", "v2.ts": "2" });
    await rm(project.file);
    await symlink("v1.ts", project.file);
    await watching("proxy.config.ts", "v1.ts");
    await changeBy(async () => {
      await symlink("v2.ts", project.path("next"));
      await rename(project.path("next"), project.file);
    });
    await changeBy(() => writeFile(project.path("v2.ts"), "3"));
  });

  it("sees the ..data swap of a Kubernetes volume, several times", async () => {
    await project.writeAll({
      "volume/..1/proxy.config.ts": "1",
      "volume/..2/proxy.config.ts": "2",
    });
    await symlink("..1", project.path("volume/..data"));
    await symlink("..data/proxy.config.ts", project.path("volume/proxy.config.ts"));
    await watching("volume/proxy.config.ts");
    for (const version of ["..2", "..1", "..2"]) {
      const count = await changeBy(async () => {
        await symlink(version, project.path("volume/..data_tmp"));
        await rename(project.path("volume/..data_tmp"), project.path("volume/..data"));
      });
      expect(count).toBe(1);
    }
    await changeBy(() => writeFile(project.path("volume/..2/proxy.config.ts"), "3"));
  });

  it("sees a link on a folder far above the file", async () => {
    await project.writeAll({ "r1/a/b/c/d/x.ts": "1", "r2/a/b/c/d/x.ts": "2" });
    await symlink("r1", project.path("current"));
    await watching("current/a/b/c/d/x.ts");
    await changeBy(async () => {
      await symlink("r2", project.path("next"));
      await rename(project.path("next"), project.path("current"));
    });
  });

  it("is not led astray by links in a circle", async () => {
    await symlink("b", project.path("a"));
    await symlink("a", project.path("b"));
    await watching("a/x.ts", "proxy.config.ts");
    await changeBy(() => writeFile(project.file, "2"));
  });
});

describe("what was not there", () => {
  it("sees a missing file come into a folder that is missing too", async () => {
    await watching("deep/er/x.ts");
    await changeBy(() => mkdir(project.path("deep")));
    await changeBy(() => project.write("deep/er/x.ts", "1"));
  });

  it("keeps watching what a failed load does not know any more", async () => {
    await watching("proxy.config.ts", "lib/a.ts");
    watcher.update([project.file], undefined);
    await watcher.ready;
    await changeBy(() => writeFile(project.path("lib/a.ts"), "2"));
  });

  it("lets go of what a good load no longer reads", async () => {
    await watching("proxy.config.ts", "lib/a.ts");
    await watching("proxy.config.ts");
    await project.write("lib/a.ts", "2");
    await settle();
    expect(changes).toBe(0);
  });

  it("notices that a file which a load found first changed before it was watched", async () => {
    await watching("proxy.config.ts");
    await changeBy(() => writeFile(project.file, "2"));
    await project.write("lib/new.ts", "changed while the load ran");
    const changed = new Promise<void>((resolve) => waiting.push(resolve));
    watcher.update([project.file, project.path("lib/new.ts")], []);
    await changed;
  });
});

describe("installed packages", () => {
  const dir = () => project.path("node_modules/pkg");
  const entry = () => project.path("node_modules/pkg/index.js");
  const install = (version: number) =>
    project.writeAll({
      "node_modules/pkg/package.json": `{ "version": "${version}" }`,
      "node_modules/pkg/index.js": `${version}`,
    });

  beforeEach(async () => {
    await install(1);
    watcher.update([project.file], [{ name: "pkg", dir: dir(), entry: entry() }]);
    await watcher.ready;
  });

  it("names a package that was replaced, once, and reports no change of the config", async () => {
    const changed = new Promise<void>((resolve) => waiting.push(resolve));
    await rm(dir(), { recursive: true });
    await install(2);
    await changed;
    await delay(300);
    expect(packages).toEqual(["pkg"]);
    expect(changes).toBe(0);
  });

  it("says nothing of the same package installed again", async () => {
    await project.write("node_modules/.staging/pkg/package.json", '{ "version": "1" }');
    cpSync(dir(), project.path("copy"), { recursive: true });
    await rm(dir(), { recursive: true });
    await rename(project.path("copy"), dir());
    await delay(400);
    expect(packages).toEqual([]);
  });
});
