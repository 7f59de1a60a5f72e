import { readFile, stat } from "node:fs/promises";

import { TlsOptionsError } from "./tls-issue.ts";

/** PEM text as it stands in the config, or the absolute path of a file. */
export type PemOption =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

/** Certificates with their chains have a few KB; a whole bundle of authorities 250. */
const MAX_FILE_BYTES = 1024 * 1024;

interface Known {
  readonly signature: string;
  readonly text: string;
}

/** Reads PEM files again only where they have changed: a look at ten thousand costs ten thousand `stat`. */
export class PemFiles {
  readonly #known = new Map<string, Known>();

  /** Rejects with a {@link TlsOptionsError} whose one issue has this option path. */
  async read(pem: PemOption, optionPath: string): Promise<string> {
    if (pem.kind === "text") return pem.text;
    const { path } = pem;
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
      const signature = `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
      const known = this.#known.get(path);
      if (known?.signature === signature) return known.text;
      if (size > MAX_FILE_BYTES) throw new Error("it is larger than 1 MB");
      const text = await readFile(path, "latin1");
      this.#known.set(path, { signature, text });
      return text;
    } catch (error) {
      this.#known.delete(path);
      throw new TlsOptionsError([
        {
          path: optionPath,
          message: `${path} cannot be read: ${reasonOf(error)}.`,
          fix: "Check the path (relative ones start at the config file's folder) and who may read it.",
        },
      ]);
    }
  }

  /** For messages. */
  static nameOf(pem: PemOption): string {
    return pem.kind === "file" ? pem.path : "the text in the config";
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
      return "this user may not read it";
    case "EISDIR":
      return "it is a folder";
    default:
      return code ?? message;
  }
}

/** Runs at most this many at once: the thread pool has four, and files have a limit of their own. */
export async function forEachOf<T>(
  items: readonly T[],
  atOnce: number,
  run: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) await run(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
}
