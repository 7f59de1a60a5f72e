import {
  cacheDirectives,
  deltaSeconds,
  targetedDirectives,
  type Directives,
} from "../../http/cache-directives.ts";
import { httpDate } from "../../http/http-date.ts";
import {
  fieldValue,
  fieldValues,
  hasField,
  type ReadonlyRawFields,
} from "../../http/raw-fields.ts";

/** How a route caches. */
export interface CachePolicy {
  readonly ttlMs: number | undefined;
  readonly statuses: readonly number[] | undefined;
  readonly staleWhileRevalidateMs: number | undefined;
  readonly staleIfErrorMs: number | undefined;
  readonly heuristic: boolean;
  readonly setCookie: "skip" | "strip";
}

/** Why a response may not be stored. */
export type RefusedStorage =
  | "status"
  | "must-understand"
  | "no-store"
  | "request-no-store"
  | "private"
  | "set-cookie"
  | "authorization"
  | "vary"
  | "no-lifetime";

/** What a response says about its storing, and why. */
export interface Storability {
  /** Absent: it may be stored. */
  readonly refused: RefusedStorage | undefined;
  readonly lifetimeMs: number;
  /** RFC 9111 §4.2.2. */
  readonly heuristic: boolean;
  /** Its age when it arrived (RFC 9111 §4.2.3). */
  readonly ageMs: number;
  /** Never without asking: `no-cache` (RFC 9111 §5.2.2.4). */
  readonly noCache: boolean;
  /** RFC 9111 §4.2.4: not stale, beyond what the two below say. */
  readonly mustRevalidate: boolean;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
}

/** RFC 9110 §15.1; 206 is not stored. */
const HEURISTIC = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
/** What `must-understand` (RFC 9111 §5.2.2.3) is about: statuses whose rules are followed here. */
const UNDERSTOOD = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501]);
const DAY_MS = 86_400_000;

/**
 * Whether a response may be stored, and for how long it is fresh (RFC 9111 §3, §4.2). `ttlMs`: a hook's word instead of
 * the response's. Times in milliseconds since 1970.
 */
export function judgeResponse(
  requestFields: ReadonlyRawFields,
  status: number,
  fields: ReadonlyRawFields,
  policy: CachePolicy,
  requestedAt: number,
  receivedAt: number,
  ttlMs: number | undefined,
): Storability {
  const targeted = targetedDirectives(fields, "cdn-cache-control") ?? surrogateDirectives(fields);
  const directives = targeted ?? cacheDirectives(fields);
  const date = httpDate(fieldValue(fields, "date")) ?? receivedAt;
  const life = lifetime(status, fields, directives, targeted !== undefined, policy, date, ttlMs);
  const noCache = directives.has("no-cache");
  const forbids =
    directives.has("must-revalidate") || directives.has("proxy-revalidate") || noCache;
  const mustRevalidate = forbids || directives.has("s-maxage");
  const stale = (name: string, own: number | undefined): number => {
    if (forbids) return 0;
    const stated = deltaSeconds(directives.get(name));
    // RFC 5861: s-maxage alone forbids it as `proxy-revalidate` does (RFC 9111 §5.2.2.10), the route's option included;
    // an origin that writes both in one field has said how long.
    if (mustRevalidate) return (stated ?? 0) * 1000;
    return own ?? (stated ?? 0) * 1000;
  };
  return {
    refused: refusal(requestFields, status, fields, directives, policy, life.stated, noCache),
    lifetimeMs: noCache ? 0 : life.ms,
    heuristic: life.heuristic,
    ageMs: initialAge(fields, date, requestedAt, receivedAt),
    noCache,
    mustRevalidate,
    staleWhileRevalidateMs: stale("stale-while-revalidate", policy.staleWhileRevalidateMs),
    staleIfErrorMs: stale("stale-if-error", policy.staleIfErrorMs),
  };
}

/** `Surrogate-Control: max-age=60+30`: the second number is how long it may be stale (Edge Architecture, §2.2). */
function surrogateDirectives(fields: ReadonlyRawFields): Directives | undefined {
  if (!hasField(fields, "surrogate-control")) return undefined;
  const own = new Map(cacheDirectives(fields, "surrogate-control"));
  const [fresh, stale] = own.get("max-age")?.split("+") ?? [];
  if (fresh !== undefined) own.set("max-age", fresh);
  if (stale !== undefined) own.set("stale-while-revalidate", stale);
  return own.has("max-age") || own.has("no-store") ? own : undefined;
}

function refusal(
  requestFields: ReadonlyRawFields,
  status: number,
  fields: ReadonlyRawFields,
  directives: Directives,
  policy: CachePolicy,
  stated: boolean,
  noCache: boolean,
): RefusedStorage | undefined {
  if (status < 200 || status === 206 || status === 304) return "status";
  if (policy.statuses !== undefined && !policy.statuses.includes(status)) return "status";
  if (directives.has("must-understand")) {
    if (!UNDERSTOOD.has(status)) return "must-understand";
  } else if (directives.has("no-store")) {
    return "no-store";
  }
  if (cacheDirectives(requestFields).has("no-store")) return "request-no-store";
  if (directives.has("private")) return "private";
  // RFC 9111 §7.3: it leaves this to the origin, which forgets it.
  if (hasField(fields, "set-cookie") && policy.setCookie === "skip") return "set-cookie";
  // RFC 9111 §3.5.
  if (
    hasField(requestFields, "authorization") &&
    !directives.has("public") &&
    !directives.has("s-maxage") &&
    !directives.has("must-revalidate")
  )
    return "authorization";
  if (fieldValues(fields, "vary").some((line) => /(?:^|,)\s*\*\s*(?:,|$)/.test(line)))
    return "vary";
  if (stated || noCache) return undefined;
  if (!HEURISTIC.has(status) && !directives.has("public")) return "status";
  if (hasField(fields, "etag") || hasField(fields, "last-modified") || directives.has("public"))
    return undefined;
  return "no-lifetime";
}

function lifetime(
  status: number,
  fields: ReadonlyRawFields,
  directives: Directives,
  targeted: boolean,
  policy: CachePolicy,
  date: number,
  ttlMs: number | undefined,
): { ms: number; heuristic: boolean; stated: boolean } {
  if (ttlMs !== undefined) return { ms: ttlMs, heuristic: false, stated: true };
  const shared = directives.get("s-maxage");
  if (shared !== undefined && !targeted)
    return { ms: (deltaSeconds(shared) ?? 0) * 1000, heuristic: false, stated: true };
  const own = directives.get("max-age");
  if (own !== undefined)
    return { ms: (deltaSeconds(own) ?? 0) * 1000, heuristic: false, stated: true };
  if (!targeted) {
    const expires = fieldValues(fields, "expires");
    if (expires.length > 0) {
      // RFC 9111 §5.3: what is no date has passed.
      const at = httpDate(expires[0]);
      const ms = at === undefined ? 0 : Math.max(0, at - date);
      return { ms, heuristic: false, stated: true };
    }
  }
  if (policy.ttlMs !== undefined && (HEURISTIC.has(status) || policy.statuses !== undefined))
    return { ms: policy.ttlMs, heuristic: false, stated: true };
  if (!policy.heuristic || (!HEURISTIC.has(status) && !directives.has("public")))
    return { ms: 0, heuristic: false, stated: false };
  const modified = httpDate(fieldValue(fields, "last-modified"));
  if (modified === undefined || modified >= date) return { ms: 0, heuristic: false, stated: false };
  return { ms: Math.min((date - modified) / 10, DAY_MS), heuristic: true, stated: false };
}

function initialAge(
  fields: ReadonlyRawFields,
  date: number,
  requestedAt: number,
  receivedAt: number,
): number {
  // RFC 9111 §5.1: of several the first; what is no number is none.
  const [age = ""] = fieldValue(fields, "age")?.split(",") ?? [];
  const stated = (deltaSeconds(age.trim()) ?? 0) * 1000;
  // Dates are whole seconds: without rounding down, a response would be up to a second old when it comes.
  const apparent = Math.floor((receivedAt - date) / 1000) * 1000;
  return Math.max(apparent, stated + (receivedAt - requestedAt), 0);
}
