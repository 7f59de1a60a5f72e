/** Packages with plugins: each works, or fails with one sentence that names it and what to do. */
import { symlink } from "node:fs/promises";
import { createRequire } from "node:module";

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

const PLUGIN = '{ name: "acme", api: 1, onRequest() {} }';
const ESM = { type: "module", exports: "./index.js" };
const CJS = { main: "index.js" };

async function load(
  manifest: object,
  files: Readonly<Record<string, string>>,
  use = "acme()",
  imports = 'import acme from "acme";',
) {
  await project.writeAll({
    "node_modules/acme/package.json": JSON.stringify({ name: "acme", ...manifest }),
    ...Object.fromEntries(
      Object.entries(files).map(([file, text]) => [`node_modules/acme/${file}`, text]),
    ),
    "proxy.config.ts": `${imports}\nexport default { plugins: [${use}], onRequest() {} };`,
  });
  return loader.load();
}

async function pluginsOf(...args: Parameters<typeof load>): Promise<string[]> {
  return expectLoaded(await load(...args)).config.plugins.map(({ name }) => name);
}

async function complaintOf(...args: Parameters<typeof load>): Promise<string> {
  return formatReport(expectFailed(await load(...args)));
}

describe("a package works that is", () => {
  it("CommonJS", async () => {
    expect(await pluginsOf(CJS, { "index.js": `module.exports = () => (${PLUGIN});` })).toEqual([
      "acme",
    ]);
  });

  it("dual: its ES module is taken, whatever else is in it", async () => {
    const exports = {
      ".": { types: "./index.d.ts", import: "./index.mjs", require: "./index.cjs" },
    };
    const files = {
      "index.mjs": `export default () => (${PLUGIN});`,
      "index.cjs": 'throw new Error("the wrong one");',
    };
    expect(await pluginsOf({ exports }, files)).toEqual(["acme"]);
  });

  it("made with a copy of the SDK of its own", async () => {
    const files = {
      "node_modules/@gatewright/sdk/package.json": JSON.stringify({
        name: "@gatewright/sdk",
        version: "0.0.9",
        ...ESM,
      }),
      "node_modules/@gatewright/sdk/index.js":
        "export const definePlugin = (make) => (...options) => ({ ...make(...options), api: 1 });",
      "index.js": `import { definePlugin } from "@gatewright/sdk"; export default definePlugin(() => (${PLUGIN}));`,
    };
    expect(await pluginsOf(ESM, files)).toEqual(["acme"]);
  });

  it("switched off by a condition", async () => {
    const files = { "index.js": `export default () => (${PLUGIN});` };
    expect(await pluginsOf(ESM, files, "false, undefined, acme()")).toEqual(["acme"]);
  });

  it("looked at for a default export before another one is taken", async () => {
    const files = { "index.js": `export const plugin = () => (${PLUGIN});` };
    const imports = 'import * as acme from "acme";';
    const use = "(acme.default ?? acme.plugin)(), false";
    expect(await pluginsOf(ESM, files, use, imports)).toEqual(["acme"]);
  });

  it("native, with its addon in place", async () => {
    // Any addon does: those of the tools that this workspace installs are made for this machine.
    const entry = createRequire(import.meta.url).resolve("rolldown");
    const folder = entry.slice(0, entry.lastIndexOf("rolldown/dist/") + "rolldown".length);
    await project.writeAll({ "node_modules/.keep": "" });
    await symlink(folder, project.path("node_modules/rolldown"));
    const files = {
      "index.js": `import { VERSION } from "rolldown"; export default () => ({ ...${PLUGIN}, name: "acme " + typeof VERSION });`,
    };
    expect(await pluginsOf(ESM, files)).toEqual(["acme string"]);
  });
});

describe("a package is refused by name, with what to do,", () => {
  it("that is made for another contract", async () => {
    const plugin = PLUGIN.replace("api: 1", "api: 2");
    const text = await complaintOf(ESM, { "index.js": `export default () => (${plugin});` });
    expect(text).toContain(
      'The plugin "acme" is made for contract 2 of Gatewright; this version speaks contract 1.',
    );
    expect(text).toContain("Install a version of acme for contract 1.");
    expect(text).toContain("proxy.config.ts:2:");
  });

  it("that has no default export, where it is called", async () => {
    const text = await complaintOf(ESM, { "index.js": `export const plugin = () => (${PLUGIN});` });
    expect(text).toContain(
      'The package "acme" is an ES module without a default export; it exports: plugin. Write import { … } from "acme".',
    );
  });

  it("that has no default export, where it is only listed", async () => {
    const files = { "index.js": `export const plugin = ${PLUGIN};` };
    const text = await complaintOf(ESM, files, "acme");
    expect(text).toContain('The package "acme" has no default export');
    expect(text).toContain('import { plugin } from "acme"');
    expect(await pluginsOf(ESM, files, "plugin", 'import { plugin } from "acme";')).toEqual([
      "acme",
    ]);
  });

  it("whose factory was not called", async () => {
    const text = await complaintOf(
      ESM,
      { "index.js": `export default function acme() {}` },
      "acme",
    );
    expect(text).toContain("A plugin's factory is there uncalled.");
    expect(text).toContain("Call it: acme({ … }).");
  });

  it("whose native part does not fit", async () => {
    const index = { "index.js": 'module.exports = require("./build/addon.node");' };
    const fix = "Run `npm rebuild acme` here, or install it anew on this machine.";
    for (const files of [index, { ...index, "build/addon.node": "for another machine" }]) {
      const text = await complaintOf(CJS, files);
      expect(text).toMatch(
        /The package "acme" cannot be loaded: its native part is missing or was not built for Node/,
      );
      expect(text).toContain(fix);
    }
  });

  it("that needs what is not installed", async () => {
    const text = await complaintOf(ESM, {
      "index.js": `import "@gatewright/sdk-of-tomorrow"; export default () => (${PLUGIN});`,
    });
    expect(text).toContain(
      'The package "acme" cannot be loaded: it needs "@gatewright/sdk-of-tomorrow", which is not installed.',
    );
    expect(text).toContain("npm install @gatewright/sdk-of-tomorrow");
  });

  it("that awaits at its top level", async () => {
    const text = await complaintOf(ESM, { "index.js": "await 1; export default 1;" });
    expect(text).toContain('The package "acme" cannot be loaded: it, or something that it imports');
    expect(text).toContain("await in `setup` instead");
  });

  it("that throws while it is loaded", async () => {
    const text = await complaintOf(ESM, { "index.js": 'throw new Error("No licence.");' });
    expect(text).toContain('The package "acme" cannot be loaded: it threw No licence.');
  });
});
