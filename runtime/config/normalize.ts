import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";

import type {
  AdminConfig,
  ConfigEnv,
  ContentBudgetConfig,
  Hooks,
  LimitsConfig,
  ListenConfig,
  Plugin,
  UpstreamTimeouts,
} from "@gatewright/sdk";

import {
  DEFAULT_ADMIN,
  DEFAULT_CONTENT_BUDGET,
  DEFAULT_CONTENT_MEMORY,
  DEFAULT_DATA_DIR,
  DEFAULT_DRAIN_TIMEOUT_MS,
  DEFAULT_HOOK_TIMEOUT_MS,
  DEFAULT_LIMITS,
  DEFAULT_LISTEN,
  DEFAULT_RETIRE_AFTER_MS,
  DEFAULT_SLOW_READERS,
  DEFAULT_TIMEOUTS,
  DEFAULT_UPGRADES,
} from "./defaults.ts";
import { toOnDemand } from "./normalize-acme.ts";
import { toChallenge } from "./normalize-challenge.ts";
import { flattenPlugins } from "./flatten-plugins.ts";
import { toStore } from "./normalize-cache.ts";
import { toCompression } from "./normalize-compression.ts";
import { toHeaderRules } from "./normalize-fields.ts";
import { toAllowlists, toBlocklists } from "./normalize-ip-lists.ts";
import { toRateLimits } from "./normalize-rate-limits.ts";
import { toRequestContent } from "./normalize-request-content.ts";
import { toRoute } from "./normalize-route.ts";
import { toTls } from "./normalize-tls.ts";
import { toUpstream } from "./normalize-upstream.ts";
import { toWaf } from "./normalize-waf.ts";
import type {
  ResolvedAdmin,
  ResolvedConfig,
  ResolvedLimits,
  ResolvedListen,
  ResolvedTimeouts,
  ResolvedTrust,
  ResolvedUpstream,
  UserConfig,
} from "./resolved-config.ts";
import { HOOK_NAMES } from "./schema.ts";
import { parseDuration, parseSize } from "../units.ts";

/** Fills in every default. Only for what `validate` found valid. The result is frozen; what the user wrote is not touched. */
export function normalize(
  config: UserConfig,
  file: string,
  command: ConfigEnv["command"],
): ResolvedConfig {
  const dir = dirname(file);
  const challenge = toChallenge(config.challenge);
  const waf = toWaf(config.waf);
  const requestContent = toRequestContent(config.requestContent);
  const compression = toCompression(config.compression);
  const upgrades = lowerCase(config.upgrades ?? DEFAULT_UPGRADES);
  const { forwarded: { forwarded = true, xForwarded = true, via = true } = {}, log = {} } = config;
  return Object.freeze({
    file,
    dir,
    listen: toListeners(config, dir),
    serverNameHooks: toServerNameHooks(config),
    onDemandFunctions: Object.freeze(listenersOf(config).map(({ tls }) => toOnDemand(tls))),
    admin: toAdmin(config.admin, command),
    trustedProxies: toTrust(config.trustedProxies),
    upstreams: toUpstreams(config, dir),
    routes: Object.freeze(
      (config.routes ?? []).map((route, index) =>
        toRoute(route, index, {
          upgrades,
          requestContent,
          compression,
          cache: config.cache,
          challenge,
          waf,
        }),
      ),
    ),
    headers: toHeaderRules(config.headers),
    rateLimits: toRateLimits(config.rateLimits),
    rateLimitMode: config.rateLimitMode ?? "block",
    challenge,
    waf,
    allowlists: toAllowlists(config.allowlists, dir),
    blocklists: toBlocklists(config.blocklists, dir),
    requestContent,
    contentBudget: toContentBudget(config.requestContent?.budget),
    slowReaders: toSlowReaders(config),
    responseContentMemory: parseSize(config.responseContent?.memory) ?? DEFAULT_CONTENT_MEMORY,
    store: toStore(config.cache),
    compression,
    hookTimeoutMs: parseDuration(config.timeouts?.hook) ?? DEFAULT_HOOK_TIMEOUT_MS,
    timeouts: toTimeouts(config.timeouts, DEFAULT_TIMEOUTS),
    upgrades,
    trace: config.trace ?? false,
    encodedSlash: config.paths?.encodedSlash ?? "refuse",
    forwarded: Object.freeze({ forwarded, xForwarded, via: toPseudonym(via, file) }),
    log: Object.freeze({
      level: log.level ?? "info",
      access: log.access ?? true,
      format: log.format ?? "auto",
      redact: Object.freeze([...(log.redact ?? [])]),
    }),
    plugins: toPlugins(config.plugins),
    hooks: toHooks(config),
    dataDir: resolve(dir, config.dataDir ?? DEFAULT_DATA_DIR),
    retireAfterMs: parseDuration(config.retireAfter) ?? DEFAULT_RETIRE_AFTER_MS,
    closeStreamsAfterMs: parseDuration(config.closeStreamsAfter),
    drainTimeoutMs: parseDuration(config.drainTimeout) ?? DEFAULT_DRAIN_TIMEOUT_MS,
  });
}

function toSlowReaders({
  responseContent = {},
  limits = {},
}: UserConfig): ResolvedConfig["slowReaders"] {
  const budgetBytes = parseSize(responseContent.budget) ?? DEFAULT_SLOW_READERS.budgetBytes;
  return Object.freeze({
    aheadBytes: parseSize(responseContent.ahead) ?? DEFAULT_SLOW_READERS.aheadBytes,
    budgetBytes,
    clientBytes: budgetBytes * (responseContent.clientShare ?? DEFAULT_SLOW_READERS.clientShare),
    minRate:
      limits.sendRate === 0 ? 0 : (parseSize(limits.sendRate) ?? DEFAULT_SLOW_READERS.minRate),
  });
}

function toContentBudget(budget: ContentBudgetConfig = {}): ResolvedConfig["contentBudget"] {
  return Object.freeze({
    memoryBytes: parseSize(budget.memory) ?? DEFAULT_CONTENT_BUDGET.memoryBytes,
    diskBytes: parseSize(budget.disk) ?? DEFAULT_CONTENT_BUDGET.diskBytes,
    clientShare: budget.clientShare ?? DEFAULT_CONTENT_BUDGET.clientShare,
  });
}

function toListeners(config: UserConfig, dir: string): readonly ResolvedListen[] {
  const limits = toLimits(config.limits);
  const hasPlain = listenersOf(config).some(({ tls }) => tls === undefined);
  return Object.freeze(
    listenersOf(config).map(
      ({
        host = DEFAULT_LISTEN.host,
        port,
        h2c = DEFAULT_LISTEN.h2c,
        redirectToHttps = DEFAULT_LISTEN.redirectToHttps,
        tls,
        proxyProtocol,
      }) =>
        Object.freeze({
          host,
          port,
          h2c,
          tls: toTls(tls, dir, hasPlain),
          redirectToHttps,
          proxyProtocol:
            proxyProtocol && Object.freeze({ from: Object.freeze([...proxyProtocol.from]) }),
          limits,
        }),
    ),
  );
}

function toServerNameHooks(config: UserConfig): ResolvedConfig["serverNameHooks"] {
  return Object.freeze(
    listenersOf(config).map(({ tls }) =>
      typeof tls === "object" ? tls.onServerName?.bind(tls) : undefined,
    ),
  );
}

function listenersOf(config: UserConfig): readonly ListenConfig[] {
  return [config.listen ?? DEFAULT_LISTEN].flat();
}

function toLimits(limits: LimitsConfig = {}): ResolvedLimits {
  return Object.freeze({
    headBytes: parseSize(limits.head) ?? DEFAULT_LIMITS.headBytes,
    targetBytes: parseSize(limits.target) ?? DEFAULT_LIMITS.targetBytes,
    headTimeMs: parseDuration(limits.headTime) ?? DEFAULT_LIMITS.headTimeMs,
    contentIdleMs: parseDuration(limits.contentIdle) ?? DEFAULT_LIMITS.contentIdleMs,
    sendIdleMs: parseDuration(limits.sendIdle) ?? DEFAULT_LIMITS.sendIdleMs,
    keepAliveMs: parseDuration(limits.keepAlive) ?? DEFAULT_LIMITS.keepAliveMs,
    connections: limits.connections ?? DEFAULT_LIMITS.connections,
    connectionsPerAddress: limits.connectionsPerAddress ?? DEFAULT_LIMITS.connectionsPerAddress,
    pipelined: limits.pipelined ?? DEFAULT_LIMITS.pipelined,
    concurrentStreams: limits.http2?.concurrentStreams ?? DEFAULT_LIMITS.concurrentStreams,
    resets: limits.http2?.resets ?? DEFAULT_LIMITS.resets,
    controlFrames: limits.http2?.controlFrames ?? DEFAULT_LIMITS.controlFrames,
  });
}

function toAdmin(
  admin: AdminConfig | false | undefined,
  command: ConfigEnv["command"],
): ResolvedAdmin | undefined {
  if (admin === false || (admin === undefined && command !== "dev")) return undefined;
  return Object.freeze({
    host: admin?.host ?? DEFAULT_ADMIN.host,
    port: admin?.port ?? DEFAULT_ADMIN.port,
    anyPort: admin === undefined,
    token: admin?.token,
    hosts: lowerCase(admin?.hosts ?? []),
  });
}

function toTrust(trusted: UserConfig["trustedProxies"]): ResolvedTrust {
  if (typeof trusted === "number") {
    return Object.freeze(trusted === 0 ? { kind: "none" } : { kind: "hops", count: trusted });
  }
  if (trusted === undefined || trusted.length === 0) return Object.freeze({ kind: "none" });
  return Object.freeze({ kind: "ranges", ranges: Object.freeze([...trusted]) });
}

function toUpstreams(config: UserConfig, dir: string): ReadonlyMap<string, ResolvedUpstream> {
  const timeouts = toTimeouts(config.timeouts, DEFAULT_TIMEOUTS);
  return frozenMap(
    Object.entries(config.upstreams ?? {}).map(
      ([name, upstream]) =>
        [name, toUpstream(name, upstream, dir, (own) => toTimeouts(own, timeouts))] as const,
    ),
  );
}

function toTimeouts(own: UpstreamTimeouts | undefined, base: ResolvedTimeouts): ResolvedTimeouts {
  return Object.freeze({
    connectMs: parseDuration(own?.connect) ?? base.connectMs,
    responseHeadMs: parseDuration(own?.responseHead) ?? base.responseHeadMs,
    idleMs: parseDuration(own?.idle) ?? base.idleMs,
    totalMs: own?.total === undefined ? base.totalMs : parseDuration(own.total),
  });
}

/**
 * The same in all threads of a process, different in others: a request that comes back to any thread of ours is a loop
 * (RFC 9110 §7.6.3), one that passes two Gatewrights in a row is none.
 */
function toPseudonym(via: boolean | string, file: string): string | undefined {
  if (via === false) return undefined;
  if (typeof via === "string") return via;
  const seed = JSON.stringify([hostname(), process.pid, file]);
  return `gatewright-${createHash("sha256").update(seed).digest("hex").slice(0, 12)}`;
}

function toPlugins(plugins: UserConfig["plugins"]): readonly Plugin[] {
  const all = flattenPlugins(plugins).map(({ value }) => value as Plugin);
  return Object.freeze([
    ...all.filter((plugin) => plugin.order === "pre"),
    ...all.filter((plugin) => plugin.order === undefined),
    ...all.filter((plugin) => plugin.order === "post"),
  ]);
}

function toHooks(config: UserConfig): Hooks {
  return Object.freeze(
    Object.fromEntries(
      [...HOOK_NAMES, "transforms" as const]
        .filter((name) => config[name] !== undefined)
        .map((name) => [name, config[name]]),
    ),
  );
}

function lowerCase(texts: readonly string[]): readonly string[] {
  return Object.freeze(texts.map((text) => text.toLowerCase()));
}

/** `Object.freeze` does not reach the entries of a Map. */
function frozenMap<K, V>(entries: readonly (readonly [K, V])[]): ReadonlyMap<K, V> {
  const map = new Map(entries);
  const refuse = () => {
    throw new TypeError("The resolved configuration cannot be changed.");
  };
  return Object.freeze(Object.assign(map, { set: refuse, delete: refuse, clear: refuse }));
}
