import { writeProxyHeader } from "../http/proxy-protocol.ts";
import { ConnectionPool, type PoolLimits, type PoolOptions } from "./connection-pool.ts";
import { NetworkCall } from "./network-call.ts";
import type { Target } from "./target.ts";
import type { Upstream, UpstreamRequest, UpstreamReceiver } from "./upstream.ts";

export type NetworkUpstreamOptions = PoolOptions;

/** What can change under a living upstream. Of `targets`, the same as before in the same order, only weights count. */
export interface NetworkUpstreamAdjustment extends Partial<PoolLimits> {
  readonly targets?: readonly Target[];
}

export interface NetworkUpstream extends Upstream {
  adjust(adjustment: NetworkUpstreamAdjustment): void;
}

/** HTTP/1.1 targets behind one name, one pool and one cap. */
export function createNetworkUpstream(options: NetworkUpstreamOptions): NetworkUpstream {
  const pool = new ConnectionPool(options);
  let limits: PoolLimits = options;
  return {
    name: options.name,
    tellsClient: options.proxyProtocol !== undefined,
    dispatch(request: UpstreamRequest, receiver: UpstreamReceiver): NetworkCall {
      const { proxyProtocol } = options;
      const preface =
        proxyProtocol === undefined
          ? ""
          : writeProxyHeader(proxyProtocol, request.client).toString("latin1");
      const call = new NetworkCall(pool, request, receiver, preface);
      if (request.method === "CONNECT") {
        // undici would open a tunnel for it.
        call.failWith("PROXY_INTERNAL", "CONNECT is not forwarded");
      } else {
        pool.dispatch(call);
      }
      return call;
    },
    stats: () => pool.stats(),
    adjust(adjustment) {
      limits = {
        maxConnections: adjustment.maxConnections ?? limits.maxConnections,
        maxQueue: adjustment.maxQueue ?? limits.maxQueue,
        queueTimeoutMs: adjustment.queueTimeoutMs ?? limits.queueTimeoutMs,
        idleTimeoutMs: adjustment.idleTimeoutMs ?? limits.idleTimeoutMs,
      };
      pool.adjust(
        limits,
        adjustment.targets?.map((target) => target.weight),
      );
    },
    close: () => pool.close(),
  };
}
