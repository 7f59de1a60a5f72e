import { mkdir, rm, symlink } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { formatReport } from "../../runtime/config/report.ts";
import {
  createConfigProject,
  createTestLoader,
  expectFailed,
  expectLoaded,
} from "../helpers/config-project.ts";
import type { ConfigProject, TestLoader } from "../helpers/config-project.ts";

let project: ConfigProject;
let loader: TestLoader;

beforeEach(async () => {
  project = await createConfigProject();
  loader = createTestLoader(project.file);
});

afterEach(async () => {
  await loader.close();
  await project[Symbol.asyncDispose]();
});

/** Names of the plugins that a config with these lines comes to. */
async function pluginsOf(imports: string, plugins: string): Promise<string[]> {
  await project.write(
    "proxy.config.ts",
    `${imports}\nexport default { plugins: [${plugins}], onRequest() {} };`,
  );
  const { config } = expectLoaded(await loader.load());
  return config.plugins.map((plugin) => plugin.name);
}

function install(name: string, manifest: object, files: Record<string, string>): Promise<void> {
  return project.writeAll({
    [`node_modules/${name}/package.json`]: JSON.stringify({ name, ...manifest }),
    ...Object.fromEntries(
      Object.entries(files).map(([file, text]) => [`node_modules/${name}/${file}`, text]),
    ),
  });
}

const make = (name: string) => `() => ({ name: "${name}", api: 1, onRequest() {} })`;

describe("module formats (PUB-43)", () => {
  beforeEach(async () => {
    await install(
      "esm",
      { type: "module", exports: "./index.js" },
      { "index.js": `export default ${make("esm")}; export const extra = 1;` },
    );
    await install(
      "cjs",
      { main: "index.js" },
      { "index.js": `module.exports = ${make("cjs")}; module.exports.extra = 1;` },
    );
    await install(
      "marked",
      { main: "index.js" },
      {
        "index.js": `exports.__esModule = true; exports.default = ${make("marked")}; exports.extra = 1;`,
      },
    );
    await install(
      "named",
      { type: "module", exports: "./index.js" },
      { "index.js": `export const plugin = ${make("named")};` },
    );
    await install(
      "dual",
      { exports: { ".": { import: "./index.mjs", require: "./index.cjs" } } },
      {
        "index.mjs": `export default ${make("dual-import")};`,
        "index.cjs": `module.exports = ${make("dual-require")};`,
      },
    );
  });

  it("gives each package's default export as Node gives it to an ES module", async () => {
    const names = await pluginsOf(
      `import esm, { extra as one } from "esm"; import cjs, { extra as two } from "cjs";
       import marked, { extra as three } from "marked"; import { plugin } from "named"; import dual from "dual";
       if (one !== 1 || two !== 1 || three !== 1) throw new Error("named exports are missing");`,
      "esm(), cjs(), marked.default(), plugin(), dual()",
    );
    expect(names).toEqual(["esm", "cjs", "marked", "named", "dual-import"]);
  });

  it("reads exports.default where the importer is no ES module, as compilers do", async () => {
    await project.write("package.json", "{}");
    const names = await pluginsOf(
      `import esm from "esm"; import cjs from "cjs"; import marked from "marked"; import dual from "dual";`,
      "esm(), cjs(), marked(), dual()",
    );
    expect(names).toEqual(["esm", "cjs", "marked", "dual-import"]);
  });

  it("goes by the ending of the importer before its package.json", async () => {
    await project.writeAll({
      "package.json": "{}",
      "a.mts": 'import marked from "marked"; export const a = marked.default();',
      "b.cts": 'const esm = require("esm"); module.exports = { b: esm.default() };',
    });
    const names = await pluginsOf(
      `import { a } from "./a.mts"; import { b } from "./b.cts";`,
      "a, b",
    );
    expect(names).toEqual(["marked", "esm"]);
  });

  it("gives whole modules to star imports, require and import()", async () => {
    await project.write(
      "proxy.config.ts",
      `import * as all from "esm"; import { createRequire } from "node:module";
       export default async () => {
         const late = await import("esm");
         const cjs = createRequire(import.meta.url)("cjs");
         return { plugins: [all.default(), cjs()], onRequest() {}, log: { redact: Object.keys(late).filter((key) => key !== "__esModule") } };
       };`,
    );
    const { config } = expectLoaded(await loader.load());
    expect(config.plugins.map((plugin) => plugin.name)).toEqual(["esm", "cjs"]);
    expect([...config.log.redact].toSorted()).toEqual(["default", "extra"]);
  });

  it("names the package and its shape when its default export is none", async () => {
    await project.write(
      "proxy.config.ts",
      'import named from "named";\nexport default { plugins: [named()] };',
    );
    const text = formatReport(expectFailed(await loader.load()));
    expect(text).toContain('"named" is an ES module without a default export; it exports: plugin');
    expect(text).toContain("proxy.config.ts:2:");
  });

  it("says how to call a CommonJS package that was compiled from an ES module", async () => {
    await project.write(
      "proxy.config.ts",
      'import marked from "marked";\nexport default { plugins: [marked()] };',
    );
    const text = formatReport(expectFailed(await loader.load()));
    expect(text).toContain('"marked" is CommonJS with "exports.default"');
  });

  it("names a package that cannot be loaded because of top-level await", async () => {
    await install(
      "waits",
      { type: "module", exports: "./index.js" },
      { "index.js": "await 1; export default 1;" },
    );
    await project.write(
      "proxy.config.ts",
      'import waits from "waits";\nexport default { onRequest: () => waits };',
    );
    const report = expectFailed(await loader.load());
    expect(report.issues[0]?.message).toContain('The package "waits" cannot be loaded');
  });

  it("says what to do with a package that ships only TypeScript", async () => {
    await install(
      "typed",
      { exports: "./index.ts" },
      { "index.ts": "export default 1 as number;" },
    );
    await project.write(
      "proxy.config.ts",
      'import typed from "typed";\nexport default { onRequest: () => typed };',
    );
    const report = expectFailed(await loader.load());
    expect(report.issues[0]?.message).toContain('The package "typed" ships only TypeScript');
    expect(report.issues[0]?.fix).toContain('"bundle": ["typed"]');
    await project.write(
      "package.json",
      '{ "type": "module", "gatewright": { "bundle": ["typed"] } }',
    );
    expectLoaded(await loader.load());
  });

  it("takes the built entry of a package whose source entry is not packed", async () => {
    await install(
      "packed",
      {
        type: "module",
        exports: { ".": { "@gatewright/source": "./index.ts", import: "./dist/index.js" } },
      },
      { "dist/index.js": `export default ${make("packed")};` },
    );
    expect(await pluginsOf('import packed from "packed";', "packed()")).toEqual(["packed"]);
  });

  it("loads subpaths, data files and packages without exports", async () => {
    await install(
      "old",
      { main: "./lib" },
      {
        "lib/index.js": "exports.one = 1;",
        "data.json": '{ "two": 2 }',
        "list.txt": "three",
        "deep/file.js": "module.exports = 4;",
      },
    );
    await project.write(
      "proxy.config.ts",
      `import { one } from "old"; import data from "old/data.json"; import again from "old/data.json" with { type: "json" }; import list from "old/list.txt"; import four from "old/deep/file.js";
       export default { onRequest() {}, log: { redact: [String(one), String(data.two * again.two / 2), list, String(four)] } };`,
    );
    const { config } = expectLoaded(await loader.load());
    expect(config.log.redact).toEqual(["1", "2", "three", "4"]);
  });
});

describe("which packages reload", () => {
  it("keeps one instance of an installed package over reloads", async () => {
    await install(
      "state",
      { type: "module", exports: "./index.js" },
      { "index.js": "export let count = 0; export const next = () => ++count;" },
    );
    const counts: string[] = [];
    for (const version of [1, 2, 3]) {
      await project.write(
        "proxy.config.ts",
        `import { next } from "state"; export default { onRequest() {}, log: { redact: ["v${version}-" + next()] } };`,
      );
      counts.push(...expectLoaded(await loader.load()).config.log.redact);
    }
    expect(counts).toEqual(["v1-1", "v2-2", "v3-3"]);
  });

  it("tells which packages are outside the bundle", async () => {
    await install("outside", { main: "index.js" }, { "index.js": "" });
    await project.write("proxy.config.ts", 'import "outside"; export default { onRequest() {} };');
    const { packages } = expectLoaded(await loader.load());
    expect(packages).toEqual([
      {
        name: "outside",
        dir: project.path("node_modules/outside"),
        entry: project.path("node_modules/outside/index.js"),
      },
    ]);
  });

  it("resolves an installed package from the file that imports it", async () => {
    await install("dep", { main: "index.js" }, { "index.js": 'exports.version = "outer";' });
    await project.writeAll({
      "lib/node_modules/dep/package.json": '{ "name": "dep", "main": "index.js" }',
      "lib/node_modules/dep/index.js": 'exports.version = "inner";',
      "lib/part.ts": 'import { version } from "dep"; export const inner = version;',
      "proxy.config.ts":
        'import { version } from "dep"; import { inner } from "./lib/part.ts"; export default { onRequest() {}, log: { redact: [version, inner] } };',
    });
    expect(expectLoaded(await loader.load()).config.log.redact).toEqual(["outer", "inner"]);
  });

  it("reloads a linked package whose real path is outside node_modules, stateful dependencies kept", async () => {
    await project.writeAll({
      "packages/linked/package.json":
        '{ "name": "linked", "type": "module", "exports": "./index.ts" }',
      "packages/linked/index.ts": 'export const version: string = "1";',
    });
    await symlink("../packages/linked", project.path("node_modules/linked"));
    await project.write(
      "proxy.config.ts",
      'import { version } from "linked"; export default { onRequest() {}, log: { redact: [version] } };',
    );
    const first = await loader.load();
    expect(expectLoaded(first).config.log.redact).toEqual(["1"]);
    expect(expectLoaded(first).packages).toEqual([]);
    expect(first.inputs).toContain(project.path("packages/linked/index.ts"));
    expect(first.inputs).toContain(project.path("node_modules/linked"));

    await project.write("packages/linked/index.ts", 'export const version: string = "2";');
    expect(expectLoaded(await loader.load()).config.log.redact).toEqual(["2"]);
  });

  it("follows the link of a linked package that is pointed elsewhere", async () => {
    for (const version of ["1", "2"]) {
      await project.writeAll({
        [`packages/v${version}/package.json`]:
          '{ "name": "linked", "type": "module", "exports": "./index.js" }',
        [`packages/v${version}/index.js`]: `export const version = "${version}";`,
      });
    }
    await project.write(
      "proxy.config.ts",
      'import { version } from "linked"; export default { onRequest() {}, log: { redact: [version] } };',
    );
    for (const version of ["1", "2"]) {
      await rm(project.path("node_modules/linked"), { force: true });
      await symlink(`../packages/v${version}`, project.path("node_modules/linked"));
      expect(expectLoaded(await loader.load()).config.log.redact).toEqual([version]);
    }
  });

  it("bundles an installed package that gatewright.bundle lists", async () => {
    await install(
      "@scope/listed",
      { main: "index.js" },
      { "index.js": 'exports.version = require("./part.js");', "part.js": 'module.exports = "1";' },
    );
    await project.write(
      "package.json",
      '{ "type": "module", "gatewright": { "bundle": ["@scope/listed"] } }',
    );
    await project.write(
      "proxy.config.ts",
      'import { version } from "@scope/listed"; export default { onRequest() {}, log: { redact: [version] } };',
    );
    expect(expectLoaded(await loader.load()).config.log.redact).toEqual(["1"]);
    await project.write("node_modules/@scope/listed/part.js", 'module.exports = "2";');
    expect(expectLoaded(await loader.load()).config.log.redact).toEqual(["2"]);
  });

  it("refuses a gatewright.bundle that is no list of names", async () => {
    await project.writeAll({
      "package.json": '{ "gatewright": { "bundle": "listed" } }',
      "proxy.config.ts": "export default { onRequest() {} };",
    });
    const report = expectFailed(await loader.load());
    expect(report.stage).toBe("read");
    expect(report.issues[0]?.message).toContain('"gatewright.bundle"');
  });

  it("leaves native files beside a linked package where they are", async () => {
    await mkdir(project.path("packages/native"), { recursive: true });
    await project.writeAll({
      "packages/native/package.json": '{ "name": "native", "main": "index.cjs" }',
      "packages/native/index.cjs":
        'exports.load = () => require("./addon.node"); exports.dir = __dirname;',
      "packages/native/addon.node": "not really",
    });
    await symlink("../packages/native", project.path("node_modules/native"));
    await project.write(
      "proxy.config.ts",
      'import { load, dir } from "native"; export default { onRequest: load, dataDir: dir };',
    );
    const { config } = expectLoaded(await loader.load());
    expect(config.dataDir).toBe(project.path("packages/native"));
    expect(() => (config.hooks.onRequest as () => unknown)()).toThrow(/addon\.node/);
  });

  it("honours the paths of the project's tsconfig.json", async () => {
    await project.writeAll({
      "tsconfig.json": '{ "compilerOptions": { "paths": { "@/*": ["./lib/*"] } } }',
      "lib/x.ts": 'export const x = "by alias";',
      "proxy.config.ts":
        'import { x } from "@/x.ts"; export default { onRequest() {}, log: { redact: [x] } };',
    });
    expect(expectLoaded(await loader.load()).config.log.redact).toEqual(["by alias"]);
  });

  it("finds a package that is installed after a load failed for it", async () => {
    await project.write(
      "proxy.config.ts",
      'import { x } from "late"; export default { onRequest() {}, log: { redact: [x] } };',
    );
    const failed = await loader.load();
    expectFailed(failed);
    expect(failed.inputs).toContain(project.path("node_modules/late/package.json"));
    await install("late", { main: "index.js" }, { "index.js": 'exports.x = "there";' });
    expect(expectLoaded(await loader.load()).config.log.redact).toEqual(["there"]);
  });
});
