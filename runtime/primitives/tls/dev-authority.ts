/**
 * `tls: "dev"`: an authority of this machine's own that signs a certificate for whatever name is asked for, so that
 * `https://app.localhost:8443` works like the real thing once the browser trusts it.
 *
 * Whoever has its key can pretend to be any site to browsers that trust it. It is in `dataDir`, mode 0600, and never
 * leaves this machine.
 */
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import type { Log } from "../../log.ts";
import { parsePair, type CertificatePair } from "./certificate-pair.ts";
import type { CertificateSource } from "./certificate-source.ts";
import { daysLeft, issue, type IssuedCertificate } from "./issuing.ts";

export interface DevAuthorityOptions {
  /** Made with mode 0700 if it is not there. */
  readonly folder: string;
  readonly log: Log;
  readonly now: () => number;
}

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** Browsers refuse more than 398. */
const LEAF_DAYS = 90;
/** Made anew this long before the end. */
const RENEW_DAYS = 10;
const MAX_NAMES = 200;
/** Nobody develops more hosts at once than this; a scanner would. */
const MAX_ISSUING = 10;

export class DevAuthority implements CertificateSource {
  onChange: (() => void) | null = null;
  readonly #options: DevAuthorityOptions;
  readonly #authority: IssuedCertificate;
  readonly #leaves = new Map<string, CertificatePair>();
  readonly #issuing = new Map<string, Promise<CertificatePair | undefined>>();
  #pairs: readonly CertificatePair[];

  private constructor(
    options: DevAuthorityOptions,
    authority: IssuedCertificate,
    local: CertificatePair,
  ) {
    this.#options = options;
    this.#authority = authority;
    this.#pairs = [local];
  }

  static async open(options: DevAuthorityOptions): Promise<DevAuthority> {
    const { folder, now } = options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const authority = await readOrMakeAuthority(folder, now());
    const trustFile = join(folder, "dev-authority.crt");
    await writeFile(trustFile, authority.cert, { mode: 0o644 });
    options.log.info(
      { authority: trustFile },
      `certificates for development; to trust them: ${trustCommand(trustFile)}`,
    );
    return new DevAuthority(options, authority, await issueLeaf(authority, "localhost", now()));
  }

  /** For clients that send no name: `localhost` and the loopback addresses. */
  get pairs(): readonly CertificatePair[] {
    return this.#pairs;
  }

  find(name: string): CertificatePair | undefined | Promise<CertificatePair | undefined> {
    const known = this.#leaves.get(name);
    if (known !== undefined && known.notAfter - this.#options.now() > RENEW_DAYS * DAY_MS) {
      this.#leaves.delete(name);
      this.#leaves.set(name, known);
      return known;
    }
    const issuing = this.#issuing.get(name);
    if (issuing !== undefined) return issuing;
    if (this.#issuing.size >= MAX_ISSUING) return known;
    const made = this.#issue(name).finally(() => this.#issuing.delete(name));
    this.#issuing.set(name, made);
    return made;
  }

  async refresh(): Promise<void> {
    const [local] = this.#pairs;
    const now = this.#options.now();
    if (local !== undefined && local.notAfter - now > RENEW_DAYS * DAY_MS) return;
    try {
      this.#pairs = [await issueLeaf(this.#authority, "localhost", now)];
      this.onChange?.();
    } catch (error) {
      this.#options.log.error({ error }, "the development certificate could not be renewed");
    }
  }

  close(): void {
    this.#leaves.clear();
  }

  async #issue(name: string): Promise<CertificatePair | undefined> {
    try {
      const pair = await issueLeaf(this.#authority, name, this.#options.now());
      this.#leaves.set(name, pair);
      if (this.#leaves.size > MAX_NAMES) {
        const [oldest] = this.#leaves.keys();
        if (oldest !== undefined) this.#leaves.delete(oldest);
      }
      return pair;
    } catch (error) {
      this.#options.log.error({ error, servername: name }, "no development certificate was made");
      return undefined;
    }
  }
}

async function issueLeaf(
  authority: IssuedCertificate,
  name: string,
  now: number,
): Promise<CertificatePair> {
  const isLocal = name === "localhost";
  const { cert, key } = await issue({
    commonName: name.slice(0, 64),
    dns: [name],
    addresses: isLocal ? ["127.0.0.1", "::1"] : [],
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + LEAF_DAYS * DAY_MS),
    authority,
  });
  const result = parsePair({
    cert: cert + authority.cert,
    key,
    passphrase: undefined,
    path: "tls",
    certFrom: `the development certificate for ${name}`,
    keyFrom: `the development key for ${name}`,
  });
  if (result.kind === "unusable") throw new Error(result.issue.message);
  return result.pair;
}

/** Key and certificate are one file, so that two proxies that start at once end up with one authority. */
async function readOrMakeAuthority(folder: string, now: number): Promise<IssuedCertificate> {
  const path = join(folder, "dev-authority.pem");
  const known = await readAuthority(path);
  if (known !== undefined && daysLeft(known.cert, now) > LEAF_DAYS) return known;
  if (known !== undefined) await rm(path, { force: true });
  const made = await issue({
    commonName: `Gatewright development (${hostname().slice(0, 40)})`,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + AUTHORITY_DAYS * DAY_MS),
    isAuthority: true,
  });
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(draft, made.cert + made.key, { mode: 0o600, flag: "wx" });
  try {
    await link(draft, path);
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const other = await readAuthority(path);
    if (other === undefined) {
      throw new Error(`${path} cannot be read; delete it to have a new authority made`, {
        cause: error,
      });
    }
    return other;
  } finally {
    await rm(draft, { force: true });
  }
}

/** `undefined` if there is none or it is broken. */
async function readAuthority(path: string): Promise<IssuedCertificate | undefined> {
  let text: string;
  try {
    text = await readFile(path, "latin1");
  } catch {
    return undefined;
  }
  const cert = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/.exec(text)?.[0];
  const key = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n?/.exec(text)?.[0];
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

function trustCommand(file: string): string {
  const quoted = `"${file}"`;
  switch (process.platform) {
    case "darwin":
      return `security add-trusted-cert -k ~/Library/Keychains/login.keychain-db ${quoted}`;
    case "win32":
      return `certutil -user -addstore Root ${quoted}`;
    default:
      return `sudo cp ${quoted} /usr/local/share/ca-certificates/ && sudo update-ca-certificates (browsers have their own lists: import it there too)`;
  }
}
