import { rename, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

import {
  foldersOf,
  isFresh,
  signatureOf,
  watchPointsOf,
} from "../../../runtime/config/watch-points.ts";
import { createConfigProject } from "../../helpers/config-project.ts";
import type { ConfigProject } from "../../helpers/config-project.ts";

let project: ConfigProject;

beforeEach(async () => {
  project = await createConfigProject({ "a/b/c/d.ts": "", "v1/x.ts": "" });
  await symlink("v1", project.path("current"));
  await symlink("loop", project.path("loop"));
});

afterEach(() => project[Symbol.asyncDispose]());

const pointsOf = (name: string): string[] =>
  [...watchPointsOf([project.path(name)])]
    .map((path) => path.replace(`${project.dir}/`, ""))
    .toSorted();

it("names the file and the two folders above it", () => {
  expect(pointsOf("a/b/c/d.ts")).toEqual(["a/b", "a/b/c", "a/b/c/d.ts"]);
});

it("names each link and what is behind it", () => {
  expect(pointsOf("current/x.ts")).toEqual(expect.arrayContaining(["current", "v1", "v1/x.ts"]));
});

it("names the first part of the path that is missing", () => {
  expect(pointsOf("a/no/such/file.ts")).toContain("a/no");
  expect(pointsOf("a/no/such/file.ts")).not.toContain("a/no/such/file.ts");
});

it("comes to an end with a link to itself", () => {
  expect(pointsOf("loop/x.ts")).toContain("loop");
});

it("groups points by the folder to watch", () => {
  const folders = foldersOf([project.path("a/b"), project.path("a/c"), project.path("v1/x.ts")]);
  expect([...folders.keys()]).toEqual([project.path("a"), project.path("v1")]);
  expect(folders.get(project.path("a"))?.size).toBe(2);
  expect(foldersOf(["/"]).size).toBe(0);
});

it("tells states of a file apart", () => {
  expect(signatureOf(project.path("nothing"))).toBe("missing");
  expect(signatureOf(project.path("v1/x.ts"))).not.toBe(signatureOf(project.path("a/b/c/d.ts")));
  expect(signatureOf(dirname(project.path("v1/x.ts")))).not.toBe("missing");
});

it("signs a folder by which one it is, whatever comes and goes in it", async () => {
  const before = signatureOf(project.path("v1"));
  await writeFile(project.path("v1/new.ts"), "");
  expect(signatureOf(project.path("v1"))).toBe(before);
  await rename(project.path("v1"), project.path("v0"));
  await rename(project.path("a"), project.path("v1"));
  expect(signatureOf(project.path("v1"))).not.toBe(before);
});

it("says of a file whether it may change without its times telling", async () => {
  const path = project.path("v1/x.ts");
  await expect.poll(() => isFresh(path)).toBe(false);
  // Its time of change is the kernel's, so this one is new whatever time it names.
  await expect
    .poll(async () => {
      await utimes(path, 1, 1);
      return isFresh(path);
    })
    .toBe(true);
  expect(isFresh(project.path("missing"))).toBe(false);
});
