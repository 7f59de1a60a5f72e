import type { BalanceTarget } from "../balance/balancer.ts";
import type { HealthState } from "../health/health.ts";
import { targetKey, type Target } from "../target.ts";

/** The last thing that went wrong with a target. */
export interface TargetError {
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/**
 * A target in an upstream's set: one object from the day it joins to the day its last connection closes. Balancers read
 * it, pools count in it, the set alone changes the rest.
 */
export class TargetMember implements BalanceTarget {
  readonly key: string;
  target: Target;
  weight: number;
  priority: number;
  active = 0;
  latencyMs = 0;
  /** Connections, and how many of them nobody uses. */
  open = 0;
  idle = 0;
  state: HealthState = "up";
  /** Among those that may be chosen at present. */
  usable = true;
  /** What slow start leaves of the weight, up to 1. */
  share = 1;
  /** No longer in the set: no new requests. */
  left = false;
  lastError: TargetError | undefined;
  /** Of its last TLS connection, for the next one. */
  tlsSession: Buffer | undefined;
  /**
   * Counts how often what is behind the name has become something else. Connections from before serve their request
   * and close.
   */
  epoch = 0;

  constructor(target: Target) {
    this.key = targetKey(target);
    this.target = target;
    this.weight = target.weight;
    this.priority = target.priority ?? 0;
  }

  /** Another connection to it may be opened, as far as its own cap goes. */
  get hasRoom(): boolean {
    const { maxConnections } = this.target;
    return maxConnections === undefined || this.open < maxConnections;
  }
}
