import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { parsePair, type CertificatePair } from "../certificate-pair.ts";

/** A certificate that lies on the disk, and what tells whether it has changed since. */
export interface StoredCertificate {
  readonly pair: CertificatePair;
  /** `undefined`: it does not lie there. */
  readonly signature: string | undefined;
}

const MAX_FILE_BYTES = 512 * 1024;

/**
 * What outlives the process, in one folder for each CA: `account.key`, `orders.json`, `lock` and `certificates/NAME.pem`
 * with key and chain in one file, so that one rename puts both in place. Nobody else may read any of it.
 */
export class AcmeStore {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes the folders. Two directories of one host do not share accounts. */
  static async open(root: string, directoryUrl: string): Promise<AcmeStore> {
    const { hostname } = new URL(directoryUrl);
    const digest = createHash("sha256").update(directoryUrl).digest("hex").slice(0, 8);
    const folder = join(root, `${hostname.replaceAll(/[^a-z0-9.-]/g, "_")}-${digest}`);
    for (const path of [root, folder, join(folder, "certificates")]) {
      await mkdir(path, { recursive: true, mode: 0o700 });
      // It may be older than this line, or made by hand.
      if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o700);
    }
    return new AcmeStore(folder);
  }

  /** `undefined`: there is none, or nothing that can be used. Rejects if the file cannot be read. */
  async readCertificate(id: string): Promise<StoredCertificate | undefined> {
    const signature = await this.signatureOf(id);
    if (signature === undefined) return undefined;
    // Signature first: if the file is replaced in between, the next look sees a change once more.
    const text = await this.#read(this.#certificatePath(id));
    if (text === undefined) return undefined;
    const pair = this.parse(id, text);
    return pair === undefined ? undefined : { pair, signature };
  }

  /** Key and chain in one text. `undefined`: nothing that can be used. */
  parse(id: string, text: string): CertificatePair | undefined {
    const path = this.#certificatePath(id);
    const at = text.indexOf("-----BEGIN CERTIFICATE-----");
    if (at === -1) return undefined;
    const result = parsePair({
      cert: text.slice(at),
      key: text.slice(0, at),
      passphrase: undefined,
      certFrom: path,
      keyFrom: path,
      path: "tls.acme",
    });
    return result.kind === "pair" ? result.pair : undefined;
  }

  /** Changes with every write. `undefined`: there is no such file. */
  async signatureOf(id: string): Promise<string | undefined> {
    try {
      const { ino, size, mtimeNs } = await stat(this.#certificatePath(id), { bigint: true });
      return `${ino}:${size}:${mtimeNs}`;
    } catch {
      return undefined;
    }
  }

  writeCertificate(id: string, text: string): Promise<void> {
    return this.#write(this.#certificatePath(id), text);
  }

  readAccountKey(): Promise<string | undefined> {
    return this.#read(join(this.folder, "account.key"));
  }

  writeAccountKey(key: string): Promise<void> {
    return this.#write(join(this.folder, "account.key"), key);
  }

  readOrders(): Promise<string | undefined> {
    return this.#read(join(this.folder, "orders.json"));
  }

  writeOrders(text: string): Promise<void> {
    return this.#write(join(this.folder, "orders.json"), text);
  }

  #certificatePath(id: string): string {
    return join(this.folder, "certificates", `${id}.pem`);
  }

  async #read(path: string): Promise<string | undefined> {
    try {
      const text = await readFile(path, "latin1");
      if (text.length > MAX_FILE_BYTES) throw new Error(`${path} is larger than 512 KB`);
      return text;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Whole or not at all, also when the machine loses power half-way. */
  async #write(path: string, text: string): Promise<void> {
    const beside = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      const file = await open(beside, "wx", 0o600);
      try {
        await file.writeFile(text, "latin1");
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  }
}

/** Name of a host set's file. Host names hold nothing that is special in a path. */
export function storedIdOf(names: readonly string[]): string {
  const [first = ""] = names;
  if (names.length === 1) return first;
  const digest = createHash("sha256").update(names.toSorted().join(" ")).digest("hex");
  return `${first}+${digest.slice(0, 12)}`;
}
