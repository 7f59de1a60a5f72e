import { createPrivateKey } from "node:crypto";
import { join } from "node:path";

import { systemClock, type Clock } from "../../../clock.ts";
import type { Log } from "../../../log.ts";
import type { CertificatePair } from "../certificate-pair.ts";
import type { CertificateSource } from "../certificate-source.ts";
import { forEachOf, PemFiles } from "../pem-files.ts";
import { TlsOptionsError } from "../tls-issue.ts";
import { AcmeError, toAcmeError } from "./acme-error.ts";
import type { AcmeOptions, OnDemandDecision } from "./acme-options.ts";
import type { ChallengeBoard } from "./challenge-board.ts";
import { createAccountKey } from "./credentials.ts";
import { HostSet } from "./host-set.ts";
import { OnDemandNames, type OnDemandLimits } from "./on-demand-names.ts";
import { OrderLog } from "./order-log.ts";
import { obtainCertificate, type ObtainedCertificate } from "./order.ts";
import { createLockFile, type RenewalLock } from "./renewal-lock.ts";
import { backOffMs } from "./schedule.ts";
import { AcmeSession } from "./session.ts";
import { AcmeStore } from "./store.ts";
import { createTransport, type AcmeTransport } from "./transport.ts";

export interface AcmeCertificatesOptions {
  readonly acme: AcmeOptions;
  /** For accounts and certificates; made where it is missing. */
  readonly folder: string;
  readonly board: ChallengeBoard;
  readonly log: Log;
  readonly describeError: (error: unknown) => object;
  readonly clock?: Clock;
  /** 0 to 1. */
  readonly random?: () => number;
  /** Default: a file in the folder. */
  readonly lock?: RenewalLock;
  readonly transport?: AcmeTransport;
  readonly limits?: Partial<AcmeLimits>;
}

export interface AcmeLimits extends OnDemandLimits {
  /** After a refused or failed order; doubles. */
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
  /** While the CA as a whole does not work; doubles. */
  readonly pauseBaseMs: number;
  readonly pauseMaxMs: number;
  readonly failuresPerHour: number;
  readonly orderMs: number;
  readonly pollMs: number;
  /** Between attempts while another process orders. */
  readonly lockRetryMs: number;
  /** The soonest that a new certificate is renewed, however short its life: our clock may be wrong. */
  readonly renewLeastMs: number;
}

const LIMITS: AcmeLimits = {
  retryBaseMs: 5 * 60_000,
  retryMaxMs: 12 * 3_600_000,
  pauseBaseMs: 60_000,
  pauseMaxMs: 3_600_000,
  // Let's Encrypt locks a name out after five in an hour.
  failuresPerHour: 4,
  orderMs: 5 * 60_000,
  pollMs: 500,
  lockRetryMs: 5000,
  renewLeastMs: 60_000,
  names: 5000,
  waiting: 100,
  decisions: 50,
  decisionMs: 5000,
  refusalMs: 60_000,
};

/** A name that is known to resolve to us, tried in another way: no need to wait long. */
const NEXT_CHALLENGE_MS = 15_000;
/** A clock that is set right, a laptop that wakes up. */
const LOOK_AT_LEAST_EVERY_MS = 600_000;
/** Anybody who makes up names must not use up what renewals need. */
const ON_DEMAND_SHARE = 0.75;

/**
 * Certificates from an ACME CA. Stored ones are in use at once, whatever the CA says; new ones are ordered from `start`
 * on, one at a time, and renewed after two thirds of their life. Nothing that goes wrong with the CA does more than put
 * that off: the certificate that is there stays in use.
 */
export class AcmeCertificates {
  readonly #options: AcmeCertificatesOptions;
  readonly #limits: AcmeLimits;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #store: AcmeStore;
  readonly #orders: OrderLog;
  readonly #lock: RenewalLock;
  readonly #transport: AcmeTransport;
  readonly #sets: readonly HostSet[];
  readonly #onDemand: OnDemandNames | undefined;
  readonly #sources = new Set<AcmeSource>();
  readonly #closing = new AbortController();
  #pairs: readonly CertificatePair[] = [];
  #isStarted = false;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pausedUntil = 0;
  #pauses = 0;
  #toldOfPause = "";

  private constructor(
    options: AcmeCertificatesOptions,
    store: AcmeStore,
    transport: AcmeTransport,
    sets: readonly HostSet[],
  ) {
    const { acme } = options;
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log;
    this.#store = store;
    this.#transport = transport;
    this.#sets = sets;
    this.#lock = options.lock ?? createLockFile({ path: join(store.folder, "lock") });
    this.#orders = new OrderLog(store, {
      perHour: acme.ordersPerHour,
      failuresPerHour: this.#limits.failuresPerHour,
    });
    if (acme.hasOnDemand) {
      this.#onDemand = new OnDemandNames({
        limits: this.#limits,
        clock: this.#clock,
        log: this.#log,
        describeError: options.describeError,
        read: (id) => store.readCertificate(id),
        onOrder: () => void this.look(),
        isPaused: () => this.#clock.now() < this.#pausedUntil,
      });
    }
    this.#collect();
  }

  /** Reads what is stored; asks nobody. Rejects with a {@link TlsOptionsError}. */
  static async open(options: AcmeCertificatesOptions): Promise<AcmeCertificates> {
    const { acme } = options;
    const ca =
      acme.directoryCa === undefined
        ? undefined
        : await new PemFiles().read(acme.directoryCa, "tls.acme.directoryCa");
    const transport = options.transport ?? createTransport({ ca, userAgent: "gatewright" });
    const sets = acme.hostSets.map((names) => new HostSet(names, false));
    let store: AcmeStore;
    try {
      store = await AcmeStore.open(options.folder, acme.directory);
      await forEachOf(sets, 32, async (set) => {
        const stored = await store.readCertificate(set.id);
        if (stored !== undefined) set.adopt(stored);
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new TlsOptionsError([
        {
          path: "tls.acme",
          message: `The folder for certificates cannot be used: ${reason}.`,
          fix: "Let this user write to dataDir, or set another one.",
        },
      ]);
    }
    return new AcmeCertificates(options, store, transport, sets);
  }

  /** Of the configured hosts. A different array after every change. */
  get pairs(): readonly CertificatePair[] {
    return this.#pairs;
  }

  /** A view for one listener. */
  createSource(): CertificateSource {
    const { board } = this.#options;
    const source = new AcmeSource(this, board, this.#onDemand, (one) => this.#sources.delete(one));
    this.#sources.add(source);
    return source;
  }

  /** A reload's function. What the old one refused is asked again. */
  setOnDemand(decide: OnDemandDecision): void {
    this.#onDemand?.setDecision(decide);
  }

  /** From now on certificates are ordered. Not before a config is live: one that is only tried must not cost orders. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.look();
  }

  /** Takes over what another process has renewed. Never rejects. */
  async refresh(): Promise<void> {
    await forEachOf(this.#sets, 32, async (set) => {
      if ((await this.#store.signatureOf(set.id)) === set.signature) return;
      await this.#readAgain(set);
    });
    this.#collect();
  }

  /** Orders everything that is due, one after the other. Called by its own timer; by tests after moving their clock. Never rejects. */
  look(): Promise<void> {
    if (!this.#isStarted || this.#closing.signal.aborted) return Promise.resolve();
    return (this.#looking ??= this.#lookAtAll().finally(() => {
      this.#looking = undefined;
      this.#arm();
    }));
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    this.#onDemand?.close();
    await this.#looking;
  }

  async #lookAtAll(): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      if (this.#closing.signal.aborted || now < this.#pausedUntil) return;
      // Somebody waits for those in a handshake.
      const next = this.#onDemand?.nextDue(now) ?? this.#sets.find((set) => set.dueAt <= now);
      if (next === undefined) return;
      const isHeld = await this.#renew(next);
      if (!isHeld) this.#onDemand?.settle(next);
      if (this.#clock.now() < this.#pausedUntil) this.#onDemand?.settleAll();
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#closing.signal.aborted) return;
    const now = this.#clock.now();
    let due = this.#onDemand?.nextDueAt ?? Infinity;
    for (const set of this.#sets) due = Math.min(due, set.dueAt);
    const delay = Math.min(Math.max(due, this.#pausedUntil) - now, LOOK_AT_LEAST_EVERY_MS);
    this.#timer = setTimeout(() => void this.look(), Math.max(delay, 50)).unref();
  }

  /** One attempt. Whatever comes of it, `dueAt` is later than now. True if another process orders just then. */
  async #renew(set: HostSet): Promise<boolean> {
    let release: (() => Promise<void>) | undefined;
    try {
      release = await this.#lock.acquire();
      if (release === undefined) {
        set.dueAt = this.#clock.now() + this.#limits.lockRetryMs;
        return true;
      }
      if (await this.#readAgain(set)) return false;
      await this.#orders.read(this.#clock.now());
      const now = this.#clock.now();
      const share = set.isOnDemand ? ON_DEMAND_SHARE : 1;
      const allowedAt = this.#orders.allowedAt(set.id, share, now);
      if (allowedAt > now) {
        set.dueAt = allowedAt;
        this.#tell(set, "limit", "the limit of orders is reached: a certificate has to wait");
        return false;
      }
      await this.#orders.addOrder(now);
      await this.#take(set, await this.#order(set));
      this.#recovered();
    } catch (error) {
      await this.#failed(set, toAcmeError(error));
    } finally {
      await release?.().catch(() => {});
    }
    return false;
  }

  async #order(set: HostSet): Promise<ObtainedCertificate> {
    const { acme, board } = this.#options;
    const { orderMs, pollMs } = this.#limits;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(orderMs)]);
    const now = (): number => this.#clock.now();
    const session = new AcmeSession({
      directoryUrl: acme.directory,
      accountKey: createPrivateKey(await this.#accountKey()),
      transport: this.#transport,
      signal,
      now,
    });
    await session.openAccount(acme);
    // After a failure the other way comes first: a firewall or a CDN may stand in one of them.
    const turn = set.failures % acme.challenges.length;
    const challenges = [...acme.challenges.slice(turn), ...acme.challenges.slice(0, turn)];
    return obtainCertificate({
      session,
      names: set.names,
      challenges,
      publisher: board,
      signal,
      now,
      pollMs,
    });
  }

  async #accountKey(): Promise<string> {
    const known = await this.#store.readAccountKey();
    if (known !== undefined) return known;
    const key = createAccountKey();
    await this.#store.writeAccountKey(key);
    return key;
  }

  async #take(set: HostSet, { key, chain }: ObtainedCertificate): Promise<void> {
    const text = `${key.trimEnd()}\n${chain}`;
    const pair = this.#store.parse(set.id, text);
    if (pair === undefined || !set.adopt({ pair, signature: undefined })) {
      throw new AcmeError("refused", "the CA's certificate cannot be used for what was ordered");
    }
    set.told = "";
    set.dueAt = Math.max(set.dueAt, this.#clock.now() + this.#limits.renewLeastMs);
    if (!set.isOnDemand) this.#collect();
    try {
      await this.#store.writeCertificate(set.id, text);
      set.signature = await this.#store.signatureOf(set.id);
    } catch (error) {
      // It is in use all the same: to throw it away would cost another order.
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error({ names: set.names.slice(0, 10), reason }, "a certificate cannot be stored");
    }
    const fields = { names: set.names.slice(0, 10), expires: dateOf(set.pair?.notAfter ?? 0) };
    this.#log.info(fields, "a certificate was issued");
  }

  /** True if the certificate on the disk is another one than before, and need not be renewed yet. */
  async #readAgain(set: HostSet): Promise<boolean> {
    const stored = await this.#store.readCertificate(set.id).catch(() => undefined);
    if (stored === undefined || !set.adopt(stored)) return false;
    set.told = "";
    if (!set.isOnDemand) this.#collect();
    return set.dueAt > this.#clock.now();
  }

  async #failed(set: HostSet, error: AcmeError): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const { retryBaseMs, retryMaxMs, pauseBaseMs, pauseMaxMs } = this.#limits;
    const now = this.#clock.now();
    const random = (this.#options.random ?? Math.random)();
    const least = error.retryAfterMs ?? 0;
    if (error.kind === "unreachable" || error.kind === "busy" || error.kind === "local") {
      this.#pauses += 1;
      const ms = backOffMs(this.#pauses, { baseMs: pauseBaseMs, maxMs: pauseMaxMs }, random);
      this.#pausedUntil = now + Math.max(ms, least);
      this.#tellOfPause(error);
      if (set.isOnDemand) set.dueAt = this.#pausedUntil;
      return;
    }
    set.failures += 1;
    const isUntried =
      error.kind === "challenge" && set.failures < this.#options.acme.challenges.length;
    const ms = backOffMs(set.failures, { baseMs: retryBaseMs, maxMs: retryMaxMs }, random);
    set.dueAt = now + Math.max(isUntried ? Math.min(NEXT_CHALLENGE_MS, ms) : ms, least);
    this.#tell(set, error.kind, "a certificate could not be had", error);
    await this.#orders.addFailure(set.id, now).catch(() => {});
  }

  /** Once for each state, not for each attempt. */
  #tell(set: HostSet, kind: string, message: string, error?: AcmeError): void {
    const { pair, isOnDemand } = set;
    const isServed = pair !== undefined && pair.notAfter > this.#clock.now();
    const state = `${kind} ${isServed}`;
    if (set.told === state) return;
    set.told = state;
    const fields = {
      names: set.names.slice(0, 10),
      ...(error === undefined ? {} : { reason: error.message }),
      again: dateOf(set.dueAt),
      ...(isServed ? { expires: dateOf(pair.notAfter) } : {}),
    };
    if (isServed) this.#log.warn(fields, `${message}; the one in use stays`);
    else if (isOnDemand || kind === "limit") this.#log.warn(fields, message);
    else this.#log.error(fields, `${message}, and there is no valid one`);
  }

  #tellOfPause(error: AcmeError): void {
    if (this.#toldOfPause === error.kind) return;
    this.#toldOfPause = error.kind;
    const fields = {
      directory: this.#options.acme.directory,
      reason: error.message,
      again: dateOf(this.#pausedUntil),
    };
    const what = error.kind === "local" ? "certificates cannot be ordered" : "the CA does not work";
    this.#log.warn(fields, `${what}; those in use stay`);
  }

  #recovered(): void {
    this.#pauses = 0;
    if (this.#toldOfPause === "") return;
    this.#toldOfPause = "";
    this.#log.info({ directory: this.#options.acme.directory }, "certificates are issued again");
  }

  #collect(): void {
    const pairs = this.#sets.flatMap(({ pair }) => (pair === undefined ? [] : [pair]));
    const isSame =
      pairs.length === this.#pairs.length && pairs.every((pair, at) => pair === this.#pairs[at]);
    if (isSame) return;
    this.#pairs = pairs;
    for (const source of this.#sources) source.onChange?.();
  }
}

class AcmeSource implements CertificateSource {
  onChange: (() => void) | null = null;
  /** Absent unless names are decided on demand: whoever asks then knows that nothing more is to come. */
  readonly find?: (
    name: string,
  ) => CertificatePair | undefined | Promise<CertificatePair | undefined>;
  readonly #certificates: AcmeCertificates;
  readonly #board: ChallengeBoard;
  readonly #onClose: (source: AcmeSource) => void;

  constructor(
    certificates: AcmeCertificates,
    board: ChallengeBoard,
    onDemand: OnDemandNames | undefined,
    onClose: (source: AcmeSource) => void,
  ) {
    this.#certificates = certificates;
    this.#board = board;
    this.#onClose = onClose;
    if (onDemand !== undefined) this.find = (name) => onDemand.find(name);
  }

  get pairs(): readonly CertificatePair[] {
    return this.#certificates.pairs;
  }

  challenge(name: string): CertificatePair | undefined {
    return this.#board.certificateFor(name);
  }

  refresh(): Promise<void> {
    return this.#certificates.refresh();
  }

  close(): void {
    this.#onClose(this);
  }
}

function dateOf(time: number): string {
  return new Date(time).toISOString();
}
