import type {
  CacheConfig,
  RouteConfig,
  RouteMatch,
  Rewrite,
  UpstreamTimeouts,
} from "@gatewright/sdk";

import { DEFAULT_REDIRECT_STATUS } from "./defaults.ts";
import { toMirror } from "./normalize-balance.ts";
import { toRouteCache } from "./normalize-cache.ts";
import { toRouteCompression } from "./normalize-compression.ts";
import { toRouteChallenge, type ResolvedChallenge } from "./normalize-challenge.ts";
import { toHeaderRules, toRawFields } from "./normalize-fields.ts";
import { toRequestContent } from "./normalize-request-content.ts";
import { toRouteWaf, type ResolvedWaf } from "./normalize-waf.ts";
import { toHedge, toRetry } from "./normalize-retry.ts";
import type {
  ResolvedAction,
  ResolvedCompression,
  ResolvedMatch,
  ResolvedRequestContent,
  ResolvedRewrite,
  ResolvedRoute,
  ResolvedTimeouts,
} from "./resolved-config.ts";
import { toHostPattern, toPathPattern } from "./schema-patterns.ts";
import { parseDuration } from "../units.ts";

/** What holds where a route says nothing. */
export interface RouteBase {
  readonly upgrades: readonly string[];
  readonly requestContent: ResolvedRequestContent;
  readonly compression: ResolvedCompression | undefined;
  readonly cache: CacheConfig | undefined;
  readonly challenge: ResolvedChallenge | undefined;
  readonly waf: ResolvedWaf | undefined;
}

export function toRoute(route: RouteConfig, index: number, base: RouteBase): ResolvedRoute {
  const match = toMatch(route.match);
  return Object.freeze({
    index,
    name: route.name ?? routeName(index, match),
    isNamed: route.name !== undefined,
    match,
    action: toAction(route),
    rewrite: toRewrite(route.rewrite),
    headers: toHeaderRules(route.headers),
    host: route.host,
    timeouts: toTimeouts(route.timeouts),
    retry: toRetry(route.retry),
    hedge: toHedge(route.hedge),
    upgrades:
      route.upgrades === undefined
        ? base.upgrades
        : Object.freeze(route.upgrades.map((token) => token.toLowerCase())),
    requestContent: toRequestContent(route.requestContent, base.requestContent),
    cache: toRouteCache(route.cache, base.cache),
    compression: toRouteCompression(route.compression, base.compression),
    mirror: toMirror(route.mirror),
    challenge: toRouteChallenge(route.challenge, base.challenge),
    waf: toRouteWaf(route.waf, base.waf),
    rateLimits: Object.freeze([...(route.rateLimits ?? [])]),
    rateLimitMode: route.rateLimitMode,
  });
}

/** Only what is written; the rest is the upstream's. */
function toTimeouts(own: UpstreamTimeouts | undefined): Partial<ResolvedTimeouts> {
  const connectMs = parseDuration(own?.connect);
  const responseHeadMs = parseDuration(own?.responseHead);
  const idleMs = parseDuration(own?.idle);
  return Object.freeze({
    ...(connectMs === undefined ? {} : { connectMs }),
    ...(responseHeadMs === undefined ? {} : { responseHeadMs }),
    ...(idleMs === undefined ? {} : { idleMs }),
    // `false` is there, with no value: it lifts the upstream's.
    ...(own?.total === undefined ? {} : { totalMs: parseDuration(own.total) }),
  });
}

/** For people: `#3 GET a.test/api/*`. The number counts from 1, as in "the third route". */
function routeName(index: number, match: ResolvedMatch): string {
  const methods = match.methods.length === 0 ? "" : `${match.methods.join(",")} `;
  const place = `${firstOf(match.hosts)}${firstOf(match.paths)}`;
  const rest = place === "" ? (match.when === undefined ? "any" : "when(…)") : place;
  return `#${index + 1} ${methods}${rest}`;
}

function firstOf(texts: readonly string[]): string {
  const [first = ""] = texts;
  return texts.length > 1 ? `${first}|…` : first;
}

function toMatch(match: RouteMatch = {}): ResolvedMatch {
  return Object.freeze({
    hosts: toList(match.host, (host) => toHostPattern(host) ?? host.toLowerCase()),
    paths: toList(match.path, toPathPattern),
    methods: toList(match.method, (method) => method),
    fields: Object.freeze(
      Object.entries(match.headers ?? {}).map(([name, value]) =>
        Object.freeze([name.toLowerCase(), value] as const),
      ),
    ),
    query: Object.freeze(
      Object.entries(match.query ?? {}).map(([name, value]) =>
        Object.freeze([name, value] as const),
      ),
    ),
    when: match.when,
  });
}

function toList(
  value: string | readonly string[] | undefined,
  convert: (text: string) => string,
): readonly string[] {
  const list = value === undefined ? [] : typeof value === "string" ? [value] : value;
  return Object.freeze([...new Set(list.map(convert))]);
}

function toAction(route: RouteConfig): ResolvedAction {
  if (route.upstream !== undefined) {
    return Object.freeze({ kind: "upstream", upstream: route.upstream });
  }
  if (route.redirect !== undefined) {
    const { to, status = DEFAULT_REDIRECT_STATUS } =
      typeof route.redirect === "string" ? { to: route.redirect } : route.redirect;
    return Object.freeze({ kind: "redirect", to, status });
  }
  if (route.respond === undefined) return Object.freeze({ kind: "none" });
  const { status = 200, headers, body = "" } = route.respond;
  const fields = toRawFields(headers);
  const hasType = fields.some((text, at) => at % 2 === 0 && text.toLowerCase() === "content-type");
  if (body !== "" && !hasType) fields.push("content-type", "text/plain; charset=utf-8");
  return Object.freeze({
    kind: "respond",
    status,
    fields: Object.freeze(fields),
    body: new TextEncoder().encode(body),
  });
}

function toRewrite(rewrite: Rewrite | undefined): ResolvedRewrite | undefined {
  if (rewrite === undefined) return undefined;
  return Object.freeze({
    stripPrefix: withoutEndSlash(rewrite.stripPrefix),
    addPrefix: withoutEndSlash(rewrite.addPrefix),
    replace: rewrite.replace === undefined ? undefined : Object.freeze({ ...rewrite.replace }),
  });
}

/** `/api/` and `/api` mean the same prefix: it ends at a segment boundary either way. */
function withoutEndSlash(prefix: string | undefined): string | undefined {
  const short = prefix === undefined ? undefined : toPathPattern(prefix).replace(/\/$/, "");
  return short === "" ? undefined : short;
}
