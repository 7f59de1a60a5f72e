import { ProxyError } from "../errors.ts";
import { Http2Call } from "./http2-call.ts";
import { Http2Pool, type Http2PoolLimits, type Http2PoolOptions } from "./http2-pool.ts";
import {
  adjustedLimits,
  type NetworkUpstream,
  type NetworkUpstreamAdjustment,
} from "./network-upstream.ts";
import type { Target } from "./target.ts";
import { TargetSet, type TargetSetOptions } from "./targets/target-set.ts";
import type { UpstreamReceiver, UpstreamRequest } from "./upstream.ts";

export type Http2UpstreamOptions = Omit<Http2PoolOptions, "targets"> &
  Omit<TargetSetOptions, "targets"> & { readonly targets: readonly Target[] };

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
  const targets = new TargetSet(options);
  const pool = new Http2Pool({ ...options, targets });
  let limits: Http2PoolLimits = options;
  return {
    name: options.name,
    targets,
    dispatch(request: UpstreamRequest, receiver: UpstreamReceiver): Http2Call {
      const call = new Http2Call(pool, options.wheel, request, receiver);
      if (request.avoid !== undefined) call.avoided = targets.membersAt(request.avoid);
      if (request.method !== "CONNECT") return call.dispatch();
      call.failLater(new ProxyError("PROXY_INTERNAL", { message: "CONNECT is not forwarded" }));
      return call;
    },
    stats: () => pool.stats(),
    stateChanges: targets.stateChanges,
    targetStats() {
      // Who is idle is counted there.
      pool.stats();
      return targets.stats();
    },
    adjust(adjustment) {
      limits = {
        ...adjustedLimits(limits, adjustment),
        maxStreams: adjustment.maxStreams ?? limits.maxStreams,
      };
      if (adjustment.targets !== undefined) targets.setMembers(adjustment.targets);
      targets.setRules(adjustment);
      pool.adjust(limits);
    },
    close: () => pool.close(),
  };
}
