import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import {
  cleanSpillFolder,
  createSpillFolder,
  type SpillFile,
} from "../../../../runtime/primitives/content-buffer/spill-file.ts";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "gatewright-spill-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return join(path, "data", "spill");
}

function open(path: string): Promise<SpillFile> {
  return new Promise((resolve, reject) => {
    createSpillFolder(path).open((error, file) => {
      if (file === undefined) reject(error as Error);
      else resolve(file);
    });
  });
}

const written = (file: SpillFile, chunks: Uint8Array[], position: number): Promise<void> =>
  new Promise((resolve, reject) =>
    file.write(chunks, position, (error) => (error === undefined ? resolve() : reject(error))),
  );

const read = (file: SpillFile, size: number, position: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const bytes = Buffer.alloc(size);
    file.read(bytes, position, (error) =>
      error === undefined ? resolve(bytes.toString()) : reject(error),
    );
  });

describe("a spill file", () => {
  it("takes chunks and gives any part of them", async () => {
    const file = await open(await folder());
    await written(file, [Buffer.from("abc"), Buffer.from("def")], 0);
    await written(file, [Buffer.from("ghi")], 6);
    expect(await read(file, 5, 2)).toBe("cdefg");
    await expect(read(file, 5, 6)).rejects.toThrow("shorter");
    file.close();
  });

  it("makes its folder for its owner only and has no name in it", async () => {
    const path = await folder();
    const file = await open(path);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect(await readdir(path)).toEqual([]);
    file.close();
  });

  it("is not touched once it is closed, though its descriptor may be another file's by then", async () => {
    const file = await open(await folder());
    await written(file, [Buffer.from("secret")], 0);
    file.close();
    file.close();
    await expect(read(file, 6, 0)).rejects.toThrow("closed");
    await expect(written(file, [Buffer.from("x")], 0)).rejects.toThrow("closed");
  });

  it("ends what is under way before it closes", async () => {
    const file = await open(await folder());
    await written(file, [Buffer.from("abc")], 0);
    const reading = read(file, 3, 0);
    file.close();
    expect(await reading).toBe("abc");
  });
});

describe("cleanSpillFolder", () => {
  it("removes what dead processes left, and nothing else", async () => {
    const path = await folder();
    await mkdir(path, { recursive: true });
    const old = new Date(Date.now() - 3_600_000);
    const mine = `${process.pid}-${"a".repeat(24)}.spill`;
    const before = `${process.pid}-${"b".repeat(24)}.spill`;
    const parent = `${process.ppid}-${"c".repeat(24)}.spill`;
    // No process has such a number.
    const dead = `4194305-${"d".repeat(24)}.spill`;
    for (const name of [mine, before, parent, dead, "notes.txt"]) {
      await writeFile(join(path, name), "x");
    }
    await utimes(join(path, before), old, old);
    await cleanSpillFolder(path);
    expect((await readdir(path)).toSorted()).toEqual([mine, parent, "notes.txt"].toSorted());
  });

  it("does not mind a folder that is not there", async () => {
    await cleanSpillFolder(await folder());
  });
});
