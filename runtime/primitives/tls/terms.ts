// Over 400 lines: offers, policies and sources of certificates share one cache and one epoch.
import type { SecureContextOptions } from "node:tls";

import { systemClock, type Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { CertificateFiles, type CertificateOption } from "./certificate-files.ts";
import {
  createCertificateIndex,
  toEntry,
  type CertificateEntry,
  type CertificateIndex,
} from "./certificate-index.ts";
import type { CertificatePair } from "./certificate-pair.ts";
import type { CertificateSource, LookedUpNames } from "./certificate-source.ts";
import { DevAuthority } from "./dev-authority.ts";
import { ExpiryCheck } from "./expiry.ts";
import { PemFiles } from "./pem-files.ts";
import { contextOptionsOf, readPolicies, type PolicyOption, type PolicySet } from "./policy.ts";
import type { TlsPolicy } from "./policy.ts";
import { ServerNameLoader, type ServerNameHook } from "./server-name-loader.ts";
import { toServerName, wildcardOf } from "./server-names.ts";
import { TlsOptionsError } from "./tls-issue.ts";

export interface TlsOptions extends PolicyOption {
  readonly isDev: boolean;
  readonly certificates: readonly CertificateOption[];
  readonly hasServerNameHook: boolean;
  readonly unknownName: "default" | "refuse";
  readonly hosts: readonly (readonly [name: string, rules: PolicyOption])[];
}

/** Tells when something at these paths may have changed; too often does no harm. */
export interface FileWatch {
  update(files: readonly string[], folders: readonly string[]): void;
  close(): void;
}

export type WatchFiles = (onChange: () => void) => FileWatch;

export interface TlsTermsOptions {
  readonly tls: TlsOptions;
  /** For the development authority. */
  readonly dataDir: string;
  readonly log: Log;
  readonly describeError: (error: unknown) => object;
  readonly clock?: Clock;
  /** Absent: looked at when asked to, and now and then. */
  readonly watchFiles?: WatchFiles | undefined;
  /** Where else certificates come from, after the files. Closed with the terms. */
  readonly sources?: readonly CertificateSource[];
}

/** What one connection is served with. */
export interface TlsOffer {
  /** Equal keys: the same certificates, policy and protocols. */
  readonly key: string;
  readonly policy: TlsPolicy;
  options(): SecureContextOptions;
  /** Instead of the listener's: the connection ends with its handshake. */
  readonly protocols?: readonly string[];
}

export interface CertificateStatus {
  readonly names: readonly string[];
  readonly notAfter: number;
  readonly from: string;
}

/** RFC 8737 §3. */
const ACME_TLS = "acme-tls/1";

/** In case a watch misses something; also when expiry is looked at. */
const LOOK_EVERY_MS = 60_000;

/** Rejects with a {@link TlsOptionsError} that lists everything that is wrong. */
export async function createTlsTerms(options: TlsTermsOptions): Promise<TlsTerms> {
  const { tls, log, describeError } = options;
  const clock = options.clock ?? systemClock;
  const now = (): number => clock.now();
  const pems = new PemFiles();
  const [policies, files, dev] = await Promise.allSettled([
    (async () => readPolicies(tls, tls.hosts, pems))(),
    CertificateFiles.open({ certificates: tls.certificates, files: pems, log, now }),
    tls.isDev ? DevAuthority.open({ folder: options.dataDir, log, now }) : undefined,
  ]);
  const failed = [policies, files, dev].flatMap((one) =>
    one.status === "rejected" ? [one.reason as unknown] : [],
  );
  if (failed.length > 0) {
    const other = failed.find((error) => !(error instanceof TlsOptionsError));
    if (other !== undefined) {
      const message = other instanceof Error ? other.message : "unknown reason";
      throw new TlsOptionsError([{ path: "tls", message: `TLS cannot be set up: ${message}.` }]);
    }
    throw new TlsOptionsError(failed.flatMap((error) => [...(error as TlsOptionsError).issues]));
  }
  const loader = tls.hasServerNameHook
    ? new ServerNameLoader({ log, describeError, clock })
    : undefined;
  const fileSource = (files as PromiseFulfilledResult<CertificateFiles>).value;
  const sources: CertificateSource[] = [fileSource, ...(options.sources ?? [])];
  if (loader !== undefined) sources.push(loader);
  const devSource = (dev as PromiseFulfilledResult<DevAuthority | undefined>).value;
  if (devSource !== undefined) sources.push(devSource);
  return new TlsTerms({
    options,
    clock,
    pems,
    policies: (policies as PromiseFulfilledResult<PolicySet>).value,
    files: fileSource,
    loader,
    sources,
  });
}

interface TermsParts {
  readonly options: TlsTermsOptions;
  readonly clock: Clock;
  readonly pems: PemFiles;
  readonly policies: PolicySet;
  readonly files: CertificateFiles;
  readonly loader: ServerNameLoader | undefined;
  readonly sources: readonly CertificateSource[];
}

/** Everything that a listener asks in a handshake, and keeps up to date by itself. */
export class TlsTerms {
  /** Goes up with every change of certificates or policies: what was derived before is made anew. */
  epoch = 0;
  readonly #parts: TermsParts;
  readonly #log: Log;
  readonly #finders: readonly CertificateSource[];
  readonly #expiry = new ExpiryCheck();
  readonly #watch: FileWatch | undefined;
  readonly #timer: NodeJS.Timeout;
  /** `null`: to be found out. */
  #soleOffer: TlsOffer | undefined | null = null;
  #policies: PolicySet;
  #policyProblem = "";
  #index: CertificateIndex;
  /** The last one for each entry: most names have one policy. */
  readonly #offers = new WeakMap<CertificateEntry, TlsOffer>();
  #refreshing: Promise<void> | undefined;
  #refreshAgain = false;
  #isClosed = false;

  constructor(parts: TermsParts) {
    this.#parts = parts;
    const { options, sources } = parts;
    this.#log = options.log;
    this.#policies = parts.policies;
    this.#finders = sources.filter((source) => source.find !== undefined);
    for (const source of sources) source.onChange = () => this.#rebuild();
    this.#index = createCertificateIndex(this.#pairs());
    this.#watch = options.watchFiles?.(() => void this.refresh());
    this.#watchPaths();
    this.#timer = setInterval(() => void this.refresh(), LOOK_EVERY_MS).unref();
    this.#lookAtExpiry();
  }

  get policies(): readonly TlsPolicy[] {
    return this.#policies.all;
  }

  /** For status and metrics: those that are ready, and those that were found for a client's name. */
  get certificates(): readonly CertificateStatus[] {
    const found = this.lookedUp.flatMap(({ pairs }) => [...pairs]);
    return [...this.#pairs(), ...found].map(({ names, notAfter, from }) => ({
      names,
      notAfter,
      from,
    }));
  }

  /** Of each source that finds certificates by name. */
  get lookedUp(): readonly LookedUpNames[] {
    return this.#finders.flatMap((source) => source.lookedUp?.() ?? []);
  }

  /** What every client is offered, whatever it asks for; `undefined` where that depends on name or protocols. */
  get soleOffer(): TlsOffer | undefined {
    if (this.#soleOffer === null) this.#soleOffer = this.#findSoleOffer();
    return this.#soleOffer;
  }

  setServerNameHook(hook: ServerNameHook): void {
    this.#parts.loader?.setHook(hook);
  }

  /** `sent` is what the client wrote, or `undefined`. */
  policyFor(sent: string | undefined): TlsPolicy {
    return this.#policies.find(sent === undefined ? undefined : toServerName(sent));
  }

  /**
   * What a client is offered that sent this name (`undefined`: none). `undefined`: nobody knows the name, and that is
   * refused by option, or for want of a default certificate. Never rejects.
   */
  offerFor(
    sent: string | undefined,
    protocols: readonly string[],
  ): TlsOffer | undefined | Promise<TlsOffer | undefined> {
    const name = sent === undefined ? undefined : toServerName(sent);
    const policy = this.#policies.find(name);
    if (name === undefined) {
      return sent === undefined ? this.#defaultOffer(policy) : this.#offerUnknown(policy);
    }
    if (protocols.includes(ACME_TLS)) return this.#challengeOffer(name, policy);
    const entry = this.#index.find(name);
    return entry === undefined ? this.#askFinders(name, policy, 0) : this.#offer(entry, policy);
  }

  /**
   * Whether a request for `host` may come on a connection that was opened for `servername` under that policy
   * (RFC 9110 §7.4). Not if other rules or another certificate hold for the host: those must be met first. A host that
   * nobody knows is not misdirected, and a client that sends no name cannot do better on another connection.
   */
  serves(host: string, servername: string | undefined, policyId: string): boolean {
    if (this.#policies.find(host).id !== policyId) return false;
    if (servername === undefined || servername === host) return true;
    const asked = this.#index.find(host);
    const served = this.#served(servername);
    if (asked !== undefined) {
      return served !== undefined && asked.pairs.some((pair) => served.pairs.includes(pair));
    }
    if (this.#finders.length === 0) return true;
    return served !== undefined && served.pairs.some((pair) => covers(pair, host));
  }

  /** Reads everything again that has changed. Never rejects. */
  refresh(): Promise<void> {
    if (this.#refreshing !== undefined) {
      this.#refreshAgain = true;
      return this.#refreshing;
    }
    this.#refreshing = this.#refreshAll()
      .catch((error: unknown) => this.#log.error({ error }, "certificates could not be looked at"))
      .finally(() => {
        this.#refreshing = undefined;
        this.#lookAtExpiry();
      });
    return this.#refreshing;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#watch?.close();
    for (const source of this.#parts.sources) await source.close();
  }

  async #refreshAll(): Promise<void> {
    do {
      this.#refreshAgain = false;
      this.#refreshPolicies();
      await Promise.all(this.#parts.sources.map((source) => source.refresh()));
      if (this.#isClosed) return;
      this.#watchPaths();
    } while (this.#refreshAgain as boolean);
  }

  #refreshPolicies(): void {
    const { options, pems } = this.#parts;
    if (this.#policies.paths.length === 0) return;
    try {
      const policies = readPolicies(options.tls, options.tls.hosts, pems);
      this.#policyProblem = "";
      const isSame =
        policies.all.length === this.#policies.all.length &&
        policies.all.every((policy, at) => policy.id === this.#policies.all[at]?.id);
      if (isSame) return;
      this.#policies = policies;
      this.#rebuild();
      this.#log.info("new authorities for clients' certificates are in use");
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message === this.#policyProblem) return;
      this.#policyProblem = message;
      this.#log.warn(`${message} The authorities before it stay in use.`);
    }
  }

  #rebuild(): void {
    this.#index = createCertificateIndex(this.#pairs());
    this.#soleOffer = null;
    this.epoch += 1;
  }

  #pairs(): CertificatePair[] {
    return this.#parts.sources.flatMap((source) => [...source.pairs]);
  }

  /** The first certificate, with one of the other kind of key for the same name. */
  #defaultEntry(): CertificateEntry | undefined {
    for (const source of this.#parts.sources) {
      const first = source.pairs[0];
      if (first === undefined) continue;
      const name = first.names[0];
      const entry = name === undefined ? undefined : this.#index.find(name);
      return entry?.pairs.some((pair) => pair.keyType === first.keyType) === true
        ? entry
        : toEntry([first]);
    }
    return undefined;
  }

  /** One object for all handshakes with the same certificates and policy: there are many. */
  #offer(entry: CertificateEntry, policy: TlsPolicy): TlsOffer {
    const made = this.#offers.get(entry);
    if (made?.policy === policy) return made;
    const offer = toOffer(entry, policy);
    this.#offers.set(entry, offer);
    return offer;
  }

  /** Without a certificate such a handshake fails: there is nothing to show. */
  #defaultOffer(policy: TlsPolicy): TlsOffer | undefined {
    const entry = this.#defaultEntry();
    return entry === undefined ? undefined : this.#offer(entry, policy);
  }

  #findSoleOffer(): TlsOffer | undefined {
    const [policy, ...others] = this.#policies.all;
    const { options, sources } = this.#parts;
    const asksForName =
      others.length > 0 ||
      options.tls.unknownName === "refuse" ||
      sources.some((source) => source.find !== undefined || source.challenge !== undefined);
    const entry = this.#defaultEntry();
    if (asksForName || policy === undefined || entry === undefined) return undefined;
    const pairs = this.#pairs();
    // Of two pairs for one name the entry may have only the better one: another name could have the other.
    const isSole =
      pairs.length === entry.pairs.length &&
      pairs.every(({ names }) => names.every((name) => this.#index.find(name)?.key === entry.key));
    return isSole ? this.#offer(entry, policy) : undefined;
  }

  #offerUnknown(policy: TlsPolicy): TlsOffer | undefined {
    return this.#parts.options.tls.unknownName === "refuse"
      ? undefined
      : this.#defaultOffer(policy);
  }

  /** RFC 8737 §3: only the certificate that proves control of the name, and nothing after the handshake. */
  #challengeOffer(name: string, policy: TlsPolicy): TlsOffer | undefined {
    for (const source of this.#parts.sources) {
      const pair = source.challenge?.(name);
      if (pair === undefined) continue;
      // The CA has no client certificate; and no session of this handshake is one of the policy's.
      const open: TlsPolicy = { ...policy, id: ACME_TLS, clientCertificates: "none" };
      return { ...toOffer(toEntry([pair]), open, ACME_TLS), protocols: [ACME_TLS] };
    }
    return undefined;
  }

  #askFinders(
    name: string,
    policy: TlsPolicy,
    from: number,
  ): TlsOffer | undefined | Promise<TlsOffer | undefined> {
    for (let at = from; at < this.#finders.length; at++) {
      const found = this.#finders[at]?.find?.(name);
      if (found === undefined) continue;
      if (!(found instanceof Promise)) return toOffer(toEntry([found]), policy);
      return found.then((pair) =>
        pair === undefined
          ? this.#askFinders(name, policy, at + 1)
          : toOffer(toEntry([pair]), policy),
      );
    }
    return this.#offerUnknown(policy);
  }

  #served(servername: string): CertificateEntry | undefined {
    const entry = this.#index.find(servername);
    if (entry !== undefined) return entry;
    for (const finder of this.#finders) {
      const found = finder.find?.(servername);
      if (found !== undefined && !(found instanceof Promise)) return toEntry([found]);
    }
    return this.#defaultEntry();
  }

  #watchPaths(): void {
    const { files } = this.#parts;
    this.#watch?.update([...files.paths, ...this.#policies.paths], files.folders);
  }

  #lookAtExpiry(): void {
    const now = this.#parts.clock.now();
    const watched = this.#parts.sources.filter((source) => source.renewsItself !== true);
    const pairs = watched.flatMap((source) => [...source.pairs]);
    const { notices, more } = this.#expiry.look(pairs, now);
    for (const { pair, days } of notices) {
      const fields = {
        certificate: pair.from,
        names: pair.names.slice(0, 10),
        expires: new Date(pair.notAfter).toISOString(),
      };
      if (pair.notAfter <= now) this.#log.error(fields, "a certificate has expired");
      else {
        const when = days === 1 ? "within a day" : `in ${days} days`;
        this.#log.warn({ ...fields, days }, `a certificate expires ${when}`);
      }
    }
    if (more > 0) this.#log.warn({ certificates: more }, "more certificates expire soon");
  }
}

function toOffer(entry: CertificateEntry, policy: TlsPolicy, kind = "http"): TlsOffer {
  return {
    key: `${kind} ${policy.id} ${entry.key}`,
    policy,
    options: () => ({ ...contextOptionsOf(policy), ...certificateOptions(entry) }),
  };
}

function certificateOptions({ pairs }: CertificateEntry): SecureContextOptions {
  return {
    cert: pairs.map((pair) => pair.cert),
    key: pairs.map(({ key, passphrase }) =>
      passphrase === undefined ? { pem: key } : { pem: key, passphrase },
    ),
  };
}

function covers(pair: CertificatePair, host: string): boolean {
  const wildcard = wildcardOf(host);
  return pair.names.includes(host) || (wildcard !== undefined && pair.names.includes(wildcard));
}
