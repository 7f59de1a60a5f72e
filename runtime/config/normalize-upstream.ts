import type {
  FetchUpstream,
  NetworkUpstream,
  ResolveConfig,
  SplitUpstream,
  TargetConfig,
  UpstreamConfig,
  UpstreamTimeouts,
  UpstreamTlsConfig,
} from "@gatewright/sdk";

import { DEFAULT_UPSTREAM } from "./defaults.ts";
import { toBalance, toMirror, toSplit } from "./normalize-balance.ts";
import { toHealth } from "./normalize-health.ts";
import { toHeaderRules } from "./normalize-fields.ts";
import { toHedge, toRetry, toRetryBudget } from "./normalize-retry.ts";
import { toPem } from "./normalize-tls.ts";
import type {
  ResolvedResolve,
  ResolvedTarget,
  ResolvedTimeouts,
  ResolvedUpstream,
  ResolvedUpstreamTls,
} from "./resolved-config.ts";
import { hasUpstreamOptions, isApp } from "./schema.ts";
import { parseDuration } from "../units.ts";

export function toUpstream(
  name: string,
  upstream: UpstreamConfig,
  dir: string,
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
    panicThreshold: upstream.panicThreshold ?? DEFAULT_UPSTREAM.panicThreshold,
    retry: toRetry(upstream.retry),
    retryBudget: toRetryBudget(upstream.retry),
    hedge: toHedge(upstream.hedge),
    resolve: toResolve(upstream.resolve),
    tls: toUpstreamTls(upstream.tls, dir),
    spillBelow: upstream.spillBelow ?? DEFAULT_UPSTREAM.spillBelow,
    mirror: toMirror(upstream.mirror),
    health: toHealth(upstream),
    maxConnections: upstream.maxConnections ?? DEFAULT_UPSTREAM.maxConnections,
    maxQueue: upstream.maxQueue ?? DEFAULT_UPSTREAM.maxQueue,
    queueTimeoutMs: parseDuration(upstream.queueTimeout) ?? DEFAULT_UPSTREAM.queueTimeoutMs,
    idleTimeoutMs: parseDuration(upstream.idleTimeout) ?? DEFAULT_UPSTREAM.idleTimeoutMs,
    maxConnectionAgeMs: parseDuration(upstream.maxConnectionAge),
    maxRequestsPerConnection: upstream.maxRequestsPerConnection,
    http2: upstream.http2 ?? DEFAULT_UPSTREAM.http2,
    maxStreams: upstream.maxStreams ?? DEFAULT_UPSTREAM.maxStreams,
    proxyProtocol: upstream.proxyProtocol,
    host: upstream.host ?? DEFAULT_UPSTREAM.host,
    headers: toHeaderRules(upstream.headers),
    timeouts: toTimeouts(upstream.timeouts),
  });
}

/** Of a config, or of what its `resolve` returns. */
export function toTarget(target: string | TargetConfig): ResolvedTarget {
  const {
    url: text,
    weight = 1,
    priority = 0,
    maxConnections,
  } = typeof target === "string" ? ({ url: target } satisfies TargetConfig) : target;
  if (text.startsWith("unix:")) {
    // RFC 9110 §7.2: a Host is needed, and the socket has no name of its own.
    return Object.freeze({
      scheme: "http",
      hostname: "localhost",
      port: 80,
      authority: "localhost",
      weight,
      priority,
      maxConnections,
      socketPath: text.slice("unix:".length),
    });
  }
  const url = new URL(text);
  const scheme = url.protocol === "https:" ? "https" : "http";
  return Object.freeze({
    scheme,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port),
    authority: url.host,
    weight,
    priority,
    maxConnections,
    socketPath: undefined,
  });
}

function toResolve(resolve: NetworkUpstream["resolve"]): ResolvedResolve | undefined {
  if (resolve === undefined) return undefined;
  const { by, servers, interval } =
    typeof resolve === "object" ? resolve : ({ by: resolve } satisfies ResolveConfig);
  return Object.freeze({
    by,
    servers: Object.freeze([...(servers ?? [])]),
    intervalMs: parseDuration(interval) ?? DEFAULT_UPSTREAM.resolveIntervalMs,
  });
}

function toUpstreamTls(
  tls: UpstreamTlsConfig | undefined,
  dir: string,
): ResolvedUpstreamTls | undefined {
  if (tls === undefined) return undefined;
  const { ca = [], cert, key, passphrase, serverName, verify = true } = tls;
  const authorities = typeof ca === "string" ? [ca] : ca;
  return Object.freeze({
    ca: Object.freeze(authorities.map((one) => toPem(one, dir))),
    serverName,
    cert: cert === undefined ? undefined : toPem(cert, dir),
    key: key === undefined ? undefined : toPem(key, dir),
    passphrase,
    verify,
  });
}
