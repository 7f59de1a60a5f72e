import { ProxyError } from "../errors.ts";
import { writeProxyHeader } from "../http/proxy-protocol.ts";
import { ConnectionPool, type PoolOptions } from "./connection-pool.ts";
import { NetworkCall } from "./network-call.ts";
import type { Target } from "./target.ts";
import type { PoolLimits } from "./target-pool.ts";
import { TargetSet, type TargetSetOptions, type TargetSetRules } from "./targets/target-set.ts";
import type { Upstream, UpstreamRequest, UpstreamReceiver } from "./upstream.ts";

/** Targets, or a set of them that somebody else keeps up to date. */
export type NetworkUpstreamOptions = Omit<PoolOptions, "targets"> &
  Omit<TargetSetOptions, "targets"> & { readonly targets: readonly Target[] };

/** What can change under a living upstream. */
export interface NetworkUpstreamAdjustment extends Partial<PoolLimits>, TargetSetRules {
  /** Connections of those that stay are kept. */
  readonly targets?: readonly Target[];
}

export interface NetworkUpstream extends Upstream {
  readonly targets: TargetSet;
  adjust(adjustment: NetworkUpstreamAdjustment): void;
}

/** HTTP/1.1 targets behind one name, one pool and one cap. */
export function createNetworkUpstream(options: NetworkUpstreamOptions): NetworkUpstream {
  const targets = new TargetSet(options);
  const pool = new ConnectionPool({ ...options, targets });
  let limits: PoolLimits = options;
  return {
    name: options.name,
    targets,
    tellsClient: options.proxyProtocol !== undefined,
    dispatch(request: UpstreamRequest, receiver: UpstreamReceiver): NetworkCall {
      const { proxyProtocol } = options;
      const preface =
        proxyProtocol === undefined
          ? ""
          : writeProxyHeader(proxyProtocol, request.client).toString("latin1");
      const call = new NetworkCall(pool, request, receiver, preface);
      if (request.avoid !== undefined) call.avoided = targets.membersAt(request.avoid);
      if (request.method === "CONNECT") {
        // undici would open a tunnel for it.
        call.failLater(new ProxyError("PROXY_INTERNAL", { message: "CONNECT is not forwarded" }));
      } else {
        pool.dispatch(call);
      }
      return call;
    },
    stats: () => pool.stats(),
    targetStats: () => targets.stats(),
    stateChanges: targets.stateChanges,
    adjust(adjustment) {
      limits = adjustedLimits(limits, adjustment);
      if (adjustment.targets !== undefined) targets.setMembers(adjustment.targets);
      targets.setRules(adjustment);
      pool.adjust(limits);
    },
    close: () => pool.close(),
  };
}

/** Limits that are not named stay; an age or a number of requests that is not named is none. */
export function adjustedLimits(
  limits: PoolLimits,
  adjustment: NetworkUpstreamAdjustment,
): PoolLimits {
  return {
    maxConnections: adjustment.maxConnections ?? limits.maxConnections,
    maxQueue: adjustment.maxQueue ?? limits.maxQueue,
    queueTimeoutMs: adjustment.queueTimeoutMs ?? limits.queueTimeoutMs,
    idleTimeoutMs: adjustment.idleTimeoutMs ?? limits.idleTimeoutMs,
    maxConnectionAgeMs: adjustment.maxConnectionAgeMs,
    maxRequestsPerConnection: adjustment.maxRequestsPerConnection,
  };
}
