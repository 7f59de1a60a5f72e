import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Files of one pair in a folder; the same path twice where one file holds both. */
export interface FolderPair {
  readonly cert: string;
  readonly key: string;
}

/** Beyond that it is some other folder. */
const MAX_ENTRIES = 100_000;
const CERT_NAMES = /^(.+)\.(?:pem|crt|cer|cert)$/i;
/** How the folders of ACME clients and Kubernetes call them. */
const SUBFOLDER_PAIRS: readonly (readonly [cert: string, key: string])[] = [
  ["fullchain.pem", "privkey.pem"],
  ["fullchain.cer", "privkey.key"],
  ["tls.crt", "tls.key"],
];

/**
 * What lies in a folder of certificates: `NAME.crt` or `NAME.pem` with `NAME.key` or `NAME-key.pem`, `NAME.pem` alone
 * (both in one file), and folders with `fullchain.pem` and `privkey.pem`. Rejects if the folder cannot be read.
 */
export async function findPairs(
  folder: string,
): Promise<{ pairs: FolderPair[]; folders: string[] }> {
  const entries = await readdir(folder, { withFileTypes: true });
  if (entries.length > MAX_ENTRIES) throw new Error(`it has ${entries.length} entries`);
  const names = new Set(entries.map((entry) => entry.name));
  const pairs: FolderPair[] = [];
  const folders = [folder];
  for (const entry of entries.toSorted(byName)) {
    const { name } = entry;
    // Kubernetes keeps what its links lead to in hidden folders.
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    const [, stem] = CERT_NAMES.exec(name) ?? [];
    if (entry.isDirectory() || (entry.isSymbolicLink() && stem === undefined)) {
      const found = await findInSubfolder(path);
      if (found !== undefined) pairs.push(found);
      if (entry.isDirectory()) folders.push(path);
      continue;
    }
    if (stem === undefined || /(?:-key|\.key|^privkey|^chain|^ca)$/i.test(stem)) continue;
    if (names.has(`${stem}.key`)) pairs.push({ cert: path, key: join(folder, `${stem}.key`) });
    else if (names.has(`${stem}-key.pem`)) {
      pairs.push({ cert: path, key: join(folder, `${stem}-key.pem`) });
    } else if (stem.toLowerCase() === "fullchain" && names.has("privkey.pem")) {
      pairs.push({ cert: path, key: join(folder, "privkey.pem") });
    } else if (/\.pem$/i.test(name) && !names.has("fullchain.pem")) {
      pairs.push({ cert: path, key: path });
    }
  }
  return { pairs, folders };
}

async function findInSubfolder(folder: string): Promise<FolderPair | undefined> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch {
    return undefined;
  }
  for (const [cert, key] of SUBFOLDER_PAIRS) {
    if (names.includes(cert) && names.includes(key)) {
      return { cert: join(folder, cert), key: join(folder, key) };
    }
  }
  return undefined;
}

function byName(one: Dirent, other: Dirent): number {
  return one.name < other.name ? -1 : 1;
}
