import { Deadline, type DeadlineWheel } from "../../clock.ts";
import type { ProxyError } from "../../errors.ts";
import { busy } from "./refusal.ts";

/** A request that may have to wait. */
export interface QueuedCall {
  /** The queue's: armed while the call waits. */
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
  #calls = new Set<C>();
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
    if (this.#calls.size === 0) return undefined;
    const [call] = this.#calls;
    return call;
  }

  has(call: C): boolean {
    return this.#calls.has(call);
  }

  [Symbol.iterator](): Iterator<C> {
    return this.#calls.values();
  }

  enter(call: C): void {
    const { maxQueue } = this.limits;
    if (this.#calls.size >= maxQueue) {
      const message = `${maxQueue} requests wait for ${this.#name}`;
      call.failLater(busy("PROXY_UPSTREAM_QUEUE_FULL", message));
      return;
    }
    this.#add(call);
  }

  /** They had their turn before: ahead of all others, and beyond the queue's bound. */
  enterFirst(calls: readonly C[]): void {
    const rest = this.#calls;
    this.#calls = new Set();
    for (const call of calls) this.#add(call);
    for (const call of rest) this.#calls.add(call);
  }

  /** False if it is not here. */
  leave(call: C): boolean {
    if (!this.#calls.delete(call)) return false;
    if (call.queueDeadline !== null) this.#wheel.disarm(call.queueDeadline);
    call.queueDeadline = null;
    return true;
  }

  #add(call: C): void {
    const { queueTimeoutMs } = this.limits;
    call.queueDeadline = new Deadline(() => {
      if (!this.#calls.delete(call)) return;
      const message = `no connection of ${this.#name} was free within ${queueTimeoutMs} ms`;
      call.failLater(busy("PROXY_UPSTREAM_QUEUE_TIMEOUT", message));
      this.#onLeft();
    });
    this.#wheel.arm(call.queueDeadline, queueTimeoutMs);
    this.#calls.add(call);
  }
}
