import type { Log } from "../../log.ts";
import { findPairs } from "./certificate-folder.ts";
import { parsePair, type CertificatePair, type PairResult } from "./certificate-pair.ts";
import type { CertificateSource } from "./certificate-source.ts";
import { inSlices, PemFiles, type PemOption } from "./pem-files.ts";
import { TlsOptionsError, type TlsIssue } from "./tls-issue.ts";

export type CertificateOption =
  | {
      readonly kind: "pair";
      readonly cert: PemOption;
      readonly key: PemOption;
      readonly passphrase: string | undefined;
    }
  | { readonly kind: "folder"; readonly folder: string; readonly passphrase: string | undefined };

export interface CertificateFilesOptions {
  readonly certificates: readonly CertificateOption[];
  readonly files: PemFiles;
  readonly log: Log;
  /** Wall clock. */
  readonly now: () => number;
}

/** One place where a pair is read from, and the last good one that was there. */
interface Slot {
  readonly path: string;
  readonly cert: PemOption;
  readonly key: PemOption;
  readonly passphrase: string | undefined;
  readonly isFromFolder: boolean;
  pair: CertificatePair | undefined;
  /** The last thing told about it. */
  problem: string;
  missingSince: number | undefined;
}

/** A file that is deleted to be written anew is back by then. */
const MISSING_GRACE_MS = 5000;

/**
 * Certificates from files and texts. What is wrong at the start is refused; what goes wrong later leaves the pair that
 * was there in use: half-written files are the normal course of a renewal.
 */
export class CertificateFiles implements CertificateSource {
  onChange: (() => void) | null = null;
  readonly #options: CertificateFilesOptions;
  #slots = new Map<string, Slot>();
  #pairs: readonly CertificatePair[] = [];
  #folders: readonly string[] = [];
  #again: NodeJS.Timeout | undefined;

  private constructor(options: CertificateFilesOptions) {
    this.#options = options;
  }

  /** Rejects with a {@link TlsOptionsError} that lists everything that is wrong. */
  static async open(options: CertificateFilesOptions): Promise<CertificateFiles> {
    const files = new CertificateFiles(options);
    const issues = await files.#read();
    if (issues.length > 0) throw new TlsOptionsError(issues);
    files.#warnOfDates();
    return files;
  }

  get pairs(): readonly CertificatePair[] {
    return this.#pairs;
  }

  /** What to watch. */
  get paths(): readonly string[] {
    return [...this.#slots.values()].flatMap(({ cert, key }) =>
      [cert, key].flatMap((pem) => (pem.kind === "file" ? [pem.path] : [])),
    );
  }

  get folders(): readonly string[] {
    return this.#folders;
  }

  async refresh(): Promise<void> {
    const before = this.#pairs;
    await this.#read();
    if (this.#pairs !== before) this.onChange?.();
  }

  close(): void {
    clearTimeout(this.#again);
  }

  async #read(): Promise<TlsIssue[]> {
    const issues: TlsIssue[] = [];
    const slots = await this.#findSlots(issues);
    await inSlices(slots.values(), (slot) => this.#readSlot(slot, issues));
    this.#slots = slots;
    const pairs = [...slots.values()].flatMap(({ pair }) => (pair === undefined ? [] : [pair]));
    const isSame =
      pairs.length === this.#pairs.length && pairs.every((pair, at) => pair === this.#pairs[at]);
    if (!isSame) this.#pairs = pairs;
    return issues;
  }

  /** The slots that the options name now; those that were known keep their pair. */
  async #findSlots(issues: TlsIssue[]): Promise<Map<string, Slot>> {
    const found = new Map<string, Slot>();
    const folders: string[] = [];
    for (const [at, option] of this.#options.certificates.entries()) {
      const path = `tls.certificates[${at}]`;
      if (option.kind === "pair") {
        this.#keep(found, path, option, option.passphrase, { path, isFromFolder: false });
        continue;
      }
      try {
        const listing = await findPairs(option.folder);
        folders.push(...listing.folders);
        for (const { cert, key } of listing.pairs) {
          const pair = { cert: fileOf(cert), key: fileOf(key) };
          this.#keep(found, `${path} ${cert}`, pair, option.passphrase, {
            path,
            isFromFolder: true,
          });
        }
        this.#keepMissing(found, path, listing.pairs.length === 0);
        if (listing.pairs.length === 0) issues.push(emptyFolder(path, option.folder));
      } catch (error) {
        folders.push(option.folder);
        this.#keepMissing(found, path, true);
        issues.push(unreadableFolder(path, option.folder, error));
      }
    }
    this.#folders = folders;
    return found;
  }

  #keep(
    found: Map<string, Slot>,
    id: string,
    pems: { readonly cert: PemOption; readonly key: PemOption },
    passphrase: string | undefined,
    place: { readonly path: string; readonly isFromFolder: boolean },
  ): void {
    const known = this.#slots.get(id);
    if (known !== undefined) known.missingSince = undefined;
    found.set(id, {
      pair: undefined,
      problem: "",
      missingSince: undefined,
      ...known,
      cert: pems.cert,
      key: pems.key,
      passphrase,
      ...place,
    });
  }

  /** Pairs whose files went from a folder: out of use after a while, unless nothing would be left. */
  #keepMissing(found: Map<string, Slot>, path: string, isEmpty: boolean): void {
    const now = this.#options.now();
    for (const [id, slot] of this.#slots) {
      if (slot.path !== path || !slot.isFromFolder || found.has(id) || slot.pair === undefined) {
        continue;
      }
      slot.missingSince ??= now;
      if (!isEmpty && now - slot.missingSince >= MISSING_GRACE_MS) {
        this.#options.log.info({ certificate: slot.pair.from }, "a certificate is gone");
        continue;
      }
      found.set(id, slot);
      if (!isEmpty) {
        this.#again ??= setTimeout(() => {
          this.#again = undefined;
          void this.refresh();
        }, MISSING_GRACE_MS + 50).unref();
      }
    }
  }

  #readSlot(slot: Slot, issues: TlsIssue[]): void {
    if (slot.missingSince !== undefined) return;
    const result = this.#readPair(slot);
    const now = this.#options.now();
    let problem: TlsIssue | undefined;
    if (result.kind === "unusable") problem = result.issue;
    else if (slot.pair !== undefined && result.pair !== slot.pair) {
      problem = dateProblem(result.pair, slot, now);
    }
    if (problem === undefined) {
      const { pair } = result as Extract<PairResult, { kind: "pair" }>;
      if (slot.pair !== undefined && slot.pair !== pair) {
        const fields = { certificate: pair.from, names: pair.names.slice(0, 10) };
        this.#options.log.info(fields, "a renewed certificate is in use");
      }
      slot.pair = pair;
      slot.problem = "";
      return;
    }
    // A file nobody named in the config must not keep the proxy from starting.
    if (!slot.isFromFolder) issues.push(problem);
    if (slot.problem === problem.message) return;
    slot.problem = problem.message;
    const fields = {
      option: problem.path,
      ...(problem.fix === undefined ? {} : { fix: problem.fix }),
    };
    if (slot.pair !== undefined) {
      this.#options.log.warn(fields, `${problem.message} The certificate before it stays in use.`);
    } else if (slot.isFromFolder) this.#options.log.error(fields, problem.message);
  }

  #readPair(slot: Slot): PairResult {
    const { files } = this.#options;
    try {
      const cert = files.read(slot.cert, `${slot.path}.cert`);
      const key = files.read(slot.key, `${slot.path}.key`);
      const { pair, passphrase, path } = slot;
      if (pair?.cert === cert && pair.key === key) return { kind: "pair", pair };
      const certFrom = PemFiles.nameOf(slot.cert);
      return parsePair({
        cert,
        key,
        passphrase,
        path,
        certFrom,
        keyFrom: PemFiles.nameOf(slot.key),
      });
    } catch (error) {
      if (!(error instanceof TlsOptionsError) || error.issues[0] === undefined) throw error;
      return { kind: "unusable", issue: error.issues[0] };
    }
  }

  /** At the start an expired certificate is better than no service for all other hosts, but nobody may overlook it. */
  #warnOfDates(): void {
    for (const slot of this.#slots.values()) {
      const { pair } = slot;
      if (pair === undefined) continue;
      if (pair.names.length === 0) {
        this.#options.log.warn(
          { certificate: pair.from },
          "a certificate has no host name in its subjectAltName: it is served only as the default",
        );
      }
      if (pair.notBefore > this.#options.now()) {
        const from = new Date(pair.notBefore).toISOString();
        this.#options.log.warn({ certificate: pair.from, from }, "a certificate is not valid yet");
      }
    }
  }
}

/** Why a newer certificate must not take the place of the one in use. */
function dateProblem(next: CertificatePair, slot: Slot, now: number): TlsIssue | undefined {
  const path = `${slot.path}.cert`;
  const inUse = slot.pair as CertificatePair;
  if (next.notAfter <= now && inUse.notAfter > now) {
    const when = new Date(next.notAfter).toISOString();
    const message = `The new certificate in ${next.from} expired on ${when}.`;
    return { path, message, fix: "Put one there that is valid." };
  }
  if (next.notBefore > now && inUse.notAfter > now) {
    const when = new Date(next.notBefore).toISOString();
    const message = `The new certificate in ${next.from} is not valid before ${when}.`;
    return { path, message, fix: "Check this machine's clock, or wait." };
  }
  return undefined;
}

function fileOf(path: string): PemOption {
  return { kind: "file", path };
}

function emptyFolder(path: string, folder: string): TlsIssue {
  return {
    path: `${path}.folder`,
    message: `${folder} has no certificates in it.`,
    expected:
      "NAME.pem (or .crt) with NAME.key beside it, or folders with fullchain.pem and privkey.pem",
  };
}

function unreadableFolder(path: string, folder: string, error: unknown): TlsIssue {
  const { code, message } = error as NodeJS.ErrnoException;
  return {
    path: `${path}.folder`,
    message: `${folder} cannot be read: ${code === "ENOENT" ? "there is no such folder" : (code ?? message)}.`,
    fix: "Check the path (relative ones start at the config file's folder) and who may read it.",
  };
}
