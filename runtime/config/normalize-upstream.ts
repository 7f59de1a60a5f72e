import type { TargetConfig, UpstreamConfig, UpstreamTimeouts } from "@gatewright/sdk";

import { DEFAULT_UPSTREAM } from "./defaults.ts";
import { NO_HEADER_RULES, toHeaderRules } from "./normalize-fields.ts";
import type { ResolvedTarget, ResolvedTimeouts, ResolvedUpstream } from "./resolved-config.ts";
import { isApp } from "./schema.ts";
import { parseDuration } from "./units.ts";

export function toUpstream(
  name: string,
  upstream: UpstreamConfig,
  toTimeouts: (own: UpstreamTimeouts | undefined) => ResolvedTimeouts,
): ResolvedUpstream {
  if (!("targets" in upstream) || isApp(upstream)) {
    return Object.freeze({
      kind: "fetch",
      name,
      app: upstream as Extract<UpstreamConfig, { fetch: unknown }>,
      host: DEFAULT_UPSTREAM.host,
      headers: NO_HEADER_RULES,
      timeouts: toTimeouts(undefined),
    });
  }
  return Object.freeze({
    kind: "network",
    name,
    targets: Object.freeze(upstream.targets.map(toTarget)),
    maxConnections: upstream.maxConnections ?? DEFAULT_UPSTREAM.maxConnections,
    maxQueue: upstream.maxQueue ?? DEFAULT_UPSTREAM.maxQueue,
    queueTimeoutMs: parseDuration(upstream.queueTimeout) ?? DEFAULT_UPSTREAM.queueTimeoutMs,
    idleTimeoutMs: parseDuration(upstream.idleTimeout) ?? DEFAULT_UPSTREAM.idleTimeoutMs,
    host: upstream.host ?? DEFAULT_UPSTREAM.host,
    headers: toHeaderRules(upstream.headers),
    timeouts: toTimeouts(upstream.timeouts),
  });
}

function toTarget(target: string | TargetConfig): ResolvedTarget {
  const { url: text, weight = 1 } = typeof target === "string" ? { url: target } : target;
  const url = new URL(text);
  const scheme = url.protocol === "https:" ? "https" : "http";
  return Object.freeze({
    scheme,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port),
    authority: url.host,
    weight,
  });
}
