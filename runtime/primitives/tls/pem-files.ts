import { readFileSync, statSync } from "node:fs";

import { setImmediate } from "node:timers/promises";

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

/**
 * Reads PEM files again only where they have changed: a look at ten thousand costs ten thousand `stat`.
 *
 * Synchronously, since a small file takes 15 microseconds that way and ten times as much through the thread pool; who
 * reads many does so in slices.
 */
export class PemFiles {
  readonly #known = new Map<string, Known>();

  /** Throws a {@link TlsOptionsError} whose one issue has this option path. */
  read(pem: PemOption, optionPath: string): string {
    if (pem.kind === "text") return pem.text;
    const { path } = pem;
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
      const signature = `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
      const known = this.#known.get(path);
      if (known?.signature === signature) return known.text;
      if (size > MAX_FILE_BYTES) throw new Error("it is larger than 1 MB");
      const text = readFileSync(path, "latin1");
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

/** The loop gets a turn this often. */
const SLICE_MS = 5;

/** Goes through many without holding up the requests that are being served. */
export async function inSlices<T>(items: Iterable<T>, run: (item: T) => void): Promise<void> {
  let end = performance.now() + SLICE_MS;
  for (const item of items) {
    run(item);
    if (performance.now() < end) continue;
    await setImmediate();
    end = performance.now() + SLICE_MS;
  }
}
