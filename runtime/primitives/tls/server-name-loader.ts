import { systemClock, type Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { parsePair, type CertificatePair } from "./certificate-pair.ts";
import {
  MAX_FAILURES,
  type CertificateSource,
  type LookedUpNames,
  type LookUpFailure,
} from "./certificate-source.ts";
import { PemFiles, type PemOption } from "./pem-files.ts";
import { TlsOptionsError } from "./tls-issue.ts";

/** What a hook returns, its PEMs told apart from paths. */
export interface LoadedCertificate {
  readonly cert: PemOption;
  readonly key: PemOption;
  readonly passphrase: string | undefined;
}

export type ServerNameHook = (
  name: string,
) => LoadedCertificate | undefined | Promise<LoadedCertificate | undefined>;

export interface ServerNameLoaderOptions {
  readonly log: Log;
  readonly describeError: (error: unknown) => object;
  readonly clock?: Clock;
  readonly limits?: Partial<ServerNameLimits>;
}

export interface ServerNameLimits {
  /** Names that are remembered, known and unknown together. */
  readonly names: number;
  /** Calls under way; a name that would be one more is unknown. */
  readonly calls: number;
  readonly callMs: number;
  readonly keepMs: number;
  readonly refusalMs: number;
  /** After a call that threw or took too long. */
  readonly failureMs: number;
}

const LIMITS: ServerNameLimits = {
  names: 1000,
  calls: 100,
  callMs: 5000,
  keepMs: 3_600_000,
  refusalMs: 60_000,
  failureMs: 5000,
};

interface Known {
  readonly pair: CertificatePair | undefined;
  readonly until: number;
  /** Why the last call brought nothing, if it failed. */
  readonly reason: string;
}

/**
 * Certificates that user code finds by name. Anybody can send any name, so whatever a name costs is bounded: one call
 * for all that ask at once, refusals remembered, a limit on calls, time and memory.
 */
export class ServerNameLoader implements CertificateSource {
  readonly pairs: readonly CertificatePair[] = [];
  onChange: (() => void) | null = null;
  readonly #options: ServerNameLoaderOptions;
  readonly #limits: ServerNameLimits;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #loading = new Map<string, Promise<CertificatePair | undefined>>();
  #hook: ServerNameHook | undefined;

  constructor(options: ServerNameLoaderOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#clock = options.clock ?? systemClock;
  }

  /** A reload's function. What the old one refused is asked again. */
  setHook(hook: ServerNameHook): void {
    this.#hook = hook;
    this.#forgetRefusals();
  }

  find(name: string): CertificatePair | undefined | Promise<CertificatePair | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined) {
      this.#known.delete(name);
      this.#known.set(name, known);
      if (this.#clock.monotonic() < known.until) return known.pair;
      // Renewed in the background: nobody waits for a certificate that we have.
      if (known.pair !== undefined && known.pair.notAfter > this.#clock.now()) {
        void this.#load(name);
        return known.pair;
      }
    }
    return this.#load(name);
  }

  lookedUp(): LookedUpNames {
    const wallOffset = this.#clock.now() - this.#clock.monotonic();
    const pairs: CertificatePair[] = [];
    const failures: LookUpFailure[] = [];
    let refused = 0;
    let failed = 0;
    for (const [name, { pair, reason, until }] of this.#known) {
      if (pair !== undefined) pairs.push(pair);
      else if (reason === "") refused += 1;
      if (reason === "") continue;
      failed += 1;
      if (failures.length < MAX_FAILURES) {
        failures.push({ name, reason, triedAgainAt: until + wallOffset });
      }
    }
    return {
      from: "onServerName",
      names: this.#known.size,
      pairs,
      waiting: this.#loading.size,
      refused,
      failed,
      failures,
    };
  }

  refresh(): Promise<void> {
    this.#forgetRefusals();
    return Promise.resolve();
  }

  close(): void {
    this.#hook = undefined;
    this.#known.clear();
  }

  #load(name: string): CertificatePair | undefined | Promise<CertificatePair | undefined> {
    const loading = this.#loading.get(name);
    if (loading !== undefined) return loading;
    const hook = this.#hook;
    if (hook === undefined || this.#loading.size >= this.#limits.calls) return undefined;
    const call = this.#call(hook, name).finally(() => this.#loading.delete(name));
    this.#loading.set(name, call);
    return call;
  }

  /** Never rejects. */
  async #call(hook: ServerNameHook, name: string): Promise<CertificatePair | undefined> {
    const { refusalMs, keepMs, failureMs } = this.#limits;
    try {
      const pair = await this.#withinLimit(this.#ask(hook, name));
      this.#remember(name, pair, pair === undefined ? refusalMs : keepMs);
      return pair;
    } catch (error) {
      const fields =
        error instanceof TlsOptionsError
          ? { fix: error.issues[0]?.fix, error: error.message }
          : this.#options.describeError(error);
      this.#options.log.error({ ...fields, servername: name }, "onServerName failed");
      const before = this.#known.get(name)?.pair;
      this.#remember(
        name,
        before,
        failureMs,
        error instanceof Error ? error.message : "not an Error",
      );
      return before;
    }
  }

  async #ask(hook: ServerNameHook, name: string): Promise<CertificatePair | undefined> {
    const found = await hook(name);
    if (found === undefined) return undefined;
    const path = "onServerName";
    const files = new PemFiles();
    const result = parsePair({
      cert: files.read(found.cert, path),
      key: files.read(found.key, path),
      passphrase: found.passphrase,
      path,
      certFrom: found.cert.kind === "file" ? found.cert.path : `the certificate for ${name}`,
      keyFrom: found.key.kind === "file" ? found.key.path : `the key for ${name}`,
    });
    if (result.kind === "unusable") throw new TlsOptionsError([result.issue]);
    return result.pair;
  }

  #withinLimit<T>(work: Promise<T>): Promise<T> {
    const { callMs } = this.#limits;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`onServerName took longer than ${callMs} ms`)),
        callMs,
      ).unref();
      work.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  #remember(name: string, pair: CertificatePair | undefined, ms: number, reason = ""): void {
    this.#known.delete(name);
    this.#known.set(name, { pair, until: this.#clock.monotonic() + ms, reason });
    if (this.#known.size <= this.#limits.names) return;
    // Refusals go first: a flood of made-up names must not push out those that are in use.
    const victim =
      [...this.#known].find(([, known]) => known.pair === undefined)?.[0] ??
      this.#known.keys().next().value;
    if (victim !== undefined) this.#known.delete(victim);
  }

  #forgetRefusals(): void {
    for (const [name, known] of this.#known) {
      if (known.pair === undefined) this.#known.delete(name);
    }
  }
}
