import { Deadline, type DeadlineWheel } from "../clock.ts";
import { ProxyError } from "../errors.ts";
import { ClientShares, type ClientShare } from "../http/client-shares.ts";
import type { Log } from "../log.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { SendAhead } from "./send-ahead.ts";

export interface SlowReaderLimits {
  /** Of one response. */
  readonly aheadBytes: number;
  /** Of all responses together. */
  readonly budgetBytes: number;
  /** Of the budget, for the responses of one client. */
  readonly clientBytes: number;
  /** Bytes a second that a client must take while others wait for what it holds. 0: none. */
  readonly minRate: number;
}

const LOOK_MS = 250;
/** A client's pause that says nothing yet: lost packets are sent again within that. */
const GRACE_MS = 2000;
/**
 * The same for a client that has much waiting already: a thousand slow readers at one address come faster than the
 * longer one lets go of them, and all others would queue behind.
 */
const CROWD_GRACE_MS = 500;

/**
 * The responses of a process that wait for their clients, and what they hold together. Holding on to slow readers costs
 * nobody anything until others wait: for an upstream's connection that a reader keeps, for memory that would let it go.
 * Then those that take next to nothing go first. One for all generations.
 */
export class SlowReaders {
  bytes = 0;
  #limits: SlowReaderLimits;
  readonly #wheel: DeadlineWheel;
  readonly #now: () => number;
  readonly #log: Log;
  readonly #waiting = new Set<SendAhead>();
  readonly #shares = new ClientShares();
  readonly #deadline = new Deadline(() => this.#look());

  constructor(limits: SlowReaderLimits, wheel: DeadlineWheel, now: () => number, log: Log) {
    this.#limits = limits;
    this.#wheel = wheel;
    this.#now = now;
    this.#log = log;
  }

  get limits(): SlowReaderLimits {
    return this.#limits;
  }

  /** Clients with a response that has waited. */
  get clients(): number {
    return this.#shares.size;
  }

  /** For another response to this client. Who enters leaves. */
  enter(address: string): ClientShare {
    return this.#shares.enter(address);
  }

  leave(share: ClientShare): void {
    this.#shares.leave(share);
  }

  charge(share: ClientShare, bytes: number): void {
    share.bytes += bytes;
    this.bytes += bytes;
  }

  /** All of it is taken, or what a single client may have: who fills that waits for himself alone. */
  isFullFor(share: ClientShare): boolean {
    return this.bytes >= this.#limits.budgetBytes || share.bytes >= this.#limits.clientBytes;
  }

  /** New limits; what is held stays. */
  adjust(limits: SlowReaderLimits): void {
    this.#limits = limits;
  }

  add(one: SendAhead): void {
    this.#waiting.add(one);
    // It goes on by itself: fast transfers come and go many times between two looks.
    if (!this.#deadline.armed) this.#wheel.arm(this.#deadline, LOOK_MS);
  }

  remove(one: SendAhead): void {
    this.#waiting.delete(one);
  }

  close(): void {
    this.#wheel.disarm(this.#deadline);
  }

  #look(): void {
    if (this.#waiting.size === 0) return;
    this.#wheel.arm(this.#deadline, LOOK_MS);
    this.#cutStalled();
    // What was held because of the others and not for its own sake.
    if (this.bytes < this.#limits.budgetBytes) for (const one of this.#waiting) one.goOn();
  }

  #cutStalled(): void {
    const queued = this.#queues();
    const stalled = this.#stalled();
    if (queued.size === 0 || stalled.length === 0) return;
    let cut = 0;
    for (const one of stalled) {
      const upstream = upstreamOf(one);
      const others = upstream === undefined ? 0 : (queued.get(upstream) ?? 0);
      if (others > 0) {
        queued.set(upstream as Upstream, others - 1);
      } else if (one.isHeld || !(this.#isHalfFull || this.#isCrowd(one))) {
        // It is in nobody's way.
        continue;
      }
      cut += 1;
      const message = "the client took next to nothing, and others waited";
      one.flow.fail(new ProxyError("PROXY_CLIENT_STALLED", { message }));
    }
    if (cut > 0) {
      this.#log.warn({ cut }, "clients that take next to nothing were cut: others waited");
    }
  }

  get #isHalfFull(): boolean {
    return this.bytes >= this.#limits.budgetBytes / 2;
  }

  /** Its client fills half of what one client may have. */
  #isCrowd(one: SendAhead): boolean {
    return one.share.bytes >= this.#limits.clientBytes / 2;
  }

  /** Upstreams with a response that waits for its client and requests that wait for a connection. */
  #queues(): Map<Upstream, number> {
    const queued = new Map<Upstream, number>();
    for (const one of this.#waiting) {
      const upstream = upstreamOf(one);
      if (upstream === undefined || queued.has(upstream)) continue;
      const count = upstream.stats().queued;
      if (count > 0) queued.set(upstream, count);
    }
    return queued;
  }

  /** Longest first. */
  #stalled(): SendAhead[] {
    const now = this.#now();
    const found: SendAhead[] = [];
    for (const one of this.#waiting) {
      const taken = one.flow.exchange.takenBytes;
      const sinceMs = now - one.lookedAt;
      const isFirst = one.lookedAt < 0;
      if (!isFirst && sinceMs < (this.#isCrowd(one) ? CROWD_GRACE_MS : GRACE_MS)) continue;
      if (isFirst || taken - one.takenAtLook >= (this.#limits.minRate * sinceMs) / 1000) {
        one.lookedAt = now;
        one.takenAtLook = taken;
      } else {
        found.push(one);
      }
    }
    return found.toSorted((a, b) => a.lookedAt - b.lookedAt);
  }
}

/** Whose connection it keeps, if it keeps one. */
function upstreamOf(one: SendAhead): Upstream | undefined {
  return one.isHeld ? one.flow.upstreamPlan?.upstream : undefined;
}
