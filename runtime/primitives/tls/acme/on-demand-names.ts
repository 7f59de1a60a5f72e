import type { Clock } from "../../../clock.ts";
import type { Log } from "../../../log.ts";
import type { CertificatePair } from "../certificate-pair.ts";
import { MAX_FAILURES, type LookedUpNames, type LookUpFailure } from "../certificate-source.ts";
import type { OnDemandDecision } from "./acme-options.ts";
import { HostSet } from "./host-set.ts";
import type { StoredCertificate } from "./store.ts";

export interface OnDemandLimits {
  /** Names that are remembered, refused ones included. */
  readonly names: number;
  /** Names whose certificate is waited for; one more is unknown. */
  readonly waiting: number;
  /** Calls of the decision at the same time; one more is a refusal. */
  readonly decisions: number;
  readonly decisionMs: number;
  /** How long a refusal holds. */
  readonly refusalMs: number;
}

export interface OnDemandOptions {
  readonly limits: OnDemandLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly describeError: (error: unknown) => object;
  readonly read: (id: string) => Promise<StoredCertificate | undefined>;
  /** Some name has become due. */
  readonly onOrder: () => void;
  /** The CA does not work: no use in asking anybody. */
  readonly isPaused: () => boolean;
}

type Found = CertificatePair | undefined | Promise<CertificatePair | undefined>;

interface Name {
  readonly set: HostSet;
  /** Until then, monotonic, the answer stands: refused. */
  refusedUntil: number;
  /** Who waits for a first certificate. */
  waiting: PromiseWithResolvers<CertificatePair | undefined> | undefined;
  /** The disk or the decision is being asked. */
  isAsking: boolean;
}

/**
 * Names that clients ask for and nobody has configured. Anybody can make up names, so each step is bounded: memory,
 * calls of the decision, names that wait, and how soon a refused or failed one is tried again. (How many orders come of
 * it is the order log's business.)
 */
export class OnDemandNames {
  readonly #options: OnDemandOptions;
  readonly #names = new Map<string, Name>();
  /** Allowed, without a certificate or with one that is to be renewed. */
  readonly #wanted = new Set<Name>();
  #decide: OnDemandDecision | undefined;
  #asking = 0;

  constructor(options: OnDemandOptions) {
    this.#options = options;
  }

  setDecision(decide: OnDemandDecision): void {
    this.#decide = decide;
    for (const name of this.#names.values()) name.refusedUntil = 0;
  }

  find(servername: string): Found {
    const name = this.#names.get(servername) ?? this.#add(servername);
    if (name === undefined) return undefined;
    const { set } = name;
    const now = this.#options.clock.now();
    if (set.pair !== undefined && set.pair.notAfter > now) {
      // Renewed beside the traffic: nobody waits for a certificate that we have.
      if (set.dueAt <= now) void this.#want(name);
      return set.pair;
    }
    if (name.waiting !== undefined) return name.waiting.promise;
    // After a failure the same name has to wait for its turn.
    if (set.dueAt > now) return set.pair;
    return this.#want(name);
  }

  /** The first name to order for now. */
  nextDue(now: number): HostSet | undefined {
    for (const { set } of this.#wanted) if (set.dueAt <= now) return set;
    return undefined;
  }

  get nextDueAt(): number {
    let due = Infinity;
    for (const { set } of this.#wanted) due = Math.min(due, set.dueAt);
    return due;
  }

  /** After an attempt: whoever waits gets what there is. What failed is tried again when somebody asks again. */
  settle(set: HostSet): void {
    for (const name of this.#wanted) if (name.set === set) this.#finish(name);
  }

  settleAll(): void {
    for (const name of this.#wanted) this.#finish(name);
  }

  lookedUp(): LookedUpNames {
    const now = this.#options.clock.monotonic();
    const pairs: CertificatePair[] = [];
    const failures: LookUpFailure[] = [];
    let waiting = 0;
    let refused = 0;
    let failed = 0;
    for (const [servername, name] of this.#names) {
      const { pair, reason, dueAt } = name.set;
      if (pair !== undefined) pairs.push(pair);
      if (name.waiting !== undefined) waiting += 1;
      else if (pair === undefined && now < name.refusedUntil) refused += 1;
      if (reason === "") continue;
      failed += 1;
      if (failures.length < MAX_FAILURES) {
        failures.push({ name: servername, reason, triedAgainAt: dueAt });
      }
    }
    return { from: "acme", names: this.#names.size, pairs, waiting, refused, failed, failures };
  }

  close(): void {
    this.#decide = undefined;
    this.settleAll();
    this.#names.clear();
  }

  #finish(name: Name): void {
    this.#wanted.delete(name);
    name.waiting?.resolve(name.set.pair);
    name.waiting = undefined;
  }

  /** Asks the disk and the decision, then has it ordered. Never rejects. */
  #want(name: Name): Found {
    const { limits, clock, isPaused } = this.#options;
    const { set } = name;
    if (isPaused()) return set.pair;
    if (clock.monotonic() < name.refusedUntil || name.isAsking || this.#wanted.has(name)) {
      return set.pair;
    }
    if (this.#asking >= limits.decisions || this.#wanted.size >= limits.waiting) return set.pair;
    name.isAsking = true;
    this.#asking += 1;
    const waiting = Promise.withResolvers<CertificatePair | undefined>();
    name.waiting = waiting;
    void this.#ask(name).then((isOrdered) => {
      name.isAsking = false;
      this.#asking -= 1;
      if (isOrdered) this.#options.onOrder();
      else this.#finish(name);
    });
    return waiting.promise;
  }

  /** True if it is to be ordered. Never rejects. */
  async #ask(name: Name): Promise<boolean> {
    const { read, limits, clock, log, describeError } = this.#options;
    const { set } = name;
    const [servername = ""] = set.names;
    try {
      const stored = await read(set.id);
      if (stored !== undefined) set.adopt(stored);
      const now = clock.now();
      if (set.pair !== undefined && set.dueAt > now) return false;
      if (set.pair !== undefined && set.pair.notAfter > now) {
        name.waiting?.resolve(set.pair);
        name.waiting = undefined;
      }
      if (await this.#withinLimit(servername)) {
        this.#wanted.add(name);
        return true;
      }
    } catch (error) {
      log.error({ ...describeError(error), servername }, "onDemand failed");
    }
    name.refusedUntil = clock.monotonic() + limits.refusalMs;
    return false;
  }

  #withinLimit(servername: string): Promise<boolean> {
    const decide = this.#decide;
    const { decisionMs } = this.#options.limits;
    return new Promise((resolve, reject) => {
      if (decide === undefined) {
        resolve(false);
        return;
      }
      const timer = setTimeout(
        () => reject(new Error(`onDemand took longer than ${decisionMs} ms`)),
        decisionMs,
      ).unref();
      Promise.resolve()
        .then(() => decide(servername))
        // Only `true`: a forgotten `return` or a truthy object must not order certificates for strangers.
        .then((answer: unknown) => resolve(answer === true), reject)
        .finally(() => clearTimeout(timer));
    });
  }

  #add(servername: string): Name | undefined {
    if (this.#names.size >= this.#options.limits.names && !this.#evict()) return undefined;
    const set = new HostSet([servername], true);
    const name: Name = { set, refusedUntil: 0, waiting: undefined, isAsking: false };
    this.#names.set(servername, name);
    return name;
  }

  /** Names without a certificate go first: made-up ones must not push out those in use. */
  #evict(): boolean {
    let oldest: string | undefined;
    for (const [servername, name] of this.#names) {
      if (name.isAsking || this.#wanted.has(name)) continue;
      if (name.set.pair === undefined && name.set.failures === 0) {
        this.#names.delete(servername);
        return true;
      }
      oldest ??= servername;
    }
    if (oldest === undefined) return false;
    this.#names.delete(oldest);
    return true;
  }
}
