/** Whether what is stored may answer: RFC 9111 §4, §4.2, §4.2.4, §5.2.1; RFC 5861. */
import { cacheDirectives, deltaSeconds } from "../../http/cache-directives.ts";
import { fieldValue, hasField, type ReadonlyRawFields } from "../../http/raw-fields.ts";
import type { StoredResponse } from "./stored-response.ts";

/** What a client asks of a cache (RFC 9111 §5.2.1). All of it is obeyed: it costs at most one fetch for each key at a time. */
export interface ClientDirectives {
  readonly noCache: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAgeMs: number | undefined;
  readonly minFreshMs: number;
  /** `Infinity`: any. */
  readonly maxStaleMs: number;
}

const NOTHING: ClientDirectives = Object.freeze({
  noCache: false,
  onlyIfCached: false,
  maxAgeMs: undefined,
  minFreshMs: 0,
  maxStaleMs: 0,
});

export function clientDirectives(requestFields: ReadonlyRawFields): ClientDirectives {
  if (!hasField(requestFields, "cache-control")) {
    // RFC 9111 §5.4: from clients older than Cache-Control.
    const pragma = fieldValue(requestFields, "pragma");
    if (pragma === undefined || !/(?:^|,)[ \t]*no-cache[ \t]*(?:,|$)/i.test(pragma)) return NOTHING;
    return { ...NOTHING, noCache: true };
  }
  const directives = cacheDirectives(requestFields);
  const ms = (name: string): number | undefined => {
    const seconds = deltaSeconds(directives.get(name));
    return seconds === undefined ? undefined : seconds * 1000;
  };
  return {
    noCache: directives.has("no-cache"),
    onlyIfCached: directives.has("only-if-cached"),
    maxAgeMs: ms("max-age"),
    minFreshMs: ms("min-fresh") ?? 0,
    maxStaleMs:
      directives.get("max-stale") === "" ? Number.POSITIVE_INFINITY : (ms("max-stale") ?? 0),
  };
}

export type Reuse =
  /** Answered with it: fresh, or stale with the client's leave. */
  | "fresh"
  | "stale"
  /** Answered with it, and fetched again behind the client's back (RFC 5861 §3). */
  | "stale-while-revalidate"
  /** The origin server is asked first: because it is stale, or because the client wants that (RFC 9211 §2.2). */
  | "validate-stale"
  | "validate-request";

/** What a stored response is good for now. `now` in milliseconds since 1970. */
export function reuse(stored: StoredResponse, asked: ClientDirectives, now: number): Reuse {
  const { verdict } = stored;
  if (asked.noCache) return "validate-request";
  // RFC 9111 §5.2.2.4: never without asking, however fresh.
  if (verdict.noCache) return "validate-stale";
  if (asked.maxAgeMs !== undefined && now - stored.bornAt > asked.maxAgeMs) {
    return "validate-request";
  }
  const left = stored.freshUntil - now;
  if (left > 0) return left >= asked.minFreshMs ? "fresh" : "validate-request";
  // Who wants it fresh for longer does not want it stale.
  if (asked.minFreshMs > 0) return "validate-stale";
  if (asked.maxStaleMs > 0 && -left <= asked.maxStaleMs && !verdict.mustRevalidate) return "stale";
  const window = verdict.staleWhileRevalidateMs;
  // A client that names an age that it puts up with gets nothing older than fresh.
  if (window > 0 && -left <= window && asked.maxAgeMs === undefined) {
    return "stale-while-revalidate";
  }
  return "validate-stale";
}

/** RFC 9111 §4.2.4: an upstream that cannot be reached is no reason to go dark, where no directive forbids it. */
const UNREACHABLE_MS = 86_400_000;

/** Whether it may answer in place of an upstream that answers with an error status, or (`unreachable`) not at all. */
export function answersForError(
  stored: StoredResponse,
  unreachable: boolean,
  now: number,
): boolean {
  const { staleIfErrorMs, mustRevalidate, noCache } = stored.verdict;
  if (noCache) return false;
  const staleMs = now - stored.freshUntil;
  if (staleIfErrorMs > 0) return staleMs <= staleIfErrorMs;
  return unreachable && !mustRevalidate && staleMs <= UNREACHABLE_MS;
}
