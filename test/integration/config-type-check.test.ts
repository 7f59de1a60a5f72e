import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { typeCheck } from "../../runtime/config/type-check.ts";
import { createConfigProject } from "../helpers/config-project.ts";
import type { ConfigProject } from "../helpers/config-project.ts";

const modules = resolve(import.meta.dirname, "../../node_modules");
let project: ConfigProject;

beforeEach(async () => {
  project = await createConfigProject();
  for (const name of ["typescript", "@typescript", "@types"]) {
    await symlink(join(modules, name), project.path(`node_modules/${name}`));
  }
});

afterEach(() => project[Symbol.asyncDispose]());

const WRONG = `import { defineConfig } from "@gatewright/sdk";
import { port } from "./lib/port.ts";

export default defineConfig({
  listen: { port },
  upstreams: { api: { targets: ["http://127.0.0.1:1"] } },
  onRequest: (_request, ctx) => ctx.forward("apii"),
});
`;

describe("typeCheck", () => {
  it("finds mistakes in the config and in what it imports, with place and frame", async () => {
    await project.writeAll({
      "proxy.config.ts": WRONG,
      "lib/port.ts": 'export const port: number = "80";\n',
    });
    const result = await typeCheck(project.file);
    if (result.kind !== "checked") throw new Error(JSON.stringify(result));
    const places = result.issues
      .map(({ place }) => `${place?.file}:${place?.line}:${place?.column}`)
      .toSorted();
    expect(places).toEqual([`${project.path("lib/port.ts")}:1:14`, `${project.file}:7:45`]);
    expect(result.issues.every((issue) => issue.frame?.includes("^"))).toBe(true);
    expect(result.issues.some((issue) => issue.message.includes("apii"))).toBe(true);
  }, 60_000);

  it("takes the project's own options, and checks nothing else of it", async () => {
    await project.writeAll({
      "tsconfig.json": JSON.stringify({
        compilerOptions: {
          target: "es2024",
          module: "nodenext",
          types: ["node"],
          strict: false,
          allowImportingTsExtensions: true,
          noEmit: true,
          skipLibCheck: true,
          customConditions: ["@gatewright/source"],
          paths: { "@/*": ["./lib/*"] },
        },
        include: ["."],
      }),
      "unrelated.ts": 'export const x: number = "no";',
      "lib/loose.ts": "export function loose(x) { return x.y; }",
      "proxy.config.ts":
        'import { defineConfig } from "@gatewright/sdk";\nimport { loose } from "@/loose.ts";\nexport default defineConfig({ onRequest() { loose(process.pid); } });',
    });
    expect(await typeCheck(project.file)).toMatchObject({ kind: "checked", issues: [] });
  }, 60_000);

  it("says so where TypeScript is not installed", async () => {
    const dir = await mkdtemp(join(tmpdir(), "gatewright-no-typescript-"));
    expect(await typeCheck(join(dir, "proxy.config.ts"))).toEqual({ kind: "unavailable" });
    await rm(dir, { recursive: true });
  });
});
