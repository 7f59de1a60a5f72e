import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

const BYTES = 32;
const FORM = /^[0-9a-f]{64}$/;

/**
 * A secret of this machine: made at the first use, then the same for ever. It is in `dataDir/secrets`, for our own eyes
 * only. Threads and processes that start at the same time agree on one.
 */
export async function generatedSecret(dataDir: string, name: string): Promise<string> {
  const dir = join(dataDir, "secrets");
  const file = join(dir, name);
  const before = await read(file);
  if (before !== undefined) return before;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // Written whole under a name of its own, so that nobody ever reads half of one.
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  const handle = await open(draft, "wx", 0o600);
  try {
    await handle.writeFile(`${randomBytes(BYTES).toString("hex")}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    // Fails where another one was first: that one counts.
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  const made = await read(file);
  if (made === undefined) throw new Error(`${file} could not be written`);
  return made;
}

/** The secret of a file, `undefined` if there is no file. */
async function read(file: string): Promise<string | undefined> {
  let text: string;
  try {
    text = (await readFile(file, "latin1")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  if (!FORM.test(text)) {
    throw new Error(`${file} holds no secret of ours: delete it, and another one is made`);
  }
  return text;
}
