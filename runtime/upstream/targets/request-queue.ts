import { Deadline, type DeadlineWheel } from "../../clock.ts";
import type { ProxyError } from "../../errors.ts";
import { type Linked, LinkedSet } from "../../linked-set.ts";
import { busy } from "./refusal.ts";

/** A request that may have to wait. */
export interface QueuedCall extends Linked {
  /** The queue's: there while the call waits. */
  queueDeadline: Deadline | null;
  /** Ends it; told in a later tick. */
  failLater(error: ProxyError): void;
}

export interface QueueLimits {
  readonly maxQueue: number;
  readonly queueTimeoutMs: number;
}

/** Requests without a connection, in order of arrival, no more and no longer than allowed. */
export class RequestQueue<C extends QueuedCall> {
  readonly #name: string;
  readonly #wheel: DeadlineWheel;
  /** Somebody has given up waiting. */
  readonly #onLeft: () => void;
  readonly #calls = new LinkedSet<C>();
  limits: QueueLimits;

  constructor(name: string, limits: QueueLimits, wheel: DeadlineWheel, onLeft: () => void) {
    this.#name = name;
    this.limits = limits;
    this.#wheel = wheel;
    this.#onLeft = onLeft;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Whoever has waited longest. */
  get first(): C | undefined {
    return this.#calls.first ?? undefined;
  }

  /**
   * Offers the calls a start, in order, until `looks` of them could not. No more offers than there were calls at the
   * beginning: one that comes back at once does not keep it going.
   */
  offer(start: (call: C) => boolean, looks: number): void {
    let call = this.#calls.first;
    let left = looks;
    for (let offers = this.#calls.size; call !== null && offers > 0; offers--) {
      const next: C | null = call.nextLinked;
      if (!start(call) && --left === 0) return;
      // Its start may have taken others along; then from the front again, where what is left of `looks` ends it.
      call = next === null || next.queueDeadline !== null ? next : this.#calls.first;
    }
  }

  enter(call: C): void {
    const { maxQueue } = this.limits;
    if (this.#calls.size >= maxQueue) {
      const message = `${maxQueue} requests wait for ${this.#name}`;
      call.failLater(busy("PROXY_UPSTREAM_QUEUE_FULL", message));
      return;
    }
    this.#arm(call);
    this.#calls.add(call);
  }

  /** They had their turn before: ahead of all others, and beyond the queue's bound. */
  enterFirst(calls: readonly C[]): void {
    for (const call of calls.toReversed()) {
      this.#arm(call);
      this.#calls.addFirst(call);
    }
  }

  /** False if it is not here. */
  leave(call: C): boolean {
    if (call.queueDeadline === null) return false;
    this.#wheel.disarm(call.queueDeadline);
    call.queueDeadline = null;
    return this.#calls.delete(call);
  }

  #arm(call: C): void {
    const { queueTimeoutMs } = this.limits;
    call.queueDeadline = new Deadline(() => {
      if (!this.leave(call)) return;
      const message = `no connection of ${this.#name} was free within ${queueTimeoutMs} ms`;
      call.failLater(busy("PROXY_UPSTREAM_QUEUE_TIMEOUT", message));
      this.#onLeft();
    });
    this.#wheel.arm(call.queueDeadline, queueTimeoutMs);
  }
}
