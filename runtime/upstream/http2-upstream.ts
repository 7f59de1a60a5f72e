import { Http2Call } from "./http2-call.ts";
import { Http2Pool, type Http2PoolLimits, type Http2PoolOptions } from "./http2-pool.ts";
import type { NetworkUpstream, NetworkUpstreamAdjustment } from "./network-upstream.ts";
import type { UpstreamReceiver, UpstreamRequest } from "./upstream.ts";

export type Http2UpstreamOptions = Http2PoolOptions;

export interface Http2UpstreamAdjustment extends NetworkUpstreamAdjustment {
  readonly maxStreams?: number;
}

export interface Http2Upstream extends NetworkUpstream {
  adjust(adjustment: Http2UpstreamAdjustment): void;
}

/**
 * HTTP/2 targets behind one name, one pool and one cap: by ALPN where the target is https, with prior knowledge where
 * it is http (RFC 9113 §3.2, §3.3).
 */
export function createHttp2Upstream(options: Http2UpstreamOptions): Http2Upstream {
  const pool = new Http2Pool(options);
  let limits: Http2PoolLimits = options;
  return {
    name: options.name,
    dispatch(request: UpstreamRequest, receiver: UpstreamReceiver): Http2Call {
      const call = new Http2Call(pool, options.wheel, request, receiver);
      if (request.method !== "CONNECT") return call.dispatch();
      call.failWith("PROXY_INTERNAL", "CONNECT is not forwarded");
      return call;
    },
    stats: () => pool.stats(),
    adjust(adjustment) {
      limits = {
        maxConnections: adjustment.maxConnections ?? limits.maxConnections,
        maxStreams: adjustment.maxStreams ?? limits.maxStreams,
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
