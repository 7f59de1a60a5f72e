import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { generatedSecret } from "../../../runtime/generation/generated-secret.ts";

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "gatewright-secret-"));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

it("is made once, by whoever comes first, and is for our own eyes", async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => generatedSecret(dir, "cookie")));
  expect(new Set(all).size).toBe(1);
  expect(all[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(await generatedSecret(dir, "cookie")).toBe(all[0]);
  expect(await generatedSecret(dir, "other")).not.toBe(all[0]);
  expect((await stat(join(dir, "secrets/cookie"))).mode & 0o777).toBe(0o600);
  expect((await stat(join(dir, "secrets"))).mode & 0o777).toBe(0o700);
  expect((await readdir(join(dir, "secrets"))).toSorted()).toEqual(["cookie", "other"]);
});

it("refuses a file that holds something else, and leaves it alone", async () => {
  await generatedSecret(dir, "cookie");
  await writeFile(join(dir, "secrets/cookie"), "short");
  await expect(generatedSecret(dir, "cookie")).rejects.toThrow(/secrets\/cookie holds no secret/);
  expect(await readFile(join(dir, "secrets/cookie"), "utf8")).toBe("short");
});
