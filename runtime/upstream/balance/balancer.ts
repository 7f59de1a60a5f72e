import type { Context, ProxyRequest } from "@gatewright/sdk";

import type { ReadonlyRawFields } from "../../http/raw-fields.ts";
import type { HealthState } from "../health/health.ts";

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
  /** Absent: nobody judges it, so it is well. */
  readonly state?: HealthState;
}

/** What a choice may depend on. */
export interface BalanceRequest {
  readonly method: string;
  readonly path: string;
  readonly fields: ReadonlyRawFields;
  /** Absent where no client stands behind it. */
  readonly clientAddress?: string | undefined;
  /** What the client speaks: a cookie set over TLS stays there. */
  readonly scheme?: "http" | "https";
  /** For functions of the config. Absent where no client's request stands behind it as it is: `ctx.fetch`, mirrors. */
  readonly facades?: RequestFacades | undefined;
}

/** The request as hooks see it. Getters: made when first asked for. */
export interface RequestFacades {
  readonly request: ProxyRequest;
  readonly context: Context;
}

/** One way to choose. Holds no timers and no sockets. */
export interface Balancer {
  /** Its choice means something (a session, a cache): another target that has a connection to spare will not do. */
  readonly binding?: boolean;
  /** The targets that may be chosen have changed: members, weights, health. Rare; tables are made here. */
  update(targets: readonly BalanceTarget[]): void;
  /**
   * One of the targets of the last `update`, other than those in `avoid` if there is another; `undefined` only if there
   * is none at all. On the hot path: under a microsecond with 1,000 targets.
   */
  pick(request: BalanceRequest, avoid?: ReadonlySet<BalanceTarget>): BalanceTarget | undefined;
  /** A request goes to this target: its `active` has just gone up. May be a target that is no longer among those. */
  begun?(target: BalanceTarget): void;
  /** It is over: `active` has just gone down. */
  ended?(target: BalanceTarget): void;
  /** Value of the Set-Cookie that brings this client back to this target, unless what it sent does already. */
  setCookie?(request: BalanceRequest, target: BalanceTarget): string | undefined;
}
