import type { ReadonlyRawFields } from "../../http/raw-fields.ts";

/** A target as balancers see it: one object for the target's whole life, its figures live. */
export interface BalanceTarget {
  /** What it is called everywhere, and what hashes are made of: `http://10.0.0.1:9000`. */
  readonly key: string;
  /** Share of the traffic; slow start makes it smaller for a while. Above 0. */
  readonly weight: number;
  /** 0 is used first; the next one only when too few of the ones before are healthy. */
  readonly priority: number;
  /** Requests under way. */
  readonly active: number;
  /** Average time to a response head (exponentially weighted), milliseconds; 0 while unknown. */
  readonly latencyMs: number;
}

/** What a choice may depend on. */
export interface BalanceRequest {
  readonly method: string;
  readonly path: string;
  readonly fields: ReadonlyRawFields;
  readonly clientAddress: string;
}

/** One way to choose. Holds no timers and no sockets. */
export interface Balancer {
  /** The targets that may be chosen have changed: members, weights, health. Rare; tables are made here. */
  update(targets: readonly BalanceTarget[]): void;
  /**
   * One of the targets of the last `update`, other than those in `avoid` if there is another; `undefined` only if there
   * is none at all. On the hot path: under a microsecond with 1,000 targets.
   */
  pick(request: BalanceRequest, avoid?: ReadonlySet<BalanceTarget>): BalanceTarget | undefined;
}
