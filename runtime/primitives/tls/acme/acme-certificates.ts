import { join } from "node:path";

import { systemClock, type Clock } from "../../../clock.ts";
import type { Log } from "../../../log.ts";
import type { CertificatePair } from "../certificate-pair.ts";
import type { CertificateSource } from "../certificate-source.ts";
import { PemFiles } from "../pem-files.ts";
import { TlsOptionsError } from "../tls-issue.ts";
import { AcmeAuthority } from "./acme-authority.ts";
import { AcmeError, toAcmeError } from "./acme-error.ts";
import { ACME_LIMITS, type AcmeLimits } from "./acme-limits.ts";
import type { AcmeOptions, OnDemandDecision } from "./acme-options.ts";
import { AcmeSource } from "./acme-source.ts";
import type { ChallengeBoard } from "./challenge-board.ts";
import { HostSet } from "./host-set.ts";
import { OnDemandNames } from "./on-demand-names.ts";
import { OrderLog } from "./order-log.ts";
import { OrderNews } from "./order-news.ts";
import type { ObtainedCertificate } from "./order.ts";
import { createLockFile, type RenewalLock } from "./renewal-lock.ts";
import { backOffMs } from "./schedule.ts";
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
  readonly #news: OrderNews;
  readonly #store: AcmeStore;
  readonly #orders: OrderLog;
  readonly #lock: RenewalLock;
  readonly #authority: AcmeAuthority;
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

  private constructor(
    options: AcmeCertificatesOptions,
    store: AcmeStore,
    transport: AcmeTransport,
    sets: readonly HostSet[],
  ) {
    const { acme } = options;
    this.#options = options;
    this.#limits = { ...ACME_LIMITS, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#news = new OrderNews(options.log, acme.directory);
    this.#store = store;
    this.#authority = new AcmeAuthority({
      acme,
      store,
      transport,
      publisher: options.board,
      now: () => this.#clock.now(),
      pollMs: this.#limits.pollMs,
    });
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
        log: options.log,
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
        : new PemFiles().read(acme.directoryCa, "tls.acme.directoryCa");
    const transport = options.transport ?? createTransport({ ca, userAgent: "gatewright" });
    const sets = acme.hostSets.map((names) => new HostSet(names, false));
    let store: AcmeStore;
    try {
      store = await AcmeStore.open(options.folder, acme.directory);
      for (const set of sets) {
        const stored = await store.readCertificate(set.id);
        if (stored !== undefined) set.adopt(stored);
      }
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
    for (const set of this.#sets) {
      if ((await this.#store.signatureOf(set.id)) !== set.signature) await this.#readAgain(set);
    }
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
      const freeAt = this.#orders.freeAt(share);
      set.dueAt = Math.max(freeAt, this.#orders.freeAtFor(set.id), set.dueAt);
      if (freeAt > now) {
        if (!set.isOnDemand) this.#pausedUntil = freeAt;
        this.#news.limited(freeAt);
      }
      if (set.dueAt > now) return false;
      await this.#orders.addOrder(now);
      const { orderMs } = this.#limits;
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(orderMs)]);
      await this.#take(set, await this.#authority.obtain(set.names, set.turn, signal));
      this.#works();
    } catch (error) {
      await this.#failed(set, toAcmeError(error));
    } finally {
      await release?.().catch(() => {});
    }
    return false;
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
      this.#news.notStored(set, error);
    }
    this.#news.issued(set);
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
    set.reason = error.message;
    if (error.kind === "unreachable" || error.kind === "busy" || error.kind === "local") {
      this.#pauses += 1;
      const ms = backOffMs(this.#pauses, { baseMs: pauseBaseMs, maxMs: pauseMaxMs }, random);
      this.#pausedUntil = now + Math.max(ms, least);
      const due = this.#sets.filter(({ dueAt }) => dueAt <= now);
      this.#news.paused(error, this.#pausedUntil, due, now);
      if (set.isOnDemand) set.dueAt = this.#pausedUntil;
      return;
    }
    this.#works();
    set.failures += 1;
    if (error.kind === "challenge") set.turn += 1;
    const isUntried =
      error.kind === "challenge" && set.failures < this.#options.acme.challenges.length;
    const ms = backOffMs(set.failures, { baseMs: retryBaseMs, maxMs: retryMaxMs }, random);
    set.dueAt = now + Math.max(isUntried ? Math.min(NEXT_CHALLENGE_MS, ms) : ms, least);
    this.#news.failed(set, error, now);
    await this.#orders.addFailure(set.id, now).catch(() => {});
  }

  /** It answers, whatever it says. */
  #works(): void {
    this.#pauses = 0;
    this.#news.recovered();
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
