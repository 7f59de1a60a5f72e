import type {
  FetchUpstream,
  SplitUpstream,
  TargetConfig,
  UpstreamConfig,
  UpstreamTimeouts,
} from "@gatewright/sdk";

import { DEFAULT_UPSTREAM } from "./defaults.ts";
import { toBalance, toMirror, toSplit } from "./normalize-balance.ts";
import { toHeaderRules } from "./normalize-fields.ts";
import type { ResolvedTarget, ResolvedTimeouts, ResolvedUpstream } from "./resolved-config.ts";
import { hasUpstreamOptions, isApp } from "./schema.ts";
import { parseDuration } from "../units.ts";

export function toUpstream(
  name: string,
  upstream: UpstreamConfig,
  toTimeouts: (own: UpstreamTimeouts | undefined) => ResolvedTimeouts,
): ResolvedUpstream {
  if ("split" in upstream && !isApp(upstream)) return toSplit(name, upstream as SplitUpstream);
  if (!("targets" in upstream) || isApp(upstream)) {
    const app = upstream as FetchUpstream;
    const own: FetchUpstream | undefined = hasUpstreamOptions(app) ? app : undefined;
    return Object.freeze({
      kind: "fetch",
      name,
      app,
      host: own?.host ?? DEFAULT_UPSTREAM.host,
      headers: toHeaderRules(own?.headers),
      timeouts: toTimeouts(own?.timeouts),
    });
  }
  return Object.freeze({
    kind: "network",
    name,
    targets: Object.freeze(upstream.targets.map(toTarget)),
    balance: toBalance(upstream.balance),
    pick: upstream.pick?.bind(upstream),
    spillBelow: upstream.spillBelow ?? DEFAULT_UPSTREAM.spillBelow,
    mirror: toMirror(upstream.mirror),
    maxConnections: upstream.maxConnections ?? DEFAULT_UPSTREAM.maxConnections,
    maxQueue: upstream.maxQueue ?? DEFAULT_UPSTREAM.maxQueue,
    queueTimeoutMs: parseDuration(upstream.queueTimeout) ?? DEFAULT_UPSTREAM.queueTimeoutMs,
    idleTimeoutMs: parseDuration(upstream.idleTimeout) ?? DEFAULT_UPSTREAM.idleTimeoutMs,
    http2: upstream.http2 ?? DEFAULT_UPSTREAM.http2,
    maxStreams: upstream.maxStreams ?? DEFAULT_UPSTREAM.maxStreams,
    proxyProtocol: upstream.proxyProtocol,
    host: upstream.host ?? DEFAULT_UPSTREAM.host,
    headers: toHeaderRules(upstream.headers),
    timeouts: toTimeouts(upstream.timeouts),
  });
}

function toTarget(target: string | TargetConfig): ResolvedTarget {
  const {
    url: text,
    weight = 1,
    priority = 0,
  } = typeof target === "string" ? ({ url: target } satisfies TargetConfig) : target;
  const url = new URL(text);
  const scheme = url.protocol === "https:" ? "https" : "http";
  return Object.freeze({
    scheme,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port),
    authority: url.host,
    weight,
    priority,
  });
}
