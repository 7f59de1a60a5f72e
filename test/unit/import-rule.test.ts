import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { OWNERS, ROOMS } from "../../oxlint.config.ts";

const root = resolve(import.meta.dirname, "../..");
let dir: string;
/** Rules reported for each planted file. */
let found: Map<string, string[]>;

const rooms = Object.keys(ROOMS);
const allowed = rooms.flatMap((room) => (ROOMS[room] ?? []).map((other) => [room, other] as const));
const forbidden = rooms.flatMap((room) =>
  rooms
    .filter((other) => other !== room && !ROOMS[room]!.includes(other))
    .map((other) => [room, other] as const),
);
const strangers = Object.keys(OWNERS).map((name) => {
  const room = rooms.find((candidate) => !OWNERS[name]!.includes(`runtime/${candidate}/**`))!;
  return [room, name] as const;
});

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "gatewright-lint-"));
  cpSync(join(root, "oxlint.config.ts"), join(dir, "oxlint.config.ts"));
  symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
  for (const [room, other] of [...allowed, ...forbidden]) {
    plant(`runtime/${room}/uses-${other}.ts`, `../${other}/x.ts`);
    plant(`runtime/${room}/deep/uses-${other}.ts`, `../../${other}/x.ts`);
  }
  for (const [room, name] of strangers) plant(`runtime/${room}/takes-${slug(name)}.ts`, name);
  plant("runtime/errors.ts", "./pipeline/x.ts");
  plant("runtime/primitives/waf/sibling.ts", "../cache/x.ts");
  plant("runtime/primitives/waf/own.ts", "./x.ts");
  plant("runtime/primitives/single.ts", "./other.ts");
  plant("runtime/pipeline/sdk-value.ts", "@gatewright/sdk");
  plant("runtime/pipeline/sdk-type.ts", "@gatewright/sdk", "import type");
  plant("runtime/inspect/names-pipeline.ts", "../pipeline/x.ts", "import type");
  plant("sdk/leaves.ts", "node:fs");
  plant("sdk/leaves-too.ts", "../runtime/x.ts");
  plant("runtime/http/cycle-a.ts", "./cycle-b.ts");
  plant("runtime/http/cycle-b.ts", "./cycle-a.ts");
  found = lint();
}, 30_000);

afterAll(() => rmSync(dir, { recursive: true, force: true }));

function slug(name: string): string {
  return name.replaceAll(/\W/g, "-");
}

function plant(file: string, source: string, keyword = "import"): void {
  const path = join(dir, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    `${keyword} { x } from ${JSON.stringify(source)};\nexport const y: typeof x = x;\n`,
  );
}

function lint(): Map<string, string[]> {
  const { stdout } = spawnSync(
    process.execPath,
    [join(root, "node_modules/oxlint/bin/oxlint"), "--format", "json"],
    { cwd: dir, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
  );
  const report = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] };
  const rules = new Map<string, string[]>();
  for (const { code, filename } of report.diagnostics) {
    rules.set(filename, [...(rules.get(filename) ?? []), code]);
  }
  return rules;
}

const RESTRICTED = "eslint(no-restricted-imports)";

describe("the import rule", () => {
  it.each(forbidden)("keeps %s from importing %s", (room, other) => {
    expect(found.get(`runtime/${room}/uses-${other}.ts`)).toContain(RESTRICTED);
    expect(found.get(`runtime/${room}/deep/uses-${other}.ts`)).toContain(RESTRICTED);
  });

  it.each(allowed)("lets %s import %s", (room, other) => {
    expect(found.get(`runtime/${room}/uses-${other}.ts`) ?? []).not.toContain(RESTRICTED);
  });

  it.each(strangers)("keeps %s from importing %s, which has another owner", (room, name) => {
    expect(found.get(`runtime/${room}/takes-${slug(name)}.ts`)).toContain(RESTRICTED);
  });

  it("keeps what is open to all from importing any room", () => {
    expect(found.get("runtime/errors.ts")).toContain(RESTRICTED);
  });

  it("keeps primitives apart, but not the files of one", () => {
    expect(found.get("runtime/primitives/waf/sibling.ts")).toContain(RESTRICTED);
    expect(found.get("runtime/primitives/single.ts")).toContain(RESTRICTED);
    expect(found.get("runtime/primitives/waf/own.ts") ?? []).not.toContain(RESTRICTED);
  });

  it("lets the engine use types of the SDK only", () => {
    expect(found.get("runtime/pipeline/sdk-value.ts")).toContain(RESTRICTED);
    expect(found.get("runtime/pipeline/sdk-type.ts") ?? []).not.toContain(RESTRICTED);
  });

  it("lets inspect name interfaces of other rooms", () => {
    expect(found.get("runtime/inspect/names-pipeline.ts") ?? []).not.toContain(RESTRICTED);
  });

  it("keeps the SDK free of dependencies", () => {
    expect(found.get("sdk/leaves.ts")).toContain(RESTRICTED);
    expect(found.get("sdk/leaves-too.ts")).toContain(RESTRICTED);
  });

  it("finds cycles", () => {
    expect(found.get("runtime/http/cycle-a.ts")).toContain("import(no-cycle)");
  });
});
